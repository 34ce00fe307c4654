/* How ranges are cut into messages. What the messages carry is tests/mpi/test_exchange.c's. */
#include "dist/exchange.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Contiguous, all full but the last, none empty before the end, and nothing behind it. */
static void check_segments(struct range range, size_t segment, size_t from)
{
    size_t number = range.count / segment + (range.count % segment != 0), next = range.first + from * segment;
    for (size_t i = from; i < number; i++) {
        struct range part = exchange_segment(range, segment, i);
        assert_int_equal(part.first, next);
        assert_true(part.count == segment || (i == number - 1 && part.count > 0 && part.count < segment));
        next += part.count;
    }
    assert_int_equal(next, range.first + range.count);
    for (size_t i = number; i < number + 3; i++) {
        assert_int_equal(exchange_segment(range, segment, i).first, range.first + range.count);
        assert_int_equal(exchange_segment(range, segment, i).count, 0);
    }
}

static void test_small(void **state)
{
    (void)state;
    for (size_t segment = 1; segment <= 12; segment++)
        for (size_t count = 0; count <= 40; count++)
            check_segments((struct range){count % 5, count}, segment, 0);
}

/* More than 2^31 floats, and than 2^32: the last few segments, and once all. */
static void test_huge(void **state)
{
    (void)state;
    static const size_t counts[] = {(size_t)INT_MAX + 2, (size_t)UINT32_MAX + 7, (size_t)1 << 40,
                                    ((size_t)1 << 53) + 1};
    static const size_t segments[] = {1, 7, 1 << 16, EXCHANGE_SEGMENT_MAX};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct range range = {(size_t)1 << 60, counts[c]};
        for (size_t s = 0; s < sizeof segments / sizeof *segments; s++)
            check_segments(range, segments[s], counts[c] / segments[s] - 3);
        check_segments((struct range){3, counts[0]}, EXCHANGE_SEGMENT_MAX, 0);
    }
}

static void test_a_message_fits_an_int(void **state)
{
    (void)state;
    assert_true(EXCHANGE_SEGMENT_MAX <= INT_MAX);
    assert_true((size_t)EXCHANGE_SEGMENT_MAX * sizeof(float) <= (size_t)INT_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_a_message_fits_an_int),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
