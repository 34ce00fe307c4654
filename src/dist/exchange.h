#pragma once
/* One step of a collective: a part of an array of floats goes to one rank while another part comes from one.
 *
 * Both are cut into segments, one message each, so that a segment is added while the next ones travel, a
 * count never exceeds an int, and a rank needs memory for few segments only. EXCHANGE_DEPTH messages of
 * either kind are on their way at any time, receives posted first:
 *
 *   receive    [0 1 2 3]  [4]  [5]  [6] ...
 *   add                   [0]  [1]  [2] ...
 *   send       [0 1 2 3]  [4]  [5]  [6] ...
 *
 * The ranks need not be at the same segment. */
#include "dist/shard.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { EXCHANGE_DEPTH = 4, EXCHANGE_SEGMENT_MAX = 1 << 28 };

/* The ranks, and what waiting and adding need. All borrowed. */
struct exchange {
    MPI_Comm comm;
    int rank, size;
    size_t segment;             /* floats of one message, 1 to EXCHANGE_SEGMENT_MAX; the same on all ranks */
    float *scratch;             /* (EXCHANGE_DEPTH, segment) */
    const atomic_bool *patient; /* how to wait: see struct allreduce */
};

/* What goes where. The ranges, of the same array, do not overlap; either may be empty. */
struct exchange_step {
    int to, from; /* ranks, which may be the same */
    struct range sent, received;
    bool add; /* what arrives is added to what is there; otherwise replaces it */
};

/* Segment `i` of a range that is cut into pieces of `segment` floats, the last of which may be shorter; empty
 * behind the end. */
struct range exchange_segment(struct range range, size_t segment, size_t i);

/* Does the step; returns when all has arrived, and what was sent may be overwritten. Rank `to` must be
 * receiving as many floats from this rank, and rank `from` sending as many to it. */
void exchange_run(const struct exchange *exchange, float *array, const struct exchange_step *step);
