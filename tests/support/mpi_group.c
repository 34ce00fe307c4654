#include "support/mpi_group.h"

#include <stdio.h>
#include <stdlib.h>

struct comm mpi_group_comm;

void mpi_group_start(int *argc, char ***argv)
{
    if (comm_create(&mpi_group_comm, argc, argv))
        abort();
    if (mpi_group_comm.rank > 0 && !freopen("/dev/null", "w", stdout))
        abort();
}

int mpi_group_end(int failures)
{
    if (mpi_group_comm.size > 1)
        MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_MAX, mpi_group_comm.world);
    comm_destroy(&mpi_group_comm);
    return failures ? 1 : 0;
}
