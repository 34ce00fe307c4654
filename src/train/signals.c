#include "train/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_asked, save_asked;

static const int stopping[] = {SIGTERM, SIGINT, SIGUSR1};

/* SA_RESETHAND gives each signal its default back; the others must get theirs as well. */
static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        signal(stopping[i], SIG_DFL);
}

static void on_save(int number)
{
    (void)number;
    save_asked = 1;
}

void signals_prepare(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        sigaction(stopping[i], &action, NULL);
    action.sa_handler = on_save;
    sigaction(SIGUSR2, &action, NULL);
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
