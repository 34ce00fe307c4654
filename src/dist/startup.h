#pragma once
/* The watch before there is one (dist/watch.h): until MPI has started and the configuration is known, a rank
 * that stands still would keep the others waiting for ever. A timer of the process's own ends that. */

/* As long as stall_abort is by default, seconds. */
enum { STARTUP_SECONDS = 600 };

/* Before MPI starts: from here on the process has `seconds` until startup_end. Then it says on standard error
 * that the ranks have not come together, with its rank and host, and leaves with 1, for which the launcher
 * ends the job; `leave` is how, for main to say: _exit. Does nothing where the launcher started one process
 * only. */
void startup_begin(unsigned seconds, void (*leave)(int code));

/* The ranks have come together. */
void startup_end(void);
