#include "dist/comm.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What launchers set for the processes that they start: Open MPI, PMIx (srun, prterun), PMI (Slurm, Hydra).
 */
static bool launched(void)
{
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (getenv(marks[i]))
            return true;
    return false;
}

enum status comm_create(struct comm *comm, int *argc, char ***argv)
{
    *comm = (struct comm){.size = 1, .world = MPI_COMM_NULL};
    if (gethostname(comm->host, sizeof comm->host - 1))
        strcpy(comm->host, "unknown host");
    if (launched()) {
        int provided;
        if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS)
            return status_set(STATUS_INTERNAL, "MPI did not start");
        comm->world = MPI_COMM_WORLD;
        comm->threads = provided == MPI_THREAD_MULTIPLE;
        MPI_Comm_rank(MPI_COMM_WORLD, &comm->rank);
        MPI_Comm_size(MPI_COMM_WORLD, &comm->size);
    }
    log_set_rank(comm->rank, comm->size, comm->host);
    return STATUS_OK;
}

void comm_destroy(struct comm *comm)
{
    int started = 0, ended = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&ended);
    if (started && !ended)
        MPI_Finalize();
    *comm = (struct comm){.size = 1, .world = MPI_COMM_NULL};
}

/* MPI counts in int. */
enum { PIECE_MAX = 1 << 26 };

static void broadcast(const struct comm *comm, void *data, size_t bytes, int root)
{
    for (size_t done = 0; done < bytes; done += PIECE_MAX) {
        size_t left = bytes - done;
        MPI_Bcast((char *)data + done, left < PIECE_MAX ? (int)left : PIECE_MAX, MPI_BYTE, root, comm->world);
    }
}

void comm_broadcast(const struct comm *comm, void *data, size_t bytes)
{
    if (comm->size > 1)
        broadcast(comm, data, bytes, 0);
}

enum status comm_broadcast_text(const struct comm *comm, enum status status, char **text)
{
    if (comm->size == 1)
        return status;
    size_t length = comm->rank == 0 && !status ? strlen(*text) + 1 : 0;
    comm_broadcast(comm, &length, sizeof length);
    if (length == 0)
        return comm_agree(comm, status);
    if (comm->rank != 0) {
        *text = malloc(length);
        if (!*text)
            status = status_no_memory("a text", length);
    }
    status = comm_agree(comm, status);
    if (!status)
        comm_broadcast(comm, *text, length);
    return status;
}

/* A failure is worse than a stop on request, which is not one. */
static int severity(enum status status)
{
    return status == STATUS_OK ? 0 : status == STATUS_STOPPED ? 1 : 1 + (int)status;
}

enum status comm_agree(const struct comm *comm, enum status status)
{
    if (comm->size == 1)
        return status;
    struct {
        int severity, rank;
    } mine = {severity(status), comm->rank}, worst;
    struct {
        enum status status;
        char text[STATUS_MESSAGE_MAX];
    } message = {.status = status};
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->world);
    if (worst.severity == 0)
        return STATUS_OK;
    snprintf(message.text, sizeof message.text, "rank %d on %.200s: %.1500s", comm->rank, comm->host,
             status_message());
    broadcast(comm, &message, sizeof message, worst.rank);
    return status_set(message.status, "%s", message.text);
}
