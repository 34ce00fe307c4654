#include "dist/fold.h"

#include "dist/watch.h"

enum { TAG = 1 };

static void add(double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] += b[i];
}

void fold_shards(double *numbers, size_t shards, size_t count)
{
    for (size_t i = 0; shards == 0 && i < count; i++)
        numbers[i] = -0.0;
    for (size_t apart = 1; apart < shards; apart *= 2)
        for (size_t shard = 0; shard + apart < shards; shard += 2 * apart)
            add(numbers + shard * count, numbers + (shard + apart) * count, count);
}

/* Addition does not care for the order of two, so that both have the same bits. */
static void swap_and_add(const struct comm *comm, int partner, double *numbers, double *scratch, size_t count)
{
    MPI_Sendrecv(numbers, (int)count, MPI_DOUBLE, partner, TAG, scratch, (int)count, MPI_DOUBLE, partner, TAG,
                 comm->world, MPI_STATUS_IGNORE);
    add(numbers, scratch, count);
}

/* Ranks beyond the largest power of two give what they have to one below it, and get the sum back. */
void fold_ranks(const struct comm *comm, double *numbers, double *scratch, size_t count)
{
    int paired = 1;
    if (comm->size == 1)
        return;
    while (2 * paired <= comm->size)
        paired *= 2;
    enum watch_phase before = watch_wait_begin(comm->watch);
    bool beyond = comm->rank >= paired, stands_in = comm->rank + paired < comm->size;
    if (beyond)
        MPI_Send(numbers, (int)count, MPI_DOUBLE, comm->rank - paired, TAG, comm->world);
    if (stands_in) {
        MPI_Recv(scratch, (int)count, MPI_DOUBLE, comm->rank + paired, TAG, comm->world, MPI_STATUS_IGNORE);
        add(numbers, scratch, count);
    }
    for (int apart = 1; apart < paired && !beyond; apart *= 2)
        swap_and_add(comm, comm->rank ^ apart, numbers, scratch, count);
    if (stands_in)
        MPI_Send(numbers, (int)count, MPI_DOUBLE, comm->rank + paired, TAG, comm->world);
    if (beyond)
        MPI_Recv(numbers, (int)count, MPI_DOUBLE, comm->rank - paired, TAG, comm->world, MPI_STATUS_IGNORE);
    watch_wait_end(comm->watch, before);
}
