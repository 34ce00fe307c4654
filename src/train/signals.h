#pragma once
/* Requests to stop from outside: SIGTERM, SIGINT and SIGUSR1 (which mpirun and Slurm hand on to every rank)
 * ask the run to finish its step, write a checkpoint and leave with exit code 85. A second one ends the
 * process as if there were no handler. */
#include <stdbool.h>

/* Once, before MPI starts, so that no signal finds the process without. */
void signals_prepare(void);

/* Whether this process was asked to stop. Any thread, any time. */
bool signals_stop_asked(void);
