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
 * so that floor(log2(shards)) + 1 arrays are enough, one per level. */
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

/* Where the next shard is to be accumulated: an array of zeros, valid until tree_sum_add. */
float *tree_sum_next(struct tree_sum *sum);

/* The array of tree_sum_next is complete. */
void tree_sum_add(struct tree_sum *sum);

/* The sum of all that were added (zeros if none was), and starts anew; the array is valid until the next
 * tree_sum_next. */
float *tree_sum_finish(struct tree_sum *sum);
