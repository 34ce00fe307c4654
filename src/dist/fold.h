#pragma once
/* Sums of a few numbers that every rank wants at once, in the order of the tree in which gradients are summed
 * (dist/tree_sum.h, dist/tree.h): each rank adds up its own shards, then neighbours exchange what they have
 * and both add, then pairs of neighbours, and so on. As there, the bits do not depend on how many ranks there
 * are where ranks and shards are powers of two; and they are the same on all ranks in any case. */
#include "dist/comm.h"

/* numbers (shards, count): their sum over the shards, into the first row, of which there is room in any case.
 * The sum of none is -0, which added to any x gives the bits of x. */
void fold_shards(double *numbers, size_t shards, size_t count);

/* Collective: the sum over the ranks of numbers (count, at most 2^31 - 1), in place. Scratch: (count). Tells
 * the watch. */
void fold_ranks(const struct comm *comm, double *numbers, double *scratch, size_t count);
