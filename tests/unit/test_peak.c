/* What the peak is computed from: what all threads did, in the best try's time. */
#include "core/kernels/peak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static double now; /* seconds: every look at the clock takes longer than the one before */
static double step;

static double clock_of_test(void)
{
    now += step;
    step *= 2;
    return now;
}

static double work(size_t count)
{
    return 10.0 * (double)count;
}

/* The first try is the fastest by this clock; its rate is what all threads did together. */
static void test_best_of_all_threads(void **state)
{
    (void)state;
    const struct tile_kernel counted = {.peak = work};
    double one, two;
    now = 0, step = 1;
    one = peak_measure(&counted, 1, clock_of_test);
    now = 0, step = 1;
    two = peak_measure(&counted, 2, clock_of_test);
    assert_true(one > 0 && two == 2 * one);
    now = 0, step = 2;
    assert_true(peak_measure(&counted, 1, clock_of_test) == one / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_best_of_all_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
