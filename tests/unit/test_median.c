/* The middle one, against a count of those on either side. */
#include "core/median.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_as_many_on_either_side(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 9; count++)
        for (size_t seed = 0; seed < 50; seed++) {
            double values[9], again[9];
            for (size_t i = 0; i < count; i++)
                values[i] = again[i] = (double)((seed * 7919 + i * i * 104729 + i * 31) % 23) - 11;
            double middle = median(values, count);
            size_t below = 0, above = 0;
            for (size_t i = 0; i < count; i++) {
                below += again[i] < middle;
                above += again[i] > middle;
            }
            assert_true(below <= count / 2 && above <= count - 1 - count / 2 && below + above < count);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_many_on_either_side)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
