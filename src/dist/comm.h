#pragma once
/* The ranks of a job. Functions here are for the thread that started MPI; what MPI finds wrong ends the job.
 * A program that was not started by mpirun or srun is a job of one rank and never touches MPI, so that it
 * starts at once and needs no daemon. */
#include "core/status.h"
#include "dist/launcher.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch;

enum { COMM_HOST_MAX = 256 };

struct comm {
    int rank, size;
    char host[COMM_HOST_MAX];
    MPI_Comm world; /* all ranks; MPI_COMM_NULL where MPI was not started */
    struct launcher launcher;
    bool threads;        /* on all ranks any thread may call MPI at any time (MPI_THREAD_MULTIPLE) */
    struct watch *watch; /* is told when this rank waits for others here; NULL: nobody watches; borrowed */
};

/* Collective: starts MPI where a launcher's environment is seen, and tells the log who this rank is. `comm`
 * must outlive the log's use. STATUS_USAGE (launcher_check): started as one of several that MPI does not
 * know of; `rank` is then the launcher's, so that the one that has 0 can tell it for all. */
enum status comm_create(struct comm *comm, int *argc, char ***argv);

/* Collective: ends MPI, where it was started. */
void comm_destroy(struct comm *comm);

/* Collective: the bytes of rank `root` become everybody's. Any number of them. */
void comm_broadcast(const struct comm *comm, int root, void *data, size_t bytes);

/* Collective: sums over all ranks, in place. Counts are exact; so is a sum of doubles of which one rank's at
 * most is not 0. */
void comm_sum_counts(const struct comm *comm, uint64_t *counts, size_t count);
void comm_sum_doubles(const struct comm *comm, double *values, size_t count);

/* Collective: the lowest rank whose `mine` is true; -1: there is none. */
int comm_first(const struct comm *comm, bool mine);

/* Collective: the largest of all ranks' values, and in `rank` the lowest that has it. */
double comm_largest(const struct comm *comm, double mine, int *rank);

/* Collective: rank 0's text of any length becomes everybody's. On rank 0 `text` is given, elsewhere set to
 * memory that the caller frees. `status` is rank 0's, if it failed to get the text: all ranks then return it,
 * with rank 0's message. */
enum status comm_broadcast_text(const struct comm *comm, enum status status, char **text);

/* Collective: rank 0 gets the hosts of all ranks, in the order of their first ranks, with how many each has:
 * "n01 x 4, n02 x 4"; to be freed by the caller, NULL on the others. */
enum status comm_hosts(const struct comm *comm, char **text);

/* The MPI library in its own words, on one line; whether it was started or not. */
enum { COMM_LIBRARY_MAX = MPI_MAX_LIBRARY_VERSION_STRING };
char *comm_library(char out[COMM_LIBRARY_MAX]);

/* Collective: the worst status of all ranks, with the message of the lowest rank that has it; the message of
 * another rank than 0, which speaks for the job, then names that rank and its host. */
enum status comm_agree(const struct comm *comm, enum status status);
