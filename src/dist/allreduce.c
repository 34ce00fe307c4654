#include "dist/allreduce.h"

#include "dist/ring.h"
#include "dist/tree.h"
#include "dist/watch.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 1 << 16, ALIGNMENT = 64, MPI_PIECE_MAX = 1 << 26 };

static void mpi_allreduce(const struct exchange *exchange, float *array, size_t count)
{
    for (size_t done = 0; done < count; done += MPI_PIECE_MAX) {
        size_t left = count - done;
        MPI_Allreduce(MPI_IN_PLACE, array + done, left < MPI_PIECE_MAX ? (int)left : MPI_PIECE_MAX, MPI_FLOAT,
                      MPI_SUM, exchange->comm);
    }
}

const struct allreduce_ops allreduce_list[] = {
    {"ring", "round all ranks; any number of them", false, ring_allreduce},
    {"tree", "pair by pair; the same bits for every power of two of ranks", true, tree_allreduce},
    {"mpi", "MPI_Allreduce, for comparison", false, mpi_allreduce},
    {0},
};

const struct allreduce_ops *allreduce_find(const char *name)
{
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++)
        if (!strcmp(ops->name, name))
            return ops;
    return NULL;
}

static bool is_power_of_two(size_t number)
{
    return number && !(number & (number - 1));
}

enum status allreduce_check(const struct allreduce_ops *ops, int ranks, size_t shards)
{
    if (!ops->power_of_two || (is_power_of_two((size_t)ranks) && is_power_of_two(shards)))
        return STATUS_OK;
    return status_set(STATUS_USAGE,
                      "allreduce = %s adds pair by pair and wants a power of two of ranks and of shards, "
                      "but there are %d ranks and %zu shards: choose 1, 2, 4, 8, 16 ... of both, or "
                      "allreduce = %s",
                      ops->name, ranks, shards, allreduce_list->name);
}

enum status allreduce_create(struct allreduce *allreduce, const struct allreduce_ops *ops,
                             const struct comm *comm, size_t shards)
{
    enum status status = allreduce_check(ops, comm->size, shards);
    *allreduce = (struct allreduce){
        .ops = ops, .comm = MPI_COMM_NULL, .rank = comm->rank, .size = comm->size, .segment = SEGMENT};
    if (status)
        return status;
    if (comm->size == 1)
        return STATUS_OK;
    size_t bytes = EXCHANGE_DEPTH * allreduce->segment * sizeof(float);
    allreduce->scratch = aligned_alloc(ALIGNMENT, bytes);
    if (!allreduce->scratch)
        status = status_no_memory("segments of messages", bytes);
    status = comm_agree(comm, status);
    if (status) {
        allreduce_destroy(allreduce);
        return status;
    }
    enum watch_phase before = watch_wait_begin(comm->watch);
    MPI_Comm_dup(comm->world, &allreduce->comm);
    watch_wait_end(comm->watch, before);
    return STATUS_OK;
}

void allreduce_destroy(struct allreduce *allreduce)
{
    if (allreduce->size > 1 && allreduce->comm != MPI_COMM_NULL)
        MPI_Comm_free(&allreduce->comm);
    free(allreduce->scratch);
    *allreduce = (struct allreduce){.comm = MPI_COMM_NULL};
}

void allreduce_run(struct allreduce *allreduce, float *array, size_t count)
{
    if (allreduce->size == 1)
        return;
    struct exchange exchange = {
        .comm = allreduce->comm,
        .rank = allreduce->rank,
        .size = allreduce->size,
        .segment = allreduce->segment,
        .scratch = allreduce->scratch,
        .patient = &allreduce->patient,
    };
    allreduce->ops->run(&exchange, array, count);
}
