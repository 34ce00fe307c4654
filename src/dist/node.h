#pragma once
/* The ranks of a job that run on one host, and memory that they share. */
#include "dist/comm.h"

struct node {
    MPI_Comm comm;  /* this host's ranks, in the order of their ranks in the job; MPI_COMM_NULL where MPI was
                       not started */
    int rank, size; /* of this process among them */
    int index, count;    /* the host's number, in the order of their first ranks, and how many there are */
    struct watch *watch; /* the job's, which is told of waits here as well; borrowed */
};

/* Collective over the job; ends with node_destroy, which is collective too. */
void node_create(struct node *node, const struct comm *comm);
void node_destroy(struct node *node);

/* Collective over the node: what its rank 0 has becomes what all have. */
void node_broadcast(const struct node *node, void *data, int bytes);

/* Memory that all ranks of a node see; rank 0 writes, the others read. */
struct node_memory {
    void *data;          /* at a multiple of 64 bytes; not at the same address everywhere */
    MPI_Win window;      /* which it belongs to */
    struct watch *watch; /* the node's; borrowed */
};

/* Collective over the node: `bytes` (rank 0's count) more than 0, taken once for all.
 * A failure, STATUS_INTERNAL, is the same on all ranks of the node, so that they can go on without: there is
 * no room for it where this MPI keeps such memory (/dev/shm, small in many containers), or it cannot be
 * shared. */
enum status node_memory_create(struct node_memory *memory, const struct node *node, size_t bytes);

/* Collective over the node: what rank 0 has written until now is what the others read from now on. */
void node_memory_publish(const struct node_memory *memory, const struct node *node);

/* Collective over the node, where there is memory; else does nothing. */
void node_memory_destroy(struct node_memory *memory);
