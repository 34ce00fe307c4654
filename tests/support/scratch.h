#pragma once
/* A folder for a test's files, gone afterwards, and the question whether a failure said what it should. */
#include "core/status.h"

#include <stddef.h>

/* cmocka's group set-up and tear-down: a new empty folder; away with it and all that is in it. */
int scratch_create(void **state);
int scratch_destroy(void **state);

/* FOLDER/name, valid for four more calls; "" gives the folder. */
const char *scratch_path(const char *name);

/* The file's bytes: written; read whole, zero-terminated, to be freed by the caller (`size` may be NULL). */
void scratch_write(const char *path, const void *bytes, size_t size);
char *scratch_read(const char *path, size_t *size);

/* Fails the running cmocka test unless status is `code` and its message has every one of the words; NULL ends
 * them. */
void assert_failure(enum status status, enum status code, ...) __attribute__((sentinel));

/* Fails the running cmocka test with the message unless status is OK. */
void assert_done(enum status status);
