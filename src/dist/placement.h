#pragma once
/* How many threads a rank gets, so that the ranks of a host together have one for each core; and what is
 * wrong with how the launcher has placed them. */
#include "dist/core_set.h"
#include "dist/node.h"

struct placement {
    int threads;      /* of this rank */
    int fewest, most; /* of any rank of the job */
};

/* Collective over the job, which a launcher started: the threads of placement_assign, with the cores that
 * hwloc tells. The first rank of the first host whose ranks are placed badly warns, with what mends it.
 * OMP_NUM_THREADS wins; where only rank 0 has it, because the launcher does not hand it on, it holds for all.
 */
enum status placement_find(struct placement *placement, const struct comm *comm, const struct node *node);

/* What that is made of: pure functions. */

struct placement_rank {
    struct core_set cores; /* that it may run on; at least one */
    size_t asked;          /* threads that the user asked for; 0: no number */
    bool pinned;           /* OpenMP binds its first threads to the first of these cores (OMP_PROC_BIND) */
    size_t threads;        /* that it gets */
};

struct placement_host {
    struct placement_rank *ranks;
    size_t size;
    struct core_set open; /* cores that processes of the job may be bound to */
    size_t limit;         /* how many of them the scheduler gave the job; 0: not known */
};

/* Sets the ranks' threads: those asked for; else the cores that the rank may run on, of which each counts 1/k
 * where k ranks may, at least 1. Where the ranks may run on more cores than the job was given, each counts
 * that much less. */
void placement_assign(struct placement_host *host);

enum placement_fault {
    PLACEMENT_FINE,
    PLACEMENT_CROWDED, /* more threads than cores that they may run on */
    PLACEMENT_PINNED,  /* threads of several ranks are bound to the same cores */
    PLACEMENT_IDLE,    /* bound, and cores are left over: at least one more for each rank */
};

struct placement_verdict {
    enum placement_fault fault;
    size_t ranks, threads, cores; /* that are concerned, or all */
    size_t available, idle;       /* cores of the host that the job can have; of those, that no rank uses */
    bool asked;                   /* the number of threads is the user's */
};

/* After placement_assign. */
struct placement_verdict placement_judge(const struct placement_host *host);

/* The fault in words, with what mends it. `ranks`: of the host. */
void placement_advice(const struct placement_verdict *verdict, size_t ranks, enum launcher_kind launcher,
                      char *out, size_t space);
