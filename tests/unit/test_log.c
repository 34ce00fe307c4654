#include "core/log.h"

#include "support/capture.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_errors(const char *expected)
{
    char *text = capture_errors_stop();
    assert_string_equal(text, expected);
    free(text);
}

static void test_ranks(void **state)
{
    (void)state;
    capture_errors_start();
    log_warn("%d is odd", 3);
    log_error("lost");
    log_set_rank(2, "host");
    log_warn("%d is odd", 5);
    log_error("lost");
    log_set_rank(0, "host");
    expect_errors("warning: 3 is odd\n"
                  "error: lost\n"
                  "warning (rank 2 on host): 5 is odd\n"
                  "error (rank 2 on host): lost\n");
}

/* What a user typed cannot make two lines of one, or tell the terminal what to do. */
static void test_one_line(void **state)
{
    (void)state;
    capture_errors_start();
    log_error("--set %s: wrong", "a=1\n2\x1b[2J");
    log_warn("%s", "gr\xc3\xb6\xc3\x9f\xff");
    expect_errors("error: --set a=1\\n2\\x1b[2J: wrong\n"
                  "warning: gr\xc3\xb6\xc3\x9f\\xff\n");
}

static void test_long_lines(void **state)
{
    (void)state;
    char text[6000];
    memset(text, '\n', sizeof text);
    text[sizeof text - 1] = 0;
    capture_errors_start();
    log_error("%s", text);
    char *got = capture_errors_stop();
    assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
    assert_in_range(strlen(got), 4000, 4200);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
