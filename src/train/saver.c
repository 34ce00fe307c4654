#include "train/saver.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "core/thread.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One run of memory per thread, long enough for memcpy to go past the caches. */
static void copy(float *to, const float *from, size_t count, int threads)
{
    size_t parts = (size_t)threads;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < parts; i++) {
        size_t first = count * i / parts, end = count * (i + 1) / parts;
        if (first < end)
            memcpy(to + first, from + first, (end - first) * sizeof *to);
    }
}

/* Somebody may have moved the folder away, and this start's token with it. */
static void make_again(struct saver *s)
{
    if (claim_lost(s->claim) || !access(s->folder, F_OK) || errno != ENOENT || mkdir(s->folder, 0777))
        return;
    log_warn("the output folder %s is gone, with all checkpoints in it: it is made again", s->folder);
    if (s->claim && claim_mark(s->claim))
        log_warn("%s", status_message());
}

/* What stays when a checkpoint is not written; its weights may be the best so far, which then are lost. */
static const char *what_stays(const struct saver *s, char out[1200])
{
    const char *good = s->good; /* which nobody else changes */
    if (good[0] && !access(good, F_OK))
        snprintf(out, 1200, "the last good checkpoint %s stays%s", good,
                 s->save.best ? ", and best.h5 is of an earlier step" : "");
    else
        snprintf(out, 1200, "there is no good checkpoint yet");
    return out;
}

/* Takes over the lines that were given; false where there are none. Called with the mutex. */
static bool take_rows(struct saver *s)
{
    struct metrics_row **end = &s->waiting;
    if (!s->given)
        return false;
    while (*end)
        end = &(*end)->next;
    *end = s->given;
    s->given = NULL;
    return true;
}

static void free_rows(struct metrics_row **rows)
{
    while (*rows) {
        struct metrics_row *next = (*rows)->next;
        free(*rows);
        *rows = next;
    }
}

static enum status append_rows(struct saver *s)
{
    if (!s->waiting)
        return STATUS_OK;
    make_again(s);
    enum status status = claim_check(s->claim);
    if (!status)
        status = metrics_append(s->folder, s->waiting);
    if (!status)
        free_rows(&s->waiting);
    return status;
}

static void write_checkpoint(struct saver *s)
{
    double began = clock_seconds();
    char path[1024], stays[1200];
    make_again(s);
    enum status status = checkpoint_write(s->folder, &s->content, s->save.best, path);
    double seconds = clock_seconds() - began;
    bool lost = claim_lost(s->claim);
    if (status && s->save.last && !lost)
        status_set(status, "%s; %s", status_message(), what_stays(s, stays));
    else if (status && !lost)
        log_warn("step %llu: %s; training goes on, %s, and the next checkpoint tries again",
                 (unsigned long long)s->progress.step, status_message(), what_stays(s, stays));
    pthread_mutex_lock(&s->mutex);
    s->outcome = status;
    snprintf(s->message, sizeof s->message, "%s", status ? status_message() : "");
    if (!status) {
        memcpy(s->good, path, sizeof path);
        s->times.writing_last = seconds;
        s->times.writing_total += seconds;
        s->times.written++;
    } else {
        s->times.failed++;
    }
    pthread_mutex_unlock(&s->mutex);
    if (!status && !claim_check(s->claim) && checkpoint_prune(s->folder, s->keep, s->progress.step))
        log_warn("%s; training goes on", status_message());
    append_rows(s); /* those that failed before: there may be room now */
}

static void *work(void *user)
{
    struct saver *s = user;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        if (take_rows(s)) {
            pthread_mutex_unlock(&s->mutex);
            if (append_rows(s) && !claim_lost(s->claim))
                log_warn("%s; training goes on, and the line is written when that is possible again",
                         status_message());
            pthread_mutex_lock(&s->mutex);
        } else if (s->writes) {
            pthread_mutex_unlock(&s->mutex);
            write_checkpoint(s);
            pthread_mutex_lock(&s->mutex);
            s->writes = false;
            pthread_cond_broadcast(&s->changed);
        } else if (s->quit) {
            break;
        } else {
            s->idle = true;
            pthread_cond_broadcast(&s->changed);
            pthread_cond_wait(&s->changed, &s->mutex);
            s->idle = false;
        }
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static enum status start_thread(struct saver *s)
{
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    enum status status = thread_start(&s->thread, "saver", work, s);
    s->has_thread = !status;
    if (status) {
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->mutex);
    }
    return status;
}

