/* The clock goes on, in seconds. */
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_pause(void **state)
{
    (void)state;
    double before = clock_seconds();
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    double passed = clock_seconds() - before;
    assert_true(passed >= 0.02 && passed < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pause)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
