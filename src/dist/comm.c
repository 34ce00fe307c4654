#include "dist/comm.h"

#include "core/log.h"
#include "dist/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status comm_create(struct comm *comm, int *argc, char ***argv)
{
    struct launcher launcher = launcher_find();
    *comm = (struct comm){.size = 1, .world = MPI_COMM_NULL, .launcher = launcher};
    if (gethostname(comm->host, sizeof comm->host - 1))
        strcpy(comm->host, "unknown host");
    if (launcher.speaks) {
        int provided;
        if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS)
            return status_set(STATUS_INTERNAL, "MPI did not start");
        comm->world = MPI_COMM_WORLD;
        MPI_Allreduce(MPI_IN_PLACE, &provided, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        comm->threads = provided >= MPI_THREAD_MULTIPLE;
        MPI_Comm_rank(MPI_COMM_WORLD, &comm->rank);
        MPI_Comm_size(MPI_COMM_WORLD, &comm->size);
    }
    enum status status = launcher_check(&launcher, comm->size);
    if (status)
        comm->rank = launcher.rank;
    log_set_rank(comm->rank, comm->host);
    return status;
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

static int piece(size_t count, size_t done)
{
    return count - done < PIECE_MAX ? (int)(count - done) : PIECE_MAX;
}

/* Rank `root`'s numbers, or where there is no root, -1, the sums over all ranks. */
static void exchange(const struct comm *comm, MPI_Datatype type, size_t width, int root, void *data,
                     size_t count)
{
    if (comm->size == 1)
        return;
    enum watch_phase before = watch_wait_begin(comm->watch);
    for (size_t done = 0; done < count; done += PIECE_MAX) {
        void *part = (char *)data + done * width;
        if (root >= 0)
            MPI_Bcast(part, piece(count, done), type, root, comm->world);
        else
            MPI_Allreduce(MPI_IN_PLACE, part, piece(count, done), type, MPI_SUM, comm->world);
    }
    watch_wait_end(comm->watch, before);
}

void comm_broadcast(const struct comm *comm, int root, void *data, size_t bytes)
{
    exchange(comm, MPI_BYTE, 1, root, data, bytes);
}

void comm_sum_counts(const struct comm *comm, uint64_t *counts, size_t count)
{
    exchange(comm, MPI_UINT64_T, sizeof *counts, -1, counts, count);
}

void comm_sum_doubles(const struct comm *comm, double *values, size_t count)
{
    exchange(comm, MPI_DOUBLE, sizeof *values, -1, values, count);
}

int comm_first(const struct comm *comm, bool mine)
{
    int first = mine ? comm->rank : comm->size;
    if (comm->size > 1) {
        enum watch_phase before = watch_wait_begin(comm->watch);
        MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, comm->world);
        watch_wait_end(comm->watch, before);
    }
    return first < comm->size ? first : -1;
}

double comm_largest(const struct comm *comm, double mine, int *rank)
{
    struct {
        double value;
        int rank;
    } largest = {mine, comm->rank};
    if (comm->size > 1) {
        enum watch_phase before = watch_wait_begin(comm->watch);
        MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE_INT, MPI_MAXLOC, comm->world);
        watch_wait_end(comm->watch, before);
    }
    *rank = largest.rank;
    return largest.value;
}

enum status comm_broadcast_text(const struct comm *comm, enum status status, char **text)
{
    if (comm->size == 1)
        return status;
    size_t length = comm->rank == 0 && !status ? strlen(*text) + 1 : 0;
    comm_broadcast(comm, 0, &length, sizeof length);
    if (length == 0)
        return comm_agree(comm, status);
    if (comm->rank != 0) {
        *text = malloc(length);
        if (!*text)
            status = status_no_memory("a text", length);
    }
    status = comm_agree(comm, status);
    if (!status)
        comm_broadcast(comm, 0, *text, length);
    return status;
}

/* Hosts are few, and ranks of one are mostly neighbours. */
static char *join_hosts(const char (*hosts)[COMM_HOST_MAX], int count)
{
    char *text = calloc((size_t)count, COMM_HOST_MAX + 32);
    size_t used = 0;
    for (int i = 0; i < count && text; i++) {
        int ranks = 0, first = i;
        for (int j = count - 1; j >= 0; j--)
            if (!strcmp(hosts[i], hosts[j])) {
                ranks++;
                first = j;
            }
        if (first == i)
            used += (size_t)sprintf(text + used, "%s%s x %d", used ? ", " : "", hosts[i], ranks);
    }
    return text;
}

enum status comm_hosts(const struct comm *comm, char **text)
{
    size_t bytes = (size_t)comm->size * COMM_HOST_MAX;
    char(*hosts)[COMM_HOST_MAX] = comm->rank == 0 ? malloc(bytes) : NULL;
    *text = NULL;
    enum status status = comm_agree(
        comm, comm->rank == 0 && !hosts ? status_no_memory("the names of hosts", bytes) : STATUS_OK);
    if (!status && comm->size == 1) {
        memcpy(hosts, comm->host, COMM_HOST_MAX);
    } else if (!status) {
        enum watch_phase before = watch_wait_begin(comm->watch);
        MPI_Gather(comm->host, COMM_HOST_MAX, MPI_BYTE, hosts, COMM_HOST_MAX, MPI_BYTE, 0, comm->world);
        watch_wait_end(comm->watch, before);
    }
    if (!status && comm->rank == 0 && !(*text = join_hosts((const char(*)[COMM_HOST_MAX])hosts, comm->size)))
        status = status_no_memory("the names of hosts", bytes);
    free(hosts);
    return comm_agree(comm, status);
}

char *comm_library(char out[COMM_LIBRARY_MAX])
{
    int length = 0;
    MPI_Get_library_version(out, &length);
    out[length < COMM_LIBRARY_MAX ? length : COMM_LIBRARY_MAX - 1] = 0;
    out[strcspn(out, "\r\n")] = 0;
    return out;
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
    enum watch_phase before = watch_wait_begin(comm->watch);
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->world);
    watch_wait_end(comm->watch, before);
    if (worst.severity == 0)
        return STATUS_OK;
    if (comm->rank > 0)
        snprintf(message.text, sizeof message.text, "rank %d on %.200s: %.1500s", comm->rank, comm->host,
                 status_message());
    else
        snprintf(message.text, sizeof message.text, "%s", status_message());
    comm_broadcast(comm, worst.rank, &message, sizeof message);
    return status_set(message.status, "%s", message.text);
}
