#include "train/reader.h"

#include "core/clock.h"
#include "core/thread.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_PER_THREAD = 2 }; /* each makes a table of its own */

static bool same_wish(const struct reader_wish *a, const struct reader_wish *b)
{
    return a->split == b->split && a->normalization == b->normalization && a->augment == b->augment &&
           a->epoch == b->epoch && a->samples == b->samples && a->first == b->first && a->n == b->n &&
           a->stream == b->stream && a->order == b->order;
}

static void fill(const struct reader *r, const struct reader_buffer *b, size_t piece)
{
    const struct reader_wish *wish = &b->wish;
    size_t first = piece * b->piece, n = wish->n - first < b->piece ? wish->n - first : b->piece;
    const size_t *samples = b->samples + first, *places = samples;
    float *x = b->batch.x + first * shape_count(wish->split->shape),
          *values = wish->split->values ? b->batch.values + first * wish->split->outputs : NULL;
    struct dataset_split images = *wish->split;
    if (wish->stream) {
        images.images = b->raw + first * dataset_image_bytes(&images);
        places = r->places;
    }
    if (wish->augment && augment_changes(wish->augment))
        augment_gather_placed(wish->augment, wish->epoch, &images, wish->normalization, samples, places, n,
                              x);
    else
        dataset_gather(&images, wish->normalization, places, n, x, NULL, NULL);
    dataset_gather(wish->split, wish->normalization, samples, n, NULL, b->batch.classes + first, values);
}

/* Pieces one after the other, as long as there are any; how many. Called with the mutex, as it returns. */
static size_t fill_pieces(struct reader *r)
{
    size_t count = 0;
    for (; r->begun < r->end; count++) {
        const struct reader_buffer *buffer = &r->buffers[!r->taken];
        size_t piece = r->begun++;
        pthread_mutex_unlock(&r->mutex);
        fill(r, buffer, piece);
        pthread_mutex_lock(&r->mutex);
        r->done++;
        pthread_cond_signal(&r->filled);
    }
    return count;
}

/* The batch's images out of the file, run after run, until that fails or nobody wants them any more. Called
 * with the mutex, as it returns. */
static void stage(struct reader *r)
{
    struct reader_buffer *b = &r->buffers[!r->taken];
    size_t item = dataset_image_bytes(b->wish.split);
    enum status status = STATUS_OK;
    r->staging = true;
    for (size_t i = 0; i < b->wish.n && !status && !r->given_up && !r->quit; i++) {
        size_t place = b->by_run[i];
        pthread_mutex_unlock(&r->mutex);
        status = stream_read(b->wish.stream, b->samples[place], b->until[place], b->raw + place * item);
        pthread_mutex_lock(&r->mutex);
    }
    b->status = status;
    snprintf(b->message, sizeof b->message, "%s", status ? status_message() : "");
    r->staging = false;
    r->staged = true;
    pthread_cond_broadcast(&r->filled);
}

/* One more run of this window or the next one, where that takes no room from this one; false: there is none,
 * or no room. What cannot be read is tried again when it is needed, and told then. Called with the mutex, as
 * it returns.
 */
static bool fetch(struct reader *r)
{
    struct reader_fetch *f = &r->fetch;
    if (f->next >= f->count || !stream_has_room(f->stream, f->window))
        return false;
    struct stream *stream = f->stream;
    uint64_t until = f->window + (f->next >= f->own);
    size_t run = f->runs[f->next++];
    r->fetching = true;
    pthread_mutex_unlock(&r->mutex);
    stream_load(stream, run, until);
    pthread_mutex_lock(&r->mutex);
    r->fetching = false;
    pthread_cond_broadcast(&r->filled);
    return true;
}

/* It is no hurry before the network asks: a thread that wakes up need not take a core from those that
 * compute (SCHED_BATCH). */
