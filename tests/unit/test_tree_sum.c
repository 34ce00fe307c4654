/* The order of the additions shows in values whose float sum depends on it. */
#include "dist/tree_sum.h"
#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS_MAX = 17, COUNT_MAX = 1009 };
static const size_t counts[] = {0, 1, 2, 15, 16, 17, 31, 64, 100, COUNT_MAX};
enum { COUNTS = sizeof counts / sizeof *counts };

/* Element i of a shard: of many magnitudes and both signs. */
static float value(size_t shard, size_t i)
{
    uint64_t at = shard * COUNT_MAX + i;
    return (float)ldexp(2 * array_random(1, at) - 1, (int)(24 * array_random(2, at)));
}

/* The sum of shards first .. first+shards-1 by the definition: the left subtree is the greatest complete one
 * that leaves something to the right. */
static float expected(size_t first, size_t shards, size_t i)
{
    if (shards <= 1)
        return shards ? value(first, i) : -0.0f;
    size_t left = 1;
    while (2 * left < shards)
        left *= 2;
    return expected(first, left, i) + expected(first + left, shards - left, i);
}

/* With as many levels as are asked for, each with memory of its own length. */
static struct tree_sum create(size_t shards, size_t count, int threads)
{
    struct tree_sum sum = {.count = count, .threads = threads};
    for (size_t i = 0; i < tree_sum_levels(shards); i++)
        sum.levels[i] = array_floats(count);
    return sum;
}

static void destroy(struct tree_sum *sum)
{
    for (size_t i = 0; i < TREE_SUM_LEVELS_MAX; i++)
        free(sum->levels[i]);
}

/* Adds the shards up as step.c does, accumulating into what must be zeros; the last of them in ranges of
 * `range` floats, from the end. */
static const float *add_up_in(struct tree_sum *sum, size_t first, size_t shards, size_t range)
{
    for (size_t shard = first; shard < first + shards; shard++) {
        float *next = tree_sum_next(sum, 0, sum->count);
        for (size_t i = 0; i < sum->count; i++)
            next[i] += value(shard, i);
        if (shard + 1 < first + shards)
            tree_sum_add(sum, 0, sum->count);
    }
    for (size_t end = sum->count, begin; shards && end > 0; end = begin) {
        begin = end > range ? end - range : 0;
        tree_sum_complete(sum, begin, end - begin);
    }
    if (shards == 0)
        tree_sum_none(sum);
    tree_sum_reset(sum);
    return tree_sum_result(sum, shards);
}

static const float *add_up(struct tree_sum *sum, size_t first, size_t shards)
{
    return add_up_in(sum, first, shards, sum->count);
}

static void check(struct tree_sum *sum, size_t first, size_t shards)
{
    float *truth = array_floats(sum->count);
    for (size_t i = 0; i < sum->count; i++)
        truth[i] = expected(first, shards, i);
    assert_same_bits("sum", add_up(sum, first, shards), truth, sum->count);
    free(truth);
}

static void test_levels(void **state)
{
    (void)state;
    for (size_t shards = 1; shards < 5000; shards++)
        assert_int_equal(tree_sum_levels(shards), (size_t)floor(log2((double)shards)) + 1);
    assert_int_equal(tree_sum_levels(0), 1);
    assert_int_equal(tree_sum_levels(UINT32_MAX), 32);
    assert_int_equal(tree_sum_levels((size_t)UINT32_MAX + 1), TREE_SUM_LEVELS_MAX);
}

/* Were another order as good, the tests below would say nothing. */
static void test_order_matters(void **state)
{
    (void)state;
    for (size_t shards = 3; shards <= SHARDS_MAX; shards++) {
        size_t differ = 0;
        for (size_t i = 0; i < COUNT_MAX; i++) {
            float in_turn = 0;
            for (size_t shard = 0; shard < shards; shard++)
                in_turn += value(shard, i);
            differ += in_turn != expected(0, shards, i);
        }
        assert_true(shards == 3 || differ > COUNT_MAX / 10); /* of three, the tree's order is in turn */
    }
}

static void test_order(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= SHARDS_MAX; shards++)
        for (size_t c = 0; c < COUNTS; c++) {
            struct tree_sum sum = create(shards, counts[c], 1);
            check(&sum, 0, shards);
            destroy(&sum);
        }
}