enum status saver_create(struct saver *s, const char *folder, struct claim *claim,
                         const struct network *network, const struct checkpoint_slot *slots,
                         size_t slot_count, size_t keep, const char *good)
{
    size_t bytes = network->parameter_count * sizeof(float),
           buffer_bytes = network->buffer_count * sizeof(float), buffers = 1;
    for (size_t i = 0; i < slot_count; i++)
        buffers += slots[i].buffers != NULL;
    *s = (struct saver){.folder = folder, .claim = claim, .keep = keep, .network = *network};
    snprintf(s->good, sizeof s->good, "%s", good);
    enum status status =
        arena_create(&s->arena, (1 + slot_count) * arena_round(bytes) + buffers * arena_round(buffer_bytes),
                     "the copy of the weights for checkpoints");
    if (status)
        return status;
    s->network.parameters = arena_alloc(&s->arena, bytes);
    s->network.buffers = arena_alloc(&s->arena, buffer_bytes);
    for (size_t i = 0; i < slot_count; i++) {
        s->slots[i].values = arena_alloc(&s->arena, bytes);
        if (slots[i].buffers)
            s->slots[i].buffers = arena_alloc(&s->arena, buffer_bytes);
    }
    status = start_thread(s);
    if (status)
        saver_destroy(s);
    return status;
}

void saver_destroy(struct saver *s)
{
    if (s->has_thread) {
        pthread_mutex_lock(&s->mutex);
        s->quit = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(s->thread, NULL);
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->mutex);
    }
    free_rows(&s->waiting);
    arena_destroy(&s->arena);
    *s = (struct saver){0};
}

/* The copy is the caller's now. */
static void copy_content(struct saver *s, const struct checkpoint_content *content)
{
    size_t count = s->network.parameter_count;
    int threads = s->network.threads;
    copy(s->network.parameters, content->network->parameters, count, threads);
    copy(s->network.buffers, content->network->buffers, s->network.buffer_count, threads);
    for (size_t i = 0; i < content->slot_count; i++) {
        s->slots[i].name = content->slots[i].name;
        copy(s->slots[i].values, content->slots[i].values, count, threads);
        if (s->slots[i].buffers)
            copy(s->slots[i].buffers, content->slots[i].buffers, s->network.buffer_count, threads);
    }
    s->progress = *content->progress;
    s->content = *content;
    s->content.network = &s->network;
    s->content.slots = s->slots;
    s->content.progress = &s->progress;
}

/* Reads the folder once more for the message: the thread's own message is out of reach. */
enum status saver_check(struct saver *s)
{
    if (!claim_lost(s->claim))
        return STATUS_OK;
    enum status status = claim_check(s->claim);
    return status ? status
                  : status_set(STATUS_CHECKPOINT, "another start had the output folder %s: this one ends",
                               s->folder);
}

void saver_save(struct saver *s, const struct checkpoint_content *content, const struct save *save)
{
    pthread_mutex_lock(&s->mutex);
    while (s->writes)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
    copy_content(s, content);
    s->save = *save;
    pthread_mutex_lock(&s->mutex);
    s->writes = true;
    double pause = clock_seconds() - save->began;
    s->times.pause_longest = fmax(s->times.pause_longest, pause);
    s->times.pause_total += pause;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

enum status saver_add_row(struct saver *s, const struct metrics_row *row)
{
    struct metrics_row *copied = malloc(sizeof *copied);
    if (!copied)
        return status_no_memory("a line of metrics.csv", sizeof *copied);
    *copied = *row;
    pthread_mutex_lock(&s->mutex);
    struct metrics_row **end = &s->given;
    while (*end)
        end = &(*end)->next;
    *end = copied;
    copied->next = NULL;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    return STATUS_OK;
}

enum status saver_finish(struct saver *s, char good[1024])
{
    size_t missing = 0;
    pthread_mutex_lock(&s->mutex);
    while (s->writes || s->given || !s->idle)
        pthread_cond_wait(&s->changed, &s->mutex);
    for (const struct metrics_row *row = s->waiting; row; row = row->next)
        missing++;
    enum status status = s->outcome;
    memcpy(good, s->good, sizeof s->good);
    pthread_mutex_unlock(&s->mutex);
    if (missing)
        log_warn("%s/metrics.csv lacks %zu line%s that could not be written", s->folder, missing,
                 text_plural((double)missing));
    return status ? status_set(status, "%s", s->message) : STATUS_OK;
}

double saver_seconds(struct saver *s)
{
    struct saver_times times = saver_times(s);
    return times.written
               ? fmax(times.writing_last, times.writing_total / (double)times.written) + times.pause_longest
               : 0;
}

struct saver_times saver_times(struct saver *s)
{
    pthread_mutex_lock(&s->mutex);
    struct saver_times times = s->times;
    pthread_mutex_unlock(&s->mutex);
    return times;
}