static void *work(void *user)
{
    struct reader *r = user;
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    pthread_mutex_lock(&r->mutex);
    while (!r->quit) {
        if (!r->staged && !r->staging)
            stage(r);
        else if (r->staged && r->begun < r->end)
            r->ahead += fill_pieces(r);
        else if (r->staging || !fetch(r))
            pthread_cond_wait(&r->wished, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

static enum status start_thread(struct reader *r)
{
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->wished, NULL);
    pthread_cond_init(&r->filled, NULL);
    enum status status = thread_start(&r->thread, "reader", work, r);
    r->has_thread = !status;
    if (status) {
        pthread_cond_destroy(&r->filled);
        pthread_cond_destroy(&r->wished);
        pthread_mutex_destroy(&r->mutex);
    }
    return status;
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
    *r = (struct reader){.network = network, .x = network->x, .staged = true};
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

static void take_staging(struct reader *r, size_t batch, size_t image_bytes, size_t ahead,
                         struct arena *arena)
{
    for (size_t i = 0; i < 2; i++) {
        r->buffers[i].raw = arena_alloc(arena, batch * image_bytes);
        r->buffers[i].until = arena_alloc(arena, batch * sizeof(uint64_t));
        r->buffers[i].by_run = arena_alloc(arena, batch * sizeof(size_t));
    }
    r->places = arena_alloc(arena, batch * sizeof(size_t));
    r->fetch.runs = arena_alloc(arena, ahead * sizeof(size_t));
}

size_t reader_stage_memory(size_t batch, size_t image_bytes, size_t ahead)
{
    struct reader r;
    struct arena counter = arena_counter();
    take_staging(&r, batch, image_bytes, ahead, &counter);
    return counter.used;
}

enum status reader_stage(struct reader *r, size_t image_bytes, size_t ahead)
{
    size_t batch = r->network->batch;
    enum status status = arena_create(&r->raw, reader_stage_memory(batch, image_bytes, ahead),
                                      "samples that are read from the file");
    if (status)
        return status;
    take_staging(r, batch, image_bytes, ahead, &r->raw);
    for (size_t i = 0; i < batch; i++)
        r->places[i] = i;
    return STATUS_OK;
}

/* None of the other buffer's pieces that was not begun yet is to be filled; waits for the one that was. */
static void give_up(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    r->end = r->begun;
    r->given_up = true;
    while (r->done < r->begun || r->staging)
        pthread_cond_wait(&r->filled, &r->mutex);
    r->given_up = false;
    r->staged = true;
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
    arena_destroy(&r->raw);
    *r = (struct reader){0};
}

/* qsort_r: places in a batch, window after window and in each by their samples, which lie in the file in that
 * order. */
static int compare_places(const void *a, const void *b, void *user)
{
    const struct reader_buffer *buffer = user;
    size_t i = *(const size_t *)a, j = *(const size_t *)b, x = buffer->samples[i], y = buffer->samples[j];
    uint64_t u = buffer->until[i], v = buffer->until[j];
    return u != v ? (u > v) - (u < v) : (x > y) - (x < y);
}

/* In which order the images are read, and how long their runs are needed. */
static void plan_reading(struct reader *r, struct reader_buffer *buffer)
{
    const struct reader_wish *wish = &buffer->wish;
    for (size_t i = 0; i < wish->n; i++) {
        buffer->by_run[i] = i;
        buffer->until[i] = wish->order ? order_window(wish->order, buffer->samples[i]) : r->batches;
    }
    qsort_r(buffer->by_run, wish->n, sizeof *buffer->by_run, compare_places, buffer);
}

/* What is to be there once this batch was taken. The list only grows as long as the window is the same.
 * Called with the mutex. */
static void plan_fetch(struct reader_fetch *f, const struct reader_wish *wish)
{
    size_t last = wish->first + wish->n - 1, count = 0, have = f->count;
    const size_t *runs = wish->order ? order_ahead(wish->order, last, &count) : NULL;
    uint64_t window = count ? order_window(wish->order, runs[0] * wish->split->run) : 0;
    if (f->stream != wish->stream || f->window != window)
        have = f->next = 0;
    for (size_t i = have; i < count; i++)
        f->runs[i] = runs[i];
    f->stream = wish->stream;
    f->window = window;
    f->own = wish->order && count > wish->order->settings.window ? wish->order->settings.window : count;
    f->count = count;
}

/* The other buffer's work from now on. Its pieces are a matter of how many threads may fill it, and of
 * nothing that can be seen in it. */
static void begin(struct reader *r, const struct reader_wish *wish)
{
    struct reader_buffer *buffer = &r->buffers[!r->taken];
    size_t pieces = (size_t)r->network->threads * PIECES_PER_THREAD;
    give_up(r);
    r->batches++;
    buffer->wish = *wish;
    buffer->status = STATUS_OK;
    buffer->piece = (wish->n + pieces - 1) / pieces;
    for (size_t i = 0; i < wish->n; i++)
        buffer->samples[i] = wish->samples ? wish->samples[i] : wish->first + i;
    if (wish->stream)
        plan_reading(r, buffer);
    pthread_mutex_lock(&r->mutex);
    if (wish->stream)
        plan_fetch(&r->fetch, wish);
    r->begun = r->done = 0;
    r->end = (wish->n + buffer->piece - 1) / buffer->piece;
    r->staged = !wish->stream;
    pthread_mutex_unlock(&r->mutex);
}

void reader_ahead(struct reader *r, const struct reader_wish *wish)
{
    if (r->waits || same_wish(&r->buffers[!r->taken].wish, wish))
        return;
    begin(r, wish);
    pthread_cond_signal(&r->wished);
}

/* Until the images are there, where they are in a file. Mostly they only have to be copied, which is sooner
 * done than a thread wakes up. */
static void wait_for_images(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    while (!r->staged)
        if (r->staging || r->fetching)
            pthread_cond_wait(&r->filled, &r->mutex);
        else
            stage(r);
    pthread_mutex_unlock(&r->mutex);
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
    wait_for_images(r);
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

enum status reader_status(const struct reader *r)
{
    const struct reader_buffer *buffer = &r->buffers[r->taken];
    return buffer->status ? status_set(buffer->status, "%s", buffer->message) : STATUS_OK;
}
