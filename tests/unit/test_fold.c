/* The order of the additions shows in values whose sum depends on it. How ranks go on: tests/mpi/test_fold.c.
 */
#include "dist/fold.h"
#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS_MAX = 17, COUNT_MAX = 37 };

/* Number i of a shard: of many magnitudes and both signs. */
static double value(size_t shard, size_t i)
{
    uint64_t at = shard * COUNT_MAX + i;
    return ldexp(2 * array_random(1, at) - 1, (int)(53 * array_random(2, at)));
}

/* The sum of shards first .. first+shards-1 by the definition: the left subtree is the greatest complete one
 * that leaves something to the right. */
static double expected(size_t first, size_t shards, size_t i)
{
    size_t left = 1;
    if (shards == 1)
        return value(first, i);
    while (2 * left < shards)
        left *= 2;
    return expected(first, left, i) + expected(first + left, shards - left, i);
}

static void test_order(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= SHARDS_MAX; shards++)
        for (size_t count = 0; count <= COUNT_MAX; count += 12) {
            double *numbers = array_bytes((shards * count + 1) * sizeof *numbers);
            for (size_t i = 0; i < shards * count; i++)
                numbers[i] = value(i / count, i % count);
            fold_shards(numbers, shards, count);
            size_t other = 0;
            for (size_t i = 0; i < count; i++) {
                double truth = expected(0, shards, i), in_turn = 0;
                for (size_t shard = 0; shard < shards; shard++)
                    in_turn += value(shard, i);
                assert_memory_equal(&numbers[i], &truth, sizeof truth);
                other += in_turn != truth;
            }
            assert_true(shards <= 3 || count == 0 || other > 0); /* of three, the tree's order is in turn */
            free(numbers);
        }
}

/* Nothing changes no bit of what others have, not even the sign of a zero. */
static void test_none(void **state)
{
    (void)state;
    static const double values[] = {0.0, -0.0, 1.5, -5e-324, INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double numbers[2] = {NAN, 7};
        fold_shards(numbers, 0, 1);
        assert_true(numbers[1] == 7);
        double with = values[i] + numbers[0];
        assert_memory_equal(&with, &values[i], sizeof with);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
