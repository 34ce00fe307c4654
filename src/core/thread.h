#pragma once
/* Threads beside those that compute. */
#include "core/status.h"

#include <pthread.h>

/* Starts `work` with `argument`. The thread has all signals blocked, so that their handlers run where they
 * are expected. `name`, of at most 15 characters, is what debuggers show, and what the message of a failure
 * calls it. */
enum status thread_start(pthread_t *thread, const char *name, void *(*work)(void *), void *argument);
