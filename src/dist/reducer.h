#pragma once
/* The sum of one array over all ranks, in buckets, while the array is still being computed.
 *
 * Buckets are fixed ranges, cut from the array's end, because backward completes gradients from there. With
 * overlap a thread of its own reduces those that are complete while the caller computes on (Li et al.,
 * "PyTorch Distributed", VLDB 2020, section 3.2.3; but the array is one piece, so that a bucket is not
 * copied); without, the caller does it at the end, bucket by bucket as well. So the bits are the same either
 * way.
 *
 *     array     |....... bucket 2 ...|....... bucket 1 .......|....... bucket 0 .......|
 *     complete                                  first -> ---------------------------------
 *
 * Open MPI does not move messages on while nobody calls it, so the thread drives them itself. It needs a core
 * for that, and where every core computes it takes from them: OVERLAP_AUTO times both ways over the first
 * steps, and keeps the faster one. */
#include "dist/allreduce.h"

#include <pthread.h>

enum overlap { OVERLAP_AUTO, OVERLAP_YES, OVERLAP_NO };

enum { REDUCER_TRIALS = 10 }; /* steps that OVERLAP_AUTO times each way */

struct reducer {
    struct allreduce allreduce;
    size_t count, bucket; /* floats */
    enum overlap choice;  /* AUTO until it has decided */
    bool alone;           /* one rank: there is nothing to do */
    double timed[2][REDUCER_TRIALS];
    size_t steps;   /* reductions since the choice was made, or since the first */
    double exposed; /* seconds that the caller waited in them */

    /* of the step */
    float *array;
    bool overlaps;
    double started;

    /* shared with the thread */
    pthread_t thread;
    bool has_thread, quit;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t buckets_ready, buckets_reduced;
};

/* Collective. Fills `reducer`, which must not be moved afterwards: its thread knows it. For arrays of `count`
 * floats, in buckets of `bucket`. `on_thread` is called first thing on the thread (NULL: nothing).
 * STATUS_USAGE: the algorithm does not take so many ranks or shards, or YES is asked of an MPI that takes
 * calls from one thread only. reducer_destroy, collective too, frees; it does nothing to one that is zero. */
enum status reducer_create(struct reducer *reducer, const struct comm *comm, const struct allreduce_ops *ops,
                           size_t shards, size_t count, size_t bucket, enum overlap overlap,
                           void (*on_thread)(void));
void reducer_destroy(struct reducer *reducer);

/* A step begins, before its gradients are computed; `array` is going to hold them. Borrowed until
 * reducer_finish. */
void reducer_start(struct reducer *reducer, float *array);

/* The array is complete from element `first` on; falls from call to call. What is complete must be left alone
 * until reducer_finish. */
void reducer_ready(struct reducer *reducer, size_t first);

/* Collective. Waits until the whole array, which must be complete, holds the sum over all ranks. */
void reducer_finish(struct reducer *reducer);

/* Number of buckets, and the range of each: floats first .. first+count-1. Pure arithmetic. */
size_t reducer_buckets(size_t count, size_t bucket);
struct range reducer_bucket(size_t count, size_t bucket, size_t index);
