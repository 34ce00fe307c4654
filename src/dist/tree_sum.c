#include "dist/tree_sum.h"

#include <string.h>

size_t tree_sum_levels(size_t shards)
{
    size_t levels = 1;
    while (shards >>= 1)
        levels++;
    return levels;
}

/* The lowest levels that are in use without a gap, which the next shard is going to be merged with; the one
 * above them is free, and takes it. */
static size_t trailing_ones(size_t added)
{
    size_t level = 0;
    for (; added & 1; added >>= 1)
        level++;
    return level;
}

/* a += b */
static void add(struct tree_sum *sum, float *a, const float *b)
{
#pragma omp parallel for simd num_threads(sum->threads) schedule(static)
    for (size_t i = 0; i < sum->count; i++)
        a[i] += b[i];
}

float *tree_sum_next(struct tree_sum *sum)
{
    float *next = sum->levels[trailing_ones(sum->added)];
    memset(next, 0, sum->count * sizeof *next);
    return next;
}

void tree_sum_add(struct tree_sum *sum)
{
    size_t top = trailing_ones(sum->added);
    for (size_t level = 0; level < top; level++)
        add(sum, sum->levels[top], sum->levels[level]);
    sum->added++;
}

float *tree_sum_finish(struct tree_sum *sum)
{
    float *result = NULL;
    for (size_t level = 0; level < TREE_SUM_LEVELS_MAX && sum->added >> level; level++) {
        if (!(sum->added >> level & 1))
            continue;
        if (result)
            add(sum, sum->levels[level], result);
        result = sum->levels[level];
    }
    if (!result)
        result = tree_sum_next(sum);
    sum->added = 0;
    return result;
}
