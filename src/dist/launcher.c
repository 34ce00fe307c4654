#include "dist/launcher.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

/* A number from 0 up in the environment; `missing` where there is none. */
static int number(const char *name, int missing)
{
    const char *text = getenv(name);
    char *end;
    long value = text ? strtol(text, &end, 10) : -1;
    return value >= 0 && value <= INT_MAX && end > text && !*end ? (int)value : missing;
}

/* Of srun's own PMIx, and not of a mpirun below srun, which starts its daemons with it. */
static bool pmix_of_slurm(void)
{
    const char *name = getenv("PMIX_NAMESPACE");
    return name && !strncmp(name, "slurm.", strlen("slurm."));
}

struct launcher launcher_find(void)
{
    bool step = getenv("SLURM_STEP_ID") && getenv("SLURM_PROCID");
    struct launcher l = {.kind = step ? LAUNCHER_SRUN : LAUNCHER_NONE,
                         .cpus = number("SLURM_CPUS_ON_NODE", 0)};
    if (getenv("OMPI_COMM_WORLD_SIZE")) {
        l.kind = LAUNCHER_MPIRUN;
        l.speaks = true;
        l.size = number("OMPI_COMM_WORLD_SIZE", 1);
        l.rank = number("OMPI_COMM_WORLD_RANK", 0);
    } else if (getenv("PMI_RANK") || getenv("PMI_SIZE") || getenv("PMIX_RANK")) {
        bool slurm = step && pmix_of_slurm();
        l.kind = step ? LAUNCHER_SRUN : LAUNCHER_OTHER;
        l.speaks = true;
        l.size = number("PMI_SIZE", slurm ? number("SLURM_STEP_NUM_TASKS", 1) : 1);
        l.rank = number("PMI_RANK", number("PMIX_RANK", 0));
    } else if (step) {
        l.size = number("SLURM_STEP_NUM_TASKS", 1);
        l.rank = number("SLURM_PROCID", 0);
    }
    if (l.size <= l.rank)
        l.size = l.rank + 1;
    return l;
}

enum status launcher_check(const struct launcher *launcher, int size)
{
    if (size > 1 || launcher->size <= 1)
        return STATUS_OK;
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    MPI_Get_library_version(version, &length);
    return status_set(
        STATUS_USAGE,
        "one of %d processes, but MPI does not know of the others, so that each would train for itself and "
        "write the "
        "same files: start them with %sthe mpirun of the MPI that this program was built with (%.*s)%s",
        launcher->size, launcher->kind == LAUNCHER_SRUN ? "`srun --mpi=pmix`, or " : "",
        (int)strcspn(version, ",\n"), version,
        launcher->speaks || launcher->kind != LAUNCHER_SRUN
            ? ""
            : "; for processes that are to run alone, `env -u SLURM_STEP_NUM_TASKS`");
}
