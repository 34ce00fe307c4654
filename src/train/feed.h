#pragma once
/* What this rank's shards are fed with, step after step: the samples of an epoch in their order, each shard
 * read ahead while the network is at the one before. A function of seed, epoch and place in the epoch.
 *
 * Where all cores compute, a thread that reads ahead takes one of them from the network, and it may be faster
 * that all of them read, and then all of them compute: the first steps of a run try both. */
#include "train/job.h"
#include "train/order.h"
#include "train/reader.h"
#include "train/trial.h"

struct feed {
    const struct job *job; /* borrowed */
    struct range owned;    /* shards of this rank */
    struct augment augment;
    struct order order;
    struct reader reader;
    struct stream *stream; /* the job's; NULL: images are in memory */
    uint64_t epoch;
    size_t position;       /* in the epoch, of the step at hand */
    const size_t *samples; /* (count) of the epoch, in their order */
    struct trial trial;    /* first: to read ahead */
    uint64_t steps;        /* that were taken, */
    double seconds;        /* in so long, */
    double waited;         /* of which the network waited for its samples */
    bool failed;           /* images could not be read: */
    char message[STATUS_MESSAGE_MAX];
};

/* Local. For a job with data, bound for training. feed_destroy does nothing to one that is zero.
 * STATUS_INTERNAL for want of memory or of a thread. */
enum status feed_create(struct feed *feed, struct job *job);
void feed_destroy(struct feed *feed);

/* The steps to come are of that epoch, from `position` on; what they begin with is read ahead from now on. */
void feed_epoch(struct feed *feed, uint64_t epoch, size_t position);

/* The next step begins at `position` of the epoch. */
void feed_step(struct feed *feed, size_t position);

/* It took so long. `steady`: nothing else was tried out in it. */
void feed_step_taken(struct feed *feed, double seconds, bool steady);

/* A step_source; `user` is the feed. */
void feed_gather(void *user, size_t first, size_t n, struct step_input *input);

/* STATUS_DATA once images could not be read from their file. */
enum status feed_status(const struct feed *feed);
