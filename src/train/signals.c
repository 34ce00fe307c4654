#include "train/signals.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked; /* the first signal's number */
static volatile sig_atomic_t launcher_ends;
static volatile sig_atomic_t launcher = -1; /* mpirun or its daemon, our parent; -1: another one, or none */

static const int stopping[] = {SIGTERM, SIGINT, SIGUSR1};
static struct sigaction
    before[sizeof stopping / sizeof *stopping]; /* what whoever started us wants of them */

/* One request may arrive twice, from a batch system that tells all of a job, and from mpirun, which is one of
 * them and hands it on. Nanoseconds. */
static const long long ECHO_MAX = 200 * 1000 * 1000;
static long long asked_at; /* the handlers' own; they exclude each other */

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void on_stop(int number, siginfo_t *info, void *context)
{
    (void)context;
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

static sigset_t stopping_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        sigaddset(&set, stopping[i]);
    return set;
}

void signals_hold(void)
{
    const sigset_t set = stopping_set();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void signals_prepare(void)
{
    const sigset_t set = stopping_set();
    struct sigaction action = {.sa_sigaction = on_stop, .sa_mask = set, .sa_flags = SA_RESTART | SA_SIGINFO};
    stop_asked = launcher_ends = 0;
    launcher = getenv("OMPI_COMM_WORLD_SIZE") ? getppid() : -1;
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        sigaction(stopping[i], &action, &before[i]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void signals_release(void)
{
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        sigaction(stopping[i], &before[i], NULL);
    if (stop_asked)
        raise(stop_asked);
}

bool signals_stop_asked(void)
{
    return stop_asked != 0;
}

bool signals_launcher_ends(void)
{
    return launcher_ends != 0;
}
