#pragma once
/* Allreduce by recursive halving and doubling, in the order of a fixed binary tree over the ranks
 * (Rabenseifner, Optimization of collective reduction operations, 2004, with the nearest partner first). The
 * number P of ranks is a power of two.
 *
 * In step k = 0, 1, .. log2(P)-1 a rank and its partner, the rank whose number differs in bit k, hold the
 * same part of the array, each the sum over its own subtree of 2^k ranks. Each keeps one half, the one whose
 * bit k is 0 the lower, sends the other, and adds what arrives: now both hold a half of the sum over 2^(k+1)
 * ranks. Then the steps run backwards, and each sends what it has complete. With P = 4, the array in
 * quarters, "01" for the sum of ranks 0 and 1, and 0..3 for ((0+1)+(2+3)):
 *
 *   step   partners      rank 0              rank 1              rank 2              rank 3
 *   start                0   0   0   0       1   1   1   1       2   2   2   2       3   3   3   3
 *   0      0-1, 2-3      01  01  .   .       .   .   01  01      23  23  .   .       .   .   23  23
 *   1      0-2, 1-3      0..3 .  .   .       .   .  0..3 .       .  0..3 .   .       .   .   .  0..3
 *   1 back               0..3 0..3 . .       .   . 0..3 0..3     0..3 0..3 . .       .   . 0..3 0..3
 *   0 back               all                 all                 all                 all
 *
 * Steps: 2 log2(P). Every rank sends and receives 2(P-1)/P of the array, as in a ring, and adds (P-1)/P of
 * it. Addition of two floats does not care for their order, so that every element is summed as the tree says,
 * whoever sums it: where the ranks' own arrays are complete subtrees (dist/tree_sum.h), the sum has the same
 * bits for every number of ranks. */
#include "dist/exchange.h"

/* log2(P): how often it is halved, and doubled. */
size_t tree_depth(size_t size);

/* The part of the array that a rank holds before halving `step`, and again after doubling back to it: all of
 * it before step 0, 1/P (up to rounding) after the last. */
struct range tree_held(size_t count, size_t rank, size_t step);

/* Who halves and doubles with `rank` in `step`. */
size_t tree_partner(size_t rank, size_t step);

/* Collective: the sum over all ranks, in place. */
void tree_allreduce(const struct exchange *exchange, float *array, size_t count);
