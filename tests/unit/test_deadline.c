/* When a run stops by itself, with clocks and environments that are made up. */
#include "train/deadline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const double NOW = 1.8e9;

static void environment(const char *slurm, const char *pbs)
{
    unsetenv("SLURM_JOB_END_TIME");
    unsetenv("PBS_WALLTIME");
    if (slurm)
        setenv("SLURM_JOB_END_TIME", slurm, 1);
    if (pbs)
        setenv("PBS_WALLTIME", pbs, 1);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds; /* 0: refused */
    } cases[] = {
        {"90", 5400},
        {"90:30", 5430},
        {"1:30:00", 5400},
        {"2-12", 216000},
        {"2-12:30", 217800},
        {"2-12:30:05", 217805},
        {"0:10", 10},
        {"0-1", 3600},
        {"0", 0},
        {"", 0},
        {"x", 0},
        {"-5", 0},
        {"5-", 0},
        {"1:", 0},
        {":30", 0},
        {"1:2:3:4", 0},
        {"1-2-3", 0},
        {"1.5", 0},
        {" 5", 0},
        {"5 ", 0},
        {"1:-5", 0},
        {"99999999999999999999999999", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double seconds = -1;
        if (deadline_limit(cases[i].text, &seconds) != (cases[i].seconds > 0))
            fail_msg("'%s'", cases[i].text);
        if (cases[i].seconds > 0 && seconds != cases[i].seconds)
            fail_msg("'%s' is %g s", cases[i].text, seconds);
    }
}

static void assert_end(double minutes, double limit, double end, const char *source)
{
    struct deadline d;
    deadline_find(&d, minutes, limit, 0, NOW, 100, 1000);
    assert_true(d.end == end);
    if (source)
        assert_string_equal(d.source, source);
}

static void test_who_tells_the_end(void **state)
{
    (void)state;
    environment(NULL, NULL);
    assert_end(5, 0, 0, NULL);
    assert_end(0, 600, NOW + 500, "--time-limit");
    environment(NULL, "3600");
    assert_end(5, 0, NOW + 2600, "PBS_WALLTIME");
    environment("1800000042", "3600");
    assert_end(5, 0, NOW + 42, "SLURM_JOB_END_TIME");
    assert_end(5, 600, NOW + 500, "--time-limit");
    assert_end(0, 0, 0, NULL);
    static const char *const none[] = {"", "0", "soon", "-5", "nan", "inf"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        environment(none[i], none[i]);
        assert_end(5, 0, 0, NULL);
    }
}

/* Five minutes before the end, or as long before it as a step and a checkpoint take twice. */
static void test_when(void **state)
{
    (void)state;
    struct deadline d;
    char text[DEADLINE_TEXT_MAX];
    environment("1800003600", NULL);
    deadline_find(&d, 5, 0, 10, NOW, 0, 0);
    assert_false(deadline_reached(&d, NOW));
    assert_false(deadline_reached(&d, NOW + 3300));
    deadline_note_step(&d, 30);
    deadline_note_step(&d, 2);
    deadline_note_checkpoint(&d, 5);
    assert_false(deadline_reached(&d, NOW + 3300));
    deadline_note_checkpoint(&d, 170);
    assert_false(deadline_reached(&d, NOW + 3200));
    assert_true(isnan(d.left));
    assert_true(deadline_reached(&d, NOW + 3202));
    assert_true(deadline_reached(&d, NOW + 3300));
    assert_true(d.left == 398);
    assert_string_equal(deadline_text(text, &d), "6:38 min before the end of the job (SLURM_JOB_END_TIME)");

    deadline_find(&d, 5, 0, 10, NOW, 0, 0);
    assert_true(deadline_reached(&d, NOW + 3300.5));
    deadline_find(&d, 5, 0, 10, NOW, 0, 0);
    assert_true(deadline_reached(&d, NOW + 3605));
    assert_string_equal(deadline_text(text, &d), "5.0 s after the end of the job (SLURM_JOB_END_TIME)");

    /* a limit alone: before anything is measured, what a checkpoint is thought to take */
    environment(NULL, NULL);
    deadline_find(&d, 0, 3600, 10, NOW, 0, 0);
    assert_false(deadline_reached(&d, NOW + 3579));
    assert_true(deadline_reached(&d, NOW + 3581));
    deadline_find(&d, 5, 0, 10, NOW, 0, 0);
    assert_false(deadline_reached(&d, NOW + 1e9));
}

static void test_age(void **state)
{
    (void)state;
    double own = deadline_age(getpid()), parent = deadline_age(getppid()), first = deadline_age(1);
    assert_true(own >= 0 && own < 300);
    assert_true(parent >= own && first >= parent && first > 0);
    assert_true(deadline_age(-1) == 0);
    assert_true(deadline_age(0x7ffffff0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_who_tells_the_end),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
