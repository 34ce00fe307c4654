#pragma once
/* Whether all ranks of a job were given the same. */
#include "dist/comm.h"

#include <stdint.h>

/* Something that all ranks must have alike, and a digest of what this rank has. */
struct same_item {
    const char *name; /* "program", "configuration" */
    enum status code; /* of the failure where it differs */
    uint64_t digest;
};

/* Collective, with the same names in the same order on every rank. Where ranks differ, all ranks get the code
 * of the first item that differs, and one message, which says for each item that does on which ranks:
 *
 *     not all ranks have the same program: rank 3 on node1, ranks 4-7 on node2 differ from rank 0 on node1
 */
enum status same_check(const struct comm *comm, const struct same_item *items, size_t count);

/* The part of that message behind the colon, for the digests of ranks 0 to size-1 and the hosts that they run
 * on. What most ranks have is taken for the right one; of equally many, what the lowest of them has. "" where
 * all are the same. Written up to `space` bytes; more than SAME_GROUPS_MAX groups of ranks are cut to their
 * number. */
enum { SAME_GROUPS_MAX = 8 };
void same_difference(const uint64_t *digests, const char (*hosts)[COMM_HOST_MAX], size_t size, char *out,
                     size_t space);
