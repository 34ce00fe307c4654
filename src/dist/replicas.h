#pragma once
/* Whether all ranks have the same. Parts, such as layers, and their digests are the caller's. */
#include "core/status.h"
#include "dist/comm.h"

#include <stddef.h>
#include <stdint.h>

/* Collective: STATUS_INTERNAL on all ranks where `digests` (count) is not the same everywhere, with one
 * message that names the ranks and hosts that differ from most, and for each the first part in which it does,
 * as names[part] (count). `what`: what the parts are of, as "weights after step 200". Where all is the same,
 * as it should be, this is one reduction of 16 bytes, and takes no memory. */
enum status replicas_compare(const struct comm *comm, const char *what, const uint64_t *digests,
                             const char *const *names, size_t count);

/* The message: what is wrong with `digests` (size, count) of ranks on `hosts` (size), not all of which are
 * the same. Pure. */
void replicas_describe(const char *what, const uint64_t *digests, const char *const *names, size_t count,
                       const char *const *hosts, int size, char text[STATUS_MESSAGE_MAX]);
