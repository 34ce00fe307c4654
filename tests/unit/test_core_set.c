#include "dist/core_set.h"

#include "support/scratch.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_sets(void **state)
{
    (void)state;
    for (size_t first = 0; first < 200; first += 7)
        for (size_t count = 0; count < 200; count += 3) {
            struct core_set set = core_set_range(first, count);
            assert_int_equal(core_set_count(&set), count);
            for (size_t i = 0; i < 450; i++)
                assert_int_equal(core_set_has(&set, i), i >= first && i < first + count);
        }
    struct core_set a = core_set_range(60, 10), b = core_set_range(69, 100), c = core_set_range(70, 1);
    struct core_set both = core_set_union(&a, &b);
    assert_int_equal(core_set_count(&both), 109);
    assert_true(core_set_overlap(&a, &b) && core_set_overlap(&b, &c));
    assert_false(core_set_overlap(&a, &c));
}

/* Cores beyond what a set can hold are not there. */
static void test_beyond(void **state)
{
    (void)state;
    struct core_set set = core_set_range(CORE_SET_MAX - 2, 5);
    assert_int_equal(core_set_count(&set), 2);
    assert_false(core_set_has(&set, CORE_SET_MAX));
    assert_true(core_set_has(&set, CORE_SET_MAX - 1));
}

/* This machine: bound to one hardware thread, the process may run on one core; with all of them on all that
 * are open to it. */
static void test_this_host(void **state)
{
    (void)state;
    cpu_set_t before, one;
    struct core_set mine, open, whole;
    size_t per_core = 0;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_done(core_set_find(&whole, &open, &per_core));
    assert_in_range(core_set_count(&whole), 1, (size_t)CPU_COUNT(&before));
    assert_true(core_set_count(&whole) * per_core >= (size_t)CPU_COUNT(&before));
    assert_true(core_set_overlap(&whole, &open));
    size_t seen = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &before))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        struct core_set again;
        assert_done(core_set_find(&mine, &again, &per_core));
        assert_int_equal(core_set_count(&mine), 1);
        assert_true(core_set_overlap(&mine, &whole));
        assert_memory_equal(&again, &open, sizeof open);
        seen++;
    }
    assert_int_equal(seen, CPU_COUNT(&before));
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
