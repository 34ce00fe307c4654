/* What is told at the end of the waiting for samples, and when it is too much. */
#include "train/summary.h"

#include "support/capture.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(struct summary_waiting waiting, struct trial trial, int ranks, const char *line,
                  bool warned)
{
    waiting.trial = &trial;
    capture_start();
    capture_errors_start();
    summary_print_waiting(&waiting, ranks);
    char *errors = capture_errors_stop(), *text = capture_stop();
    assert_string_equal(text, line);
    assert_int_equal(strstr(errors, "warning: the network waited for its samples for ") != NULL, warned);
    assert_int_equal(errors[0] != 0, warned);
    free(errors);
    free(text);
}

static void test_waiting(void **state)
{
    (void)state;
    const struct trial ahead = {.decided = true, .first = true}, between = {.decided = true}, open = {0};
    check((struct summary_waiting){.steps = 1000, .seconds = 20, .waited = 0.02}, ahead, 1,
          "data: read ahead; waited 0.02 ms a step, 0.1 % of the time\n", false);
    check((struct summary_waiting){.steps = 500, .seconds = 100, .waited = 20, .rank = 3}, between, 4,
          "data: read between steps, which is faster here than ahead; waited 40.00 ms a step, 20.0 % of the "
          "time "
          "(rank 3, which waited longest)\n",
          true);
    check(
        (struct summary_waiting){.steps = 10, .seconds = 100, .waited = 20}, open, 1,
        "data: too few steps to choose whether to read ahead; waited 2000.00 ms a step, 20.0 % of the time\n",
        false);
    check((struct summary_waiting){.steps = 500, .seconds = 10, .waited = 2}, ahead, 1,
          "data: read ahead; waited 4.00 ms a step, 20.0 % of the time\n", false);
    check((struct summary_waiting){.steps = 500, .seconds = 1000, .waited = 20}, ahead, 1,
          "data: read ahead; waited 40.00 ms a step, 2.0 % of the time\n", false);
    check((struct summary_waiting){0}, open, 1, "", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
