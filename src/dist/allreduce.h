#pragma once
/* The sum of the ranks' arrays, on all ranks: one table of algorithms, picked by name. */
#include "dist/comm.h"
#include "dist/exchange.h"

/* An algorithm. */
struct allreduce_ops {
    const char *name, *help;
    bool power_of_two; /* wants powers of two of ranks and of shards */
    void (*run)(const struct exchange *exchange, float *array, size_t count);
};

/* All there are, ended by one without a name; the first is the default. */
extern const struct allreduce_ops allreduce_list[];

/* NULL if there is none of that name. */
const struct allreduce_ops *allreduce_find(const char *name);

/* Owns a communicator of its own, so that its messages never meet those of others, whatever thread calls it,
 * and memory for segments. */
struct allreduce {
    const struct allreduce_ops *ops;
    MPI_Comm comm; /* MPI_COMM_NULL where there is one rank */
    int rank, size;
    float *scratch;
    size_t segment; /* floats of one message; may be lowered, to no less than 1, by all ranks alike */

    /* How ring and tree wait. While true, a wait sleeps between its looks, so that threads that compute keep
     * the core, and messages take longer; while false, it looks all the time, and offers the core to others
     * in between. Any thread may change it at any time. `mpi` waits as MPI does, which is the latter. */
    atomic_bool patient;
};

/* STATUS_USAGE: the algorithm wants powers of two, and the numbers are none. */
enum status allreduce_check(const struct allreduce_ops *ops, int ranks, size_t shards);

/* Collective. `shards`: in how many the batch is cut. Not patient at first. Fails as allreduce_check does, on
 * all ranks. To be destroyed where it succeeded. */
enum status allreduce_create(struct allreduce *allreduce, const struct allreduce_ops *ops,
                             const struct comm *comm, size_t shards);

/* Collective. A zeroed one may be destroyed as well. */
void allreduce_destroy(struct allreduce *allreduce);

/* Collective, with the same count on all ranks: array becomes the sum over all ranks. Takes no memory. One
 * thread at a time; where it is not the one that started MPI, comm->threads must be true. */
void allreduce_run(struct allreduce *allreduce, float *array, size_t count);
