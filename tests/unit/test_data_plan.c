/* What is in memory never takes more than there is for it, and what is left is shared out. */
#include "train/data_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB 1048576.0

static struct data_plan make(double memory, double train, double test, int ranks, bool share)
{
    return data_plan_make(memory * MIB, train * MIB, test * MIB, ranks, share);
}

static void check(struct data_plan plan, size_t train_limit, size_t test_limit, double cache)
{
    assert_int_equal(plan.train_limit, train_limit);
    assert_int_equal(plan.test_limit, test_limit);
    assert_int_equal(plan.cache, (size_t)(cache * MIB));
}

static size_t mib(double mebibytes)
{
    return (size_t)(mebibytes * MIB);
}

static void test_what_fits(void **state)
{
    (void)state;
    check(make(100, 80, 20, 1, true), SIZE_MAX, SIZE_MAX, 0);
    check(make(100, 80, 20, 8, true), SIZE_MAX, SIZE_MAX, 0);
    check(make(800, 80, 20, 8, false), SIZE_MAX, SIZE_MAX, 0);
    check(make(100, 0, 0, 1, true), SIZE_MAX, SIZE_MAX, 0);
    check(make(1, 0.5, 0, 1, true), SIZE_MAX, SIZE_MAX, 0);
}

static void test_what_does_not(void **state)
{
    (void)state;
    check(make(100, 81, 20, 1, true), mib(80), SIZE_MAX, 80);
    check(make(100, 1000, 20, 4, true), mib(20), SIZE_MAX, 20);
    check(make(799, 80, 20, 8, false), mib(639.0 / 8), SIZE_MAX, 639.0 / 8);
    check(make(100, 70, 40, 1, true), SIZE_MAX, mib(25), 0);
    check(make(100, 80, 40, 2, true), mib(50), mib(12.5), 50);
    check(make(4, 1000, 200, 16, true), mib(4), mib(4), 4);
}

/* An image file is never taken for one that fits. */
static void test_limits_are_below(void **state)
{
    (void)state;
    struct data_plan plan = make(3, 3.5, 2, 1, true);
    assert_true(plan.train_limit == mib(3.5) - 1 && plan.test_limit == mib(2) - 1);
}

static void test_windows(void **state)
{
    (void)state;
    static const struct {
        double cache, train, window;
    } windows[] = {{100, 100, 0.5}, {100, 45, 1},       {200, 100, 1},  {10, 45, 0.11},
                   {10, 500, 0.01}, {4, 3000, 0.00066}, {70, 100, 0.35}};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        double window = data_plan_window(windows[i].cache * MIB, windows[i].train * MIB);
        assert_true(window > windows[i].window * 0.9999 && window < windows[i].window * 1.0001);
    }
    assert_int_equal(data_plan_window_runs(1, 46), 0);
    assert_int_equal(data_plan_window_runs(0.5, 46), 23);
    assert_int_equal(data_plan_window_runs(0.99, 46), 45);
    assert_int_equal(data_plan_window_runs(0.001, 46), 1);
    assert_int_equal(data_plan_window_runs(0.5, 1), 0);
    assert_int_equal(data_plan_slots(0, 46), 46);
    assert_int_equal(data_plan_slots(7, 46), 14);
    assert_int_equal(data_plan_slots(23, 46), 46);
    assert_int_equal(data_plan_slots(40, 46), 46);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_what_does_not),
        cmocka_unit_test(test_limits_are_below),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
