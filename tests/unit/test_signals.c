/* What a signal does to a process, in children that are looked at from outside. */
#include "train/signals.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const int stopping[] = {SIGTERM, SIGINT, SIGUSR1};
enum { KINDS = sizeof stopping / sizeof *stopping };

/* Runs `act` in a child: its exit code, or minus the signal that ended it. */
static int outcome(void (*act)(int number), int number)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        act(number);
        _exit(signals_stop_asked() ? 85 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void nothing(int number)
{
    (void)number;
    signals_prepare();
}

static void once(int number)
{
    signals_prepare();
    raise(number);
}

static void pause_for(long milliseconds)
{
    const struct timespec t = {0, milliseconds * 1000000};
    nanosleep(&t, NULL);
}

static void twice(int number)
{
    once(SIGINT);
    pause_for(250);
    raise(number);
}

static void with_echo(int number)
{
    once(number);
    raise(number);
}

/* As where the program starts itself anew: handlers are gone, what waits is not. */
static void while_held(int number)
{
    signals_hold();
    raise(number);
    signals_prepare();
}

static void released(int number)
{
    signals_prepare();
    signals_release();
    raise(number);
}

static void remembered_and_released(int number)
{
    once(number);
    signals_release();
}

/* As a shell's background job has it. */
static void ignored_from_the_start(int number)
{
    signal(number, SIG_IGN);
    remembered_and_released(number);
    raise(number);
    signals_prepare(); /* forgets */
}

static void test_what_a_signal_does(void **state)
{
    (void)state;
    assert_int_equal(outcome(nothing, 0), 0);
    for (int i = 0; i < KINDS; i++) {
        assert_int_equal(outcome(once, stopping[i]), 85);
        assert_int_equal(outcome(twice, stopping[i]), -stopping[i]);
        assert_int_equal(outcome(with_echo, stopping[i]), 85);
        assert_int_equal(outcome(while_held, stopping[i]), 85);
        assert_int_equal(outcome(released, stopping[i]), -stopping[i]);
        assert_int_equal(outcome(remembered_and_released, stopping[i]), -stopping[i]);
        assert_int_equal(outcome(ignored_from_the_start, stopping[i]), 0);
    }
}

/* The parent plays mpirun, or somebody else: sends `numbers` to a child that trains. */
static int sent_from_parent(bool is_mpirun, const int *numbers, int count)
{
    int ready[2], go[2], status;
    char byte = 0;
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsetenv("OMPI_COMM_WORLD_SIZE");
        if (is_mpirun)
            setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
        signals_prepare();
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
            _exit(99); /* SA_RESTART: the read goes on */
        _exit((signals_stop_asked() ? 1 : 0) + (signals_launcher_ends() ? 2 : 0));
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    for (int i = 0; i < count; i++) {
        pause_for(i ? 250 : 0);
        kill(child, numbers[i]);
    }
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_mpirun_ends_the_job(void **state)
{
    (void)state;
    static const int end[] = {SIGTERM}, asked_then_end[] = {SIGUSR1, SIGTERM};
    assert_int_equal(sent_from_parent(true, end, 1), 3);
    assert_int_equal(sent_from_parent(false, end, 1), 1);
    assert_int_equal(sent_from_parent(true, asked_then_end, 1), 1);
    assert_int_equal(sent_from_parent(true, asked_then_end, 2), 3);
    assert_int_equal(sent_from_parent(false, asked_then_end, 2), -SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_signal_does),
        cmocka_unit_test(test_mpirun_ends_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
