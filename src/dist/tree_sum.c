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
static void add(const struct tree_sum *sum, float *a, const float *b, size_t count)
{
#pragma omp parallel for simd num_threads(sum->threads) schedule(static) if (count > 16384)
    for (size_t i = 0; i < count; i++)
        a[i] += b[i];
}

float *tree_sum_next(struct tree_sum *sum, size_t first, size_t count)
{
    float *next = sum->levels[trailing_ones(sum->added)];
    memset(next + first, 0, count * sizeof *next);
    return next;
}

/* A range of the array that tree_sum_next gave, merged with the levels that wait for it. */
static float *merge(const struct tree_sum *sum, size_t first, size_t count)
{
    size_t top = trailing_ones(sum->added);
    for (size_t level = 0; level < top; level++)
        add(sum, sum->levels[top] + first, sum->levels[level] + first, count);
    return sum->levels[top];
}

void tree_sum_add(struct tree_sum *sum, size_t first, size_t count)
{
    merge(sum, first, count);
    sum->added++;
}

float *tree_sum_result(const struct tree_sum *sum, size_t shards)
{
    return sum->levels[tree_sum_levels(shards) - 1];
}

void tree_sum_complete(struct tree_sum *sum, size_t first, size_t count)
{
    const float *result = merge(sum, first, count);
    size_t shards = sum->added + 1;
    for (size_t level = trailing_ones(sum->added) + 1; shards >> level; level++) {
        if (!(shards >> level & 1))
            continue;
        add(sum, sum->levels[level] + first, result + first, count);
        result = sum->levels[level];
    }
}

void tree_sum_reset(struct tree_sum *sum)
{
    sum->added = 0;
}

void tree_sum_none(struct tree_sum *sum)
{
    for (size_t i = 0; i < sum->count; i++)
        sum->levels[0][i] = -0.0f;
}
