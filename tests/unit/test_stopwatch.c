/* Times of a run that was started before: put back by hand, in place of waiting. */
#include "train/stopwatch.h"

#include "train/display.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What goes by while a test runs. */
static const double MOMENT = 5;

static void assert_about(double got, double expected)
{
    if (!(got >= expected && got < expected + MOMENT))
        fail_msg("%g s instead of %g", got, expected);
}

static struct progress before(void)
{
    return (struct progress){
        .samples_seen = 1000, .epoch_sum = {.samples = 300}, .seconds = 100, .epoch_seconds = 30};
}

/* The last start trained for 50 s, 20 s of them in the running epoch. */
static struct stopwatch goes_back(struct progress *progress)
{
    struct stopwatch watch;
    stopwatch_start(&watch, progress);
    watch.started -= 50;
    watch.epoch_started -= 20;
    return watch;
}

static void test_starts_add_up(void **state)
{
    (void)state;
    struct progress progress = before();
    struct stopwatch watch = goes_back(&progress);
    stopwatch_read(&watch, &progress);
    assert_about(progress.seconds, 150);
    assert_about(progress.epoch_seconds, 50);
    progress.samples_seen += 5000;
    double speed = stopwatch_speed(&watch, &progress);
    assert_true(speed <= 100.001 && speed > 5000 / (50 + MOMENT));
}

static void test_next_epoch(void **state)
{
    (void)state;
    struct progress progress = before();
    struct stopwatch watch = goes_back(&progress);
    stopwatch_next_epoch(&watch, &progress);
    assert_true(progress.epoch_sum.samples == 0 && progress.epoch_seconds == 0);
    stopwatch_read(&watch, &progress);
    assert_about(progress.seconds, 150);
    assert_about(progress.epoch_seconds, 0);
}

/* Of the steps of this start; a checkpoint among them is not counted. */
static void test_epoch_speed(void **state)
{
    (void)state;
    struct progress progress = before();
    struct stopwatch watch = goes_back(&progress);
    assert_true(stopwatch_epoch_speed(&watch, &progress) == 10); /* all were taken before: 300 in 30 s */
    stopwatch_steps(&watch);
    watch.steps_started -= 200;
    stopwatch_leave_out(&watch, 100);
    progress.epoch_sum.samples += 4000;
    double speed = stopwatch_epoch_speed(&watch, &progress);
    assert_true(speed <= 40.001 && speed > 4000 / (100 + MOMENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_add_up),
        cmocka_unit_test(test_next_epoch),
        cmocka_unit_test(test_epoch_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
