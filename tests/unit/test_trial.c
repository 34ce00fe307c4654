/* The faster way is found, through noise, and then kept. */
#include "train/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEPS = TRIAL_BLOCK * TRIAL_BLOCKS };

/* What steps take, by their number and way. */
typedef double seconds(size_t step, bool first);

static double slower(size_t step, bool first)
{
    (void)step;
    return first ? 1.01 : 1;
}

static double faster(size_t step, bool first)
{
    (void)step;
    return first ? 0.99 : 1;
}

static double same(size_t step, bool first)
{
    (void)step, (void)first;
    return 1;
}

/* A third of the steps is disturbed, and more so those of the faster way. */
static double disturbed(size_t step, bool first)
{
    return faster(step, first) + (step % 3 == 0 ? first ? 100 : 5 : 0);
}

/* The first steps of a block take as long as the way before, ten times over. */
static double slow_to_change(size_t step, bool first)
{
    return step % TRIAL_BLOCK < TRIAL_SKIPPED ? 10 * faster(step, !first) : faster(step, first);
}

/* It gets slower and slower, as by heat: in turn, so that both ways suffer. */
static double heating(size_t step, bool first)
{
    return (first ? 0.9 : 1) * (1 + (double)step / STEPS);
}

static void check(seconds *take, bool expected)
{
    struct trial trial = {0};
    size_t turns[2] = {0};
    for (size_t step = 0; step < STEPS; step++) {
        bool first = trial_is_first(&trial);
        assert_false(trial.decided);
        turns[first]++;
        trial_note(&trial, take(step, first));
    }
    assert_true(trial.decided);
    assert_int_equal(turns[0], STEPS / 2);
    for (size_t step = STEPS; step < 3 * STEPS; step++) {
        assert_int_equal(trial_is_first(&trial), expected);
        trial_note(&trial, expected ? 7 : 3);
    }
}

static void test_choice(void **state)
{
    (void)state;
    check(slower, false);
    check(faster, true);
    check(same, true);
    check(disturbed, true);
    check(slow_to_change, true);
    check(heating, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
