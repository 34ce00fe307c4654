#pragma once
/* Requests to stop from outside: SIGTERM, SIGINT and SIGUSR1 (which mpirun and Slurm hand on to every rank)
 * ask the run to finish its step, write a checkpoint and leave with exit code 85. A second one ends the
 * process as if there were no handler. SIGUSR2 asks for a checkpoint, as often as it comes. */
#include <stdbool.h>

/* Once, before the first step: until then, and where nothing is trained, a signal does what it does to any
 * program, since nobody would ask whether it came. */
void signals_prepare(void);

/* Whether this process was asked to stop. Any thread, any time. */
bool signals_stop_asked(void);

/* Whether SIGUSR2 came since the last call: a checkpoint is asked for, and to go on. By one thread. */
bool signals_save_asked(void);
