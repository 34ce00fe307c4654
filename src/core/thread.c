#include "core/thread.h"

#include <signal.h>
#include <string.h>

enum status thread_start(pthread_t *thread, const char *name, void *(*work)(void *), void *argument)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}; /* of the thread's own */
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, work, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return status_set(STATUS_INTERNAL, "the thread `%s` could not be started: %s", name, strerror(error));
    pthread_setname_np(*thread, name);
    return STATUS_OK;
}
