#pragma once
/* What a damaged file without a seal does to HDF5: it may bring the library down in the middle of a call.
 * Between guard_begin and guard_end that ends the process with a message and an exit code, instead of a dump
 * of addresses. It is the last line of defence: the process is beyond repair, and nothing is tried to mend
 * it. */
#include "core/status.h"

/* How the program ends from within a signal handler, for its main to say: _exit. Before that, and in programs
 * that do not say it, there is no guard. */
void guard_allow(void (*leave)(int code));

/* On the calling thread, until guard_end: a SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT writes "error: PATH:
 * ..." to standard error and ends the process with `code`. Not to be nested; one thread at a time. */
void guard_begin(const char *path, enum status code);
void guard_end(void);
