#include "train/reader.h"

#include "train/display.h"

#include <sched.h>
#include <signal.h>
#include <string.h>

enum { PIECES_PER_THREAD = 2 }; /* each makes a table of its own */

static bool same_wish(const struct reader_wish *a, const struct reader_wish *b)
{
    return a->split == b->split && a->normalization == b->normalization && a->augment == b->augment &&
           a->epoch == b->epoch && a->samples == b->samples && a->first == b->first && a->n == b->n;
}

static void fill(const struct reader_buffer *b, size_t piece)
{
    const struct reader_wish *wish = &b->wish;
    size_t first = piece * b->piece, n = wish->n - first < b->piece ? wish->n - first : b->piece;
    const size_t *samples = b->samples + first;
    float *x = b->batch.x + first * shape_count(wish->split->shape),
          *values = wish->split->values ? b->batch.values + first * wish->split->outputs : NULL;
    bool changed = wish->augment && augment_changes(wish->augment);
    if (changed)
        augment_gather(wish->augment, wish->epoch, wish->split, wish->normalization, samples, n, x);
    dataset_gather(wish->split, wish->normalization, samples, n, changed ? NULL : x, b->batch.classes + first,
                   values);
}

/* Pieces one after the other, as long as there are any; how many. Called with the mutex, as it returns. */
static size_t fill_pieces(struct reader *r)
{
    size_t count = 0;
    for (; r->begun < r->end; count++) {
        const struct reader_buffer *buffer = &r->buffers[!r->taken];
        size_t piece = r->begun++;
        pthread_mutex_unlock(&r->mutex);
        fill(buffer, piece);
        pthread_mutex_lock(&r->mutex);
        r->done++;
        pthread_cond_signal(&r->filled);
    }
    return count;
}

/* It is no hurry before the network asks: a thread that wakes up need not take a core from those that
 * compute (SCHED_BATCH). */
static void *work(void *user)
{
    struct reader *r = user;
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    pthread_mutex_lock(&r->mutex);
    while (!r->quit) {
        r->ahead += fill_pieces(r);
        if (!r->quit)
            pthread_cond_wait(&r->wished, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

/* Signals stay the caller's. */
static enum status start_thread(struct reader *r)
{
    sigset_t all, before;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->wished, NULL);
    pthread_cond_init(&r->filled, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r->has_thread = pthread_create(&r->thread, NULL, work, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r->has_thread)
        return STATUS_OK;
    pthread_cond_destroy(&r->filled);
    pthread_cond_destroy(&r->wished);
    pthread_mutex_destroy(&r->mutex);
    return status_set(STATUS_INTERNAL, "the thread that reads ahead could not be started");
}

/* Slices the arena, or counts. */
static void take_memory(struct reader_buffer buffers[2], const struct network *network, size_t batch,
                        struct arena *arena)
{
    buffers[0].batch.x = network->x;
    buffers[1].batch.x = arena_alloc(arena, batch * shape_count(network->input) * sizeof(float));
    for (size_t i = 0; i < 2; i++) {
        buffers[i].batch.classes = arena_alloc(arena, batch * sizeof(int32_t));
        buffers[i].batch.values = arena_alloc(arena, batch * network_outputs(network) * sizeof(float));
        buffers[i].samples = arena_alloc(arena, batch * sizeof(size_t));
    }
}

size_t reader_memory(const struct network *network, size_t batch)
{
    struct reader_buffer buffers[2];
    struct arena counter = arena_counter();
    take_memory(buffers, network, batch, &counter);
    return counter.used;
}

enum status reader_create(struct reader *r, struct network *network)
{
    *r = (struct reader){.network = network, .x = network->x};
    enum status status =
        arena_create(&r->arena, reader_memory(network, network->batch), "samples that are read ahead");
    if (status)
        return status;
    take_memory(r->buffers, network, network->batch, &r->arena);
    status = start_thread(r);
    if (status)
        reader_destroy(r);
    return status;
}

/* None of the other buffer's pieces that was not begun yet is to be filled; waits for the one that was. */
static void give_up(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    r->end = r->begun;
    while (r->done < r->begun)
        pthread_cond_wait(&r->filled, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
}

void reader_destroy(struct reader *r)
{
    if (r->has_thread) {
        pthread_mutex_lock(&r->mutex);
        r->quit = true;
        r->end = r->begun;
        pthread_cond_signal(&r->wished);
        pthread_mutex_unlock(&r->mutex);
        pthread_join(r->thread, NULL);
        pthread_cond_destroy(&r->filled);
        pthread_cond_destroy(&r->wished);
        pthread_mutex_destroy(&r->mutex);
    }
    if (r->network)
        network_set_input(r->network, r->x);
    arena_destroy(&r->arena);
    *r = (struct reader){0};
}

/* The other buffer's work from now on. Its pieces are a matter of how many threads may fill it, and of
 * nothing that can be seen in it. */
static void begin(struct reader *r, const struct reader_wish *wish)
{
    struct reader_buffer *buffer = &r->buffers[!r->taken];
    size_t pieces = (size_t)r->network->threads * PIECES_PER_THREAD;
    give_up(r);
    buffer->wish = *wish;
    buffer->piece = (wish->n + pieces - 1) / pieces;
    for (size_t i = 0; i < wish->n; i++)
        buffer->samples[i] = wish->samples ? wish->samples[i] : wish->first + i;
    pthread_mutex_lock(&r->mutex);
    r->begun = r->done = 0;
    r->end = (wish->n + buffer->piece - 1) / buffer->piece;
    pthread_mutex_unlock(&r->mutex);
}

void reader_ahead(struct reader *r, const struct reader_wish *wish)
{
    if (r->waits || same_wish(&r->buffers[!r->taken].wish, wish))
        return;
    begin(r, wish);
    pthread_cond_signal(&r->wished);
}

/* With as many threads as there are pieces left for. */
static void help(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    size_t left = r->end - r->begun, threads = (size_t)r->network->threads;
    if (left <= 1 || threads == 1)
        fill_pieces(r);
    pthread_mutex_unlock(&r->mutex);
    if (left <= 1 || threads == 1)
        return;
#pragma omp parallel num_threads((int)(left < threads ? left : threads))
    {
        pthread_mutex_lock(&r->mutex);
        fill_pieces(r);
        pthread_mutex_unlock(&r->mutex);
    }
}

struct reader_batch reader_take(struct reader *r, const struct reader_wish *wish)
{
    double began = clock_seconds();
    struct reader_buffer *buffer = &r->buffers[!r->taken];
    if (!same_wish(&buffer->wish, wish))
        begin(r, wish);
    help(r);
    pthread_mutex_lock(&r->mutex);
    while (r->done < r->end)
        pthread_cond_wait(&r->filled, &r->mutex);
    r->pieces += r->end;
    r->taken = !r->taken;
    r->buffers[!r->taken].wish.n = 0;
    r->begun = r->done = r->end = 0;
    pthread_mutex_unlock(&r->mutex);
    r->waited += clock_seconds() - began;
    return buffer->batch;
}
