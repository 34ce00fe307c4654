#pragma once
/* Who started this process, and as how many, from what launchers leave in the environment of the processes
 * that they start: Open MPI's mpirun, srun, and others that speak PMI or PMIx (Hydra, prterun, flux). */
#include "core/status.h"

#include <stdbool.h>

enum launcher_kind { LAUNCHER_NONE, LAUNCHER_MPIRUN, LAUNCHER_SRUN, LAUNCHER_OTHER };

struct launcher {
    enum launcher_kind kind;
    bool speaks;    /* left something that an MPI library may understand, so that MPI is to be started */
    int cpus;       /* hardware threads of this host that the scheduler gave the job; 0: not told */
    int rank, size; /* as the launcher counts, as far as it tells; else 0 and 1 */
};

/* A batch script's own commands (sbatch, without srun) have no launcher, whatever the size of the allocation.
 */
struct launcher launcher_find(void);

/* STATUS_USAGE where the launcher started several processes and MPI made this one the only rank, as happens
 * when it does not understand this launcher: all of them would write the same files. `size`: MPI's. */
enum status launcher_check(const struct launcher *launcher, int size);
