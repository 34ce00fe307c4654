#include "io/guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { STACK_SIZE = 64 << 10 };

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { SIGNALS = sizeof signals / sizeof *signals };

static void (*leave)(int code);
static _Thread_local bool guarded;
static struct guard {
    char text[2048];
    size_t length;
    int code;
    stack_t stack_before;
    struct sigaction before[SIGNALS];
    char stack[STACK_SIZE]; /* the thread's own may be what ran out */
} guard;

static void give_up(int number)
{
    if (guarded && write(STDERR_FILENO, guard.text, guard.length) >= 0)
        leave(guard.code);
    signal(number, SIG_DFL); /* another thread's fault, which returning repeats */
    raise(number);
}

void guard_allow(void (*function)(int code))
{
    leave = function;
}

void guard_begin(const char *path, enum status code)
{
    struct sigaction action = {.sa_handler = give_up, .sa_flags = SA_ONSTACK};
    const stack_t stack = {.ss_sp = guard.stack, .ss_size = sizeof guard.stack};
    int length = snprintf(guard.text, sizeof guard.text,
                          "error: %.1024s: damaged: the HDF5 library broke down while reading it\n", path);
    guard.length = length > 0 ? (size_t)length : 0;
    guard.code = (int)code;
    if (!leave)
        return;
    sigaltstack(&stack, &guard.stack_before);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &guard.before[i]);
    guarded = true;
}

void guard_end(void)
{
    if (!guarded)
        return;
    guarded = false;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &guard.before[i], NULL);
    sigaltstack(&guard.stack_before, NULL);
}
