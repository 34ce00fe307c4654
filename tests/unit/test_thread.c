/* A thread does its work with signals left to others. */
#include "core/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

static void *look(void *argument)
{
    sigset_t *blocked = argument;
    pthread_sigmask(SIG_SETMASK, NULL, blocked);
    return blocked;
}

static void test_signals_stay_the_callers(void **state)
{
    (void)state;
    pthread_t thread;
    sigset_t blocked, mine;
    void *result;
    assert_int_equal(thread_start(&thread, "looks", look, &blocked), STATUS_OK);
    pthread_join(thread, &result);
    assert_ptr_equal(result, &blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_true(sigismember(&blocked, signals[i]));
        assert_false(sigismember(&mine, signals[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals_stay_the_callers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
