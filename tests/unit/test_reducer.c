/* Buckets: ranges that cover an array once, from its end. What needs ranks is in tests/mpi/test_reducer.c. */
#include "dist/reducer.h"
#include "dist/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void check_cover(size_t count, size_t bucket)
{
    size_t buckets = reducer_buckets(count, bucket), end = count;
    for (size_t i = 0; i < buckets; i++) {
        struct range range = reducer_bucket(count, bucket, i);
        assert_int_equal(range.first + range.count, end);
        assert_true(range.count > 0 && range.count <= bucket);
        assert_true(range.count == bucket || i + 1 == buckets);
        end = range.first;
    }
    assert_int_equal(end, 0);
}

static void test_cover(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 70; count++)
        for (size_t bucket = 1; bucket <= 72; bucket++)
            check_cover(count, bucket);
}

/* Beyond what 32 bits count. */
static void test_large(void **state)
{
    (void)state;
    check_cover(((size_t)1 << 33) + 5, (size_t)1 << 28);
    check_cover(((size_t)1 << 33) + 5, SIZE_MAX);
    struct range range = reducer_bucket(((size_t)1 << 40) + 1, 1024, 3);
    assert_int_equal(range.first, ((size_t)1 << 40) + 1 - 4 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cover),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
