#pragma once
/* Requests to stop from outside: SIGTERM, SIGINT and SIGUSR1 (which mpirun and Slurm hand on to every rank)
 * ask the run to finish its step, write a checkpoint and leave with exit code 85. A second one, a
 * fifth of a second later or more, ends the process as if there were no handler. SIGUSR2 asks for a
 * checkpoint, as often as it comes. */
#include <stdbool.h>

/* First thing in main: what comes waits until signals_prepare, even where the program starts itself anew in
 * between. */
void signals_hold(void);

/* Once, before MPI starts: from here on a signal is remembered until somebody asks for it. */
void signals_prepare(void);

/* Where nothing is trained, nobody would ask whether a signal came: from here on it does what it does to any
 * program, and one that is remembered does it now. */
void signals_release(void);

/* Whether this process was asked to stop. Any thread, any time. */
bool signals_stop_asked(void);

/* Whether SIGUSR2 came since the last call: a checkpoint is asked for, and to go on. By one thread. */
bool signals_save_asked(void);

/* Whether Open MPI's mpirun, or its daemon on this host, sent SIGTERM: it ends the job, kills what is left of
 * it after odls_base_sigkill_timeout seconds more, and answers nobody in the meantime, so that MPI_Finalize
 * would not return. Never counts as a second signal, which mpirun does not mean. */
bool signals_launcher_ends(void);
