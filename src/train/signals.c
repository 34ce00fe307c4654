#include "train/signals.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked; /* the first signal's number */
static volatile sig_atomic_t launcher_ends;
static volatile sig_atomic_t launcher = -1; /* mpirun or its daemon, our parent; -1: another one, or none */
static volatile sig_atomic_t save_asked;

static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
enum { NUMBERS = sizeof numbers / sizeof *numbers };
static struct sigaction before[NUMBERS]; /* what whoever started us wants of them */

/* One request may arrive twice, from a batch system that tells all of a job, and from mpirun, which is one of
 * them and hands it on. Nanoseconds. */
static const long long ECHO_MAX = 200 * 1000 * 1000;
static _Atomic long long asked_at; /* of handlers in any thread */

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (number == SIGUSR2) {
        save_asked = 1;
        return;
    }
    if (number == SIGTERM && info->si_code == SI_USER && info->si_pid == launcher) {
        launcher_ends = 1;
    } else if (stop_asked && now() - asked_at > ECHO_MAX) {
        signal(number, SIG_DFL);
        raise(number); /* takes effect when this handler returns */
    }
    if (!stop_asked) {
        asked_at = now();
        stop_asked = number;
    }
}

static sigset_t all(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < NUMBERS; i++)
        sigaddset(&set, numbers[i]);
    return set;
}

void signals_hold(void)
{
    const sigset_t set = all();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void signals_prepare(void)
{
    const sigset_t set = all();
    struct sigaction action = {
        .sa_sigaction = on_signal, .sa_mask = set, .sa_flags = SA_RESTART | SA_SIGINFO};
    stop_asked = launcher_ends = save_asked = 0;
    launcher = getenv("OMPI_COMM_WORLD_SIZE") ? getppid() : -1;
    for (size_t i = 0; i < NUMBERS; i++)
        sigaction(numbers[i], &action, &before[i]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void signals_release(void)
{
    for (size_t i = 0; i < NUMBERS; i++)
        sigaction(numbers[i], &before[i], NULL);
    if (stop_asked)
        raise(stop_asked);
}

bool signals_stop_asked(void)
{
    return stop_asked != 0;
}

bool signals_save_asked(void)
{
    bool asked = save_asked != 0;
    if (asked) /* one that comes now is for the same checkpoint */
        save_asked = 0;
    return asked;
}

bool signals_launcher_ends(void)
{
    return launcher_ends != 0;
}
