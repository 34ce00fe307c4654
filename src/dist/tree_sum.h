#pragma once
/* The sum of the shards' arrays that one rank makes, in the order of a fixed binary tree: neighbours first,
 * then pairs of neighbours, and so on. As long as a rank owns a complete subtree, the result has the same
 * bits whoever adds which part.
 *
 * Shards come one after the other, and a partial sum waits only for the one beside it, as the digits of a
 * binary counter do:
 *
 *   shard      0     1        2     3              4     5
 *   levels     A0    A0+1     ..    A01+A23        A4    A4+5
 *
 * so that floor(log2(shards)) + 1 arrays are enough, one per level. The last shard's array need not be
 * complete as a whole: what is complete of it can be summed range by range, while the rest is computed.
 *
 *     for every shard        tree_sum_next, into which it is accumulated
 *     but for the last       tree_sum_add
 *     for the last           tree_sum_complete, until the ranges cover the array; tree_sum_reset
 *
 * Where all shards have a range of the array before any of them has the next one, each range is a sum of its
 * own, and the levels serve one after the other. */
#include <stddef.h>

enum { TREE_SUM_LEVELS_MAX = 33 };

/* How many arrays are needed for so many shards, at least 1. */
size_t tree_sum_levels(size_t shards);

/* A sum in the making. `levels`: arrays of `count` floats, borrowed. */
struct tree_sum {
    float *levels[TREE_SUM_LEVELS_MAX];
    size_t count, added;
    int threads;
};

/* Where the next shard is to be accumulated: an array with zeros from `first` on for `count` floats, the
 * sum's range, valid until tree_sum_add or tree_sum_reset. */
float *tree_sum_next(struct tree_sum *sum, size_t first, size_t count);

/* The range of tree_sum_next is complete, and is not the last shard's. */
void tree_sum_add(struct tree_sum *sum, size_t first, size_t count);

/* Where the sum of so many shards is going to stand. */
float *tree_sum_result(const struct tree_sum *sum, size_t shards);

/* The array of tree_sum_next is the last, and complete from `first` on for `count` floats: their sum stands
 * in the result from now on. No range twice. */
void tree_sum_complete(struct tree_sum *sum, size_t first, size_t count);

/* Every range is complete: a new sum begins; the result stays until tree_sum_next of the same
 * range. */
void tree_sum_reset(struct tree_sum *sum);

/* The sum of no shard, in the result of none: -0 everywhere, which added to any x gives the bits of x, also
 * those of -0. */
void tree_sum_none(struct tree_sum *sum);