/* Likewise, but all shards have a range, of the last floats first, before any has the next one. */
static const float *add_up_range_by_range(struct tree_sum *sum, size_t shards, size_t range)
{
    for (size_t end = sum->count, begin; end > 0; end = begin) {
        begin = end > range ? end - range : 0;
        for (size_t shard = 0; shard < shards; shard++) {
            float *next = tree_sum_next(sum, begin, end - begin);
            for (size_t i = begin; i < end; i++)
                next[i] += value(shard, i);
            if (shard + 1 < shards)
                tree_sum_add(sum, begin, end - begin);
            else
                tree_sum_complete(sum, begin, end - begin);
        }
        tree_sum_reset(sum);
    }
    return tree_sum_result(sum, shards);
}

static void test_ranges(void **state)
{
    (void)state;
    static const size_t ranges[] = {1, 7, 64, COUNT_MAX - 1, COUNT_MAX};
    for (size_t shards = 1; shards <= SHARDS_MAX; shards++)
        for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
            struct tree_sum whole = create(shards, COUNT_MAX, 1), parts = create(shards, COUNT_MAX, 1);
            assert_same_bits("sum", add_up_in(&parts, 0, shards, ranges[r]), add_up(&whole, 0, shards),
                             COUNT_MAX);
            assert_same_bits("range by range", add_up_range_by_range(&parts, shards, ranges[r]),
                             tree_sum_result(&whole, shards), COUNT_MAX);
            destroy(&whole);
            destroy(&parts);
        }
}

/* A rank without a shard changes no bit of what the others have, not even the sign of a zero. */
static void test_none_is_neutral(void **state)
{
    (void)state;
    static const float values[] = {0.0f, -0.0f, 1.5f, -1e-45f, INFINITY};
    struct tree_sum sum = create(1, 1, 1);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        float with = values[i] + *add_up(&sum, 0, 0);
        assert_same_bits("a value and none", &with, &values[i], 1);
    }
    destroy(&sum);
}

/* A sum knows nothing of the one before: not of more shards, not of fewer, not of none. */
static void test_used_again(void **state)
{
    (void)state;
    static const size_t shards[] = {0, 16, 3, 0, 0, 17, 1, 8, 8, 7, 0, 2};
    struct tree_sum sum = create(SHARDS_MAX, 100, 1);
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++)
        check(&sum, i, shards[i]);
    destroy(&sum);
}

/* What ranks that own complete subtrees have, added pair by pair, is what one rank has that owns all. */
static void test_ranks_make_the_same_tree(void **state)
{
    (void)state;
    float *whole = array_floats(COUNT_MAX), *parts = array_floats(8 * COUNT_MAX);
    for (size_t shards = 2; shards <= 16; shards *= 2)
        for (size_t ranks = 2; ranks <= shards && ranks <= 8; ranks *= 2) {
            size_t each = shards / ranks;
            struct tree_sum all = create(shards, COUNT_MAX, 1), own = create(each, COUNT_MAX, 1);
            memcpy(whole, add_up(&all, 0, shards), COUNT_MAX * sizeof *whole);
            for (size_t rank = 0; rank < ranks; rank++)
                memcpy(parts + rank * COUNT_MAX, add_up(&own, rank * each, each), COUNT_MAX * sizeof *parts);
            for (size_t apart = 1; apart < ranks; apart *= 2)
                for (size_t rank = 0; rank < ranks; rank += 2 * apart)
                    for (size_t i = 0; i < COUNT_MAX; i++)
                        parts[rank * COUNT_MAX + i] += parts[(rank + apart) * COUNT_MAX + i];
            assert_same_bits("the ranks' sums", parts, whole, COUNT_MAX);
            destroy(&all);
            destroy(&own);
        }
    free(whole);
    free(parts);
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= SHARDS_MAX; shards++)
        for (int threads = 2; threads <= 4; threads++) {
            struct tree_sum sum = create(shards, COUNT_MAX, threads);
            check(&sum, 0, shards);
            destroy(&sum);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_order_matters),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_none_is_neutral),
        cmocka_unit_test(test_used_again),
        cmocka_unit_test(test_ranks_make_the_same_tree),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
