/* What becomes of a process that breaks down between guard_begin and guard_end: looked at from outside. */
#include "io/guard.h"

#include "core/thread.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static volatile sig_atomic_t seen;

static void note(int number)
{
    seen = number;
}

/* Of a thread: its own faults come to it as they come to the first one. */
static void *fault(void *argument)
{
    guard_begin("folder/a.h5", STATUS_DATA);
    raise(*(int *)argument);
    return NULL;
}

static void expect_message(int number, bool thread)
{
    const char *path = scratch_path("stderr");
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (!freopen(path, "w", stderr))
            _exit(1);
        guard_allow(_exit);
        pthread_t other;
        if (!thread)
            fault(&number);
        else if (!thread_start(&other, "reader", fault, &number))
            pthread_join(other, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), STATUS_DATA);
    char *text = scratch_read(path, NULL);
    assert_string_equal(text, "error: folder/a.h5: damaged: the HDF5 library broke down while reading it\n");
    free(text);
}

static void test_signals(void **state)
{
    (void)state;
    for (int thread = 0; thread < 2; thread++) {
        expect_message(SIGSEGV, thread);
        expect_message(SIGBUS, thread);
        expect_message(SIGFPE, thread);
        expect_message(SIGABRT, thread);
    }
}

/* Whoever had a handler before has it again. */
static void test_end(void **state)
{
    (void)state;
    struct sigaction mine = {.sa_handler = note}, before;
    sigaction(SIGFPE, &mine, &before);
    guard_allow(_exit);
    guard_begin("a.h5", STATUS_DATA);
    guard_end();
    raise(SIGFPE);
    sigaction(SIGFPE, &before, NULL);
    assert_int_equal(seen, SIGFPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals), cmocka_unit_test(test_end)};
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
