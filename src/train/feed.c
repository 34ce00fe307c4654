#include "train/feed.h"

#include <stdio.h>

enum status feed_create(struct feed *f, struct job *job)
{
    const struct comm *comm = job->comm;
    *f = (struct feed){.job = job,
                       .owned = shard_owned(job->shards, (size_t)comm->size, (size_t)comm->rank),
                       .augment = job_augment(job)};
    const struct order_settings order = job_order(job);
    f->stream = job_train_stream(job);
    if (f->stream) /* what waits for a disk is never faster where nobody reads ahead */
        f->trial = (struct trial){.decided = true, .first = true};
    enum status status = order_create(&f->order, job->train.count, &order);
    if (!status)
        status = reader_create(&f->reader, &job->network);
    return status ? status : job_stage(job, &f->reader);
}

void feed_destroy(struct feed *f)
{
    reader_destroy(&f->reader);
    order_destroy(&f->order);
    *f = (struct feed){0};
}

static struct reader_wish wish_for(const struct feed *f, struct range part)
{
    return (struct reader_wish){.split = &f->job->train,
                                .normalization = job_normalization(f->job),
                                .augment = &f->augment,
                                .epoch = f->epoch,
                                .samples = f->samples + part.first,
                                .first = part.first,
                                .n = part.count,
                                .stream = f->stream,
                                .order = f->stream && f->order.settings.window ? &f->order : NULL};
}

/* The first shard of this rank that begins at `from` or behind it, in the step at `position` or a later one,
 * as places in the epoch; none, where there is none. */
static struct range part_from(const struct feed *f, size_t position, size_t from)
{
    const struct job *job = f->job;
    for (; f->owned.count && position < job->train.count; position += job->batch) {
        size_t rest = job->train.count - position, batch = rest < job->batch ? rest : job->batch;
        for (size_t i = 0; i < f->owned.count; i++) {
            struct range samples = shard_samples(batch, job->shards, f->owned.first + i);
            if (samples.count && position + samples.first >= from)
                return (struct range){position + samples.first, samples.count};
        }
    }
    return (struct range){0};
}

static void read_ahead(struct feed *f, size_t position, size_t from)
{
    struct range part = part_from(f, position, from);
    struct reader_wish wish = wish_for(f, part);
    if (part.count)
        reader_ahead(&f->reader, &wish);
}

void feed_epoch(struct feed *f, uint64_t epoch, size_t position)
{
    f->epoch = epoch;
    f->position = position;
    f->samples = order_of_epoch(&f->order, epoch);
    read_ahead(f, position, position);
}

void feed_step(struct feed *f, size_t position)
{
    f->position = position;
    f->reader.waits = !trial_is_first(&f->trial);
}

void feed_step_taken(struct feed *f, double seconds, bool steady)
{
    f->steps++;
    f->seconds += seconds;
    if (steady)
        trial_note(&f->trial, seconds);
}

void feed_gather(void *user, size_t first, size_t n, struct step_input *input)
{
    struct feed *f = user;
    struct range part = {f->position + first, n};
    struct reader_wish wish = wish_for(f, part);
    double waited = f->reader.waited;
    struct reader_batch batch = reader_take(&f->reader, &wish);
    f->waited += f->reader.waited - waited;
    bool failed = reader_status(&f->reader) != STATUS_OK;
    f->failed = f->failed || failed;
    if (failed)
        snprintf(f->message, sizeof f->message, "%s", status_message());
    *input = (struct step_input){batch.x, batch.classes, batch.values, failed};
    read_ahead(f, f->position, part.first + part.count);
}

enum status feed_status(const struct feed *f)
{
    return f->failed ? status_set(STATUS_DATA, "%s", f->message) : STATUS_OK;
}
