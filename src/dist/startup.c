#include "dist/startup.h"

#include "core/status.h"
#include "dist/comm.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[COMM_HOST_MAX + 256]; /* written before, because a handler may not */
static void (*leave_program)(int code);

static void too_late(int number)
{
    (void)number;
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* nobody is left to be told */
    leave_program(STATUS_INTERNAL);
}

void startup_begin(unsigned seconds, void (*leave)(int code))
{
    struct launcher launcher = launcher_find();
    struct sigaction action = {.sa_handler = too_late};
    char host[COMM_HOST_MAX] = "unknown host";
    if (launcher.size == 1)
        return;
    leave_program = leave;
    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text,
             "error (rank %d on %s): %d ranks have not come together within %u s: one of them stands still, "
             "or its host cannot be reached\n",
             launcher.rank, host, launcher.size, seconds);
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
}

void startup_end(void)
{
    alarm(0);
}
