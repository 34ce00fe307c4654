#include "dist/reducer.h"

#include "core/thread.h"
#include "dist/shard.h"

#include <stdlib.h>

size_t reducer_buckets(size_t count, size_t bucket)
{
    return count / bucket + (count % bucket > 0);
}

struct range reducer_bucket(size_t count, size_t bucket, size_t index)
{
    size_t end = count - index * bucket, first = end > bucket ? end - bucket : 0;
    return (struct range){first, end - first};
}

/* Buckets that are complete when the array is from element `first` on. */
static size_t complete_buckets(const struct reducer *r, size_t first)
{
    return first == 0 ? reducer_buckets(r->count, r->bucket) : (r->count - first) / r->bucket;
}

static void reduce(struct reducer *r, size_t index)
{
    struct range range = reducer_bucket(r->count, r->bucket, index);
    allreduce_run(&r->allreduce, r->array + range.first, range.count);
}

struct start {
    struct reducer *reducer;
    void (*on_thread)(void);
};

static void *work(void *user)
{
    struct start *start = user;
    struct reducer *r = start->reducer;
    if (start->on_thread)
        start->on_thread();
    free(start);
    pthread_mutex_lock(&r->mutex);
    while (!r->quit) {
        if (r->buckets_reduced >= r->buckets_ready) {
            pthread_cond_wait(&r->changed, &r->mutex);
            continue;
        }
        size_t index = r->buckets_reduced;
        pthread_mutex_unlock(&r->mutex);
        reduce(r, index);
        pthread_mutex_lock(&r->mutex);
        r->buckets_reduced++;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

static enum status start_thread(struct reducer *r, void (*on_thread)(void))
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return status_no_memory("a thread", sizeof *start);
    *start = (struct start){r, on_thread};
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    enum status status = thread_start(&r->thread, "reducer", work, start);
    r->has_thread = !status;
    if (status) {
        free(start);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->mutex);
    }
    return status;
}

enum status reducer_create(struct reducer *r, const struct comm *comm, const struct allreduce_ops *ops,
                           size_t shards, size_t count, size_t bucket, enum overlap overlap,
                           void (*on_thread)(void))
{
    *r = (struct reducer){.count = count, .bucket = bucket, .choice = overlap, .alone = comm->size == 1};
    if (overlap == OVERLAP_YES && comm->size > 1 && !comm->threads)
        return status_set(STATUS_USAGE,
                          "overlap = yes: this MPI takes calls from one thread only; use auto or no");
    if (r->alone || !comm->threads)
        r->choice = OVERLAP_NO;
    enum status status = allreduce_create(&r->allreduce, ops, comm, shards);
    if (!status && r->choice != OVERLAP_NO)
        status = comm_agree(comm, start_thread(r, on_thread));
    if (status)
        reducer_destroy(r);
    return status;
}

void reducer_destroy(struct reducer *r)
{
    if (r->has_thread) {
        pthread_mutex_lock(&r->mutex);
        r->quit = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->mutex);
        pthread_join(r->thread, NULL);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->mutex);
    }
    allreduce_destroy(&r->allreduce);
    *r = (struct reducer){0};
}

void reducer_start(struct reducer *r, float *array)
{
    r->array = array;
    r->overlaps = r->choice == OVERLAP_YES || (r->choice == OVERLAP_AUTO && r->steps % 2 == 0);
    r->started = r->alone ? 0 : MPI_Wtime();
    if (r->has_thread)
        pthread_mutex_lock(&r->mutex);
    r->buckets_reduced = r->buckets_ready = 0;
    if (r->has_thread)
        pthread_mutex_unlock(&r->mutex);
    atomic_store(&r->allreduce.patient, r->overlaps);
}

void reducer_ready(struct reducer *r, size_t first)
{
    size_t ready = complete_buckets(r, first);
    if (r->alone || !r->overlaps || ready == r->buckets_ready)
        return;
    pthread_mutex_lock(&r->mutex);
    r->buckets_ready = ready;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The medians of all ranks, added up, so that all of them choose alike. The first step of each way is left
 * out: its memory is new. */
static void choose(struct reducer *r)
{
    double medians[2];
    for (int way = 0; way < 2; way++) {
        double *times = r->timed[way] + 1;
        qsort(times, REDUCER_TRIALS - 1, sizeof *times, compare_doubles);
        medians[way] = times[(REDUCER_TRIALS - 1) / 2];
    }
    MPI_Allreduce(MPI_IN_PLACE, medians, 2, MPI_DOUBLE, MPI_SUM, r->allreduce.comm);
    r->choice = medians[true] < medians[false] ? OVERLAP_YES : OVERLAP_NO;
    r->steps = 0;
    r->exposed = 0;
}

void reducer_finish(struct reducer *r)
{
    if (r->alone)
        return;
    double called = MPI_Wtime();
    size_t buckets = reducer_buckets(r->count, r->bucket);
    atomic_store(&r->allreduce.patient, false);
    if (r->overlaps) {
        pthread_mutex_lock(&r->mutex);
        while (r->buckets_reduced < buckets)
            pthread_cond_wait(&r->changed, &r->mutex);
        pthread_mutex_unlock(&r->mutex);
    } else {
        for (size_t i = 0; i < buckets; i++)
            reduce(r, i);
    }
    double now = MPI_Wtime();
    r->exposed += now - called;
    if (r->choice == OVERLAP_AUTO)
        r->timed[r->overlaps][r->steps / 2] = now - r->started;
    r->steps++;
    if (r->choice == OVERLAP_AUTO && r->steps == 2 * REDUCER_TRIALS)
        choose(r);
}
