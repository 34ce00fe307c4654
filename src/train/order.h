#pragma once
/* The order in which an epoch goes through the samples: a pure function of seed and epoch, so that nothing of
 * it need be kept.
 *
 * Either all samples are shuffled together, or, for data that are read from the file in runs
 * (struct dataset_split), in windows. An epoch then goes through the runs in a random order, so many at a
 * time, and the samples of these are shuffled together:
 *
 *     runs in the file      0 1 2 3 4 5 6 7 8
 *     of the epoch          4 0 7 | 2 8 1 | 3 6 5        in windows of 3
 *     samples               those of 4, 0 and 7 shuffled, then those of 2, 8 and 1, then the rest
 *
 * Whoever reads needs the runs of the window at hand, and can fetch those of the next one meanwhile. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order_settings {
    uint64_t seed;
    bool shuffle;  /* false: every epoch is in file order */
    size_t run;    /* samples of a run; the last one may have fewer */
    size_t window; /* runs of a window; 0: all samples are shuffled together */
};

struct order { /* zero-initialised is empty */
    size_t *samples, count;
    struct order_settings settings;
    uint64_t epoch;
    bool ready;

    /* where there are windows */
    size_t run_count, window_count;
    size_t *runs;      /* (run_count) in the order of the epoch: window w has those from w * window on */
    size_t *window_of; /* (run_count) of each run */
    size_t *begins;    /* (window_count + 1) places in the epoch at which windows begin, and its end */
};

/* For `count` samples. order_destroy frees. */
enum status order_create(struct order *order, size_t count, const struct order_settings *settings);
void order_destroy(struct order *order);

/* The samples of an epoch in their order: (count), valid until the next call. */
const size_t *order_of_epoch(struct order *order, uint64_t epoch);

/* Of the epoch at hand, where there are windows: the window that a sample is in, counted on from those of
 * the epochs before. */
uint64_t order_window(const struct order *order, size_t sample);

/* What is to be in memory when the places up to `place` have been gone through: the runs of that window, and
 * as large a part of the next one's, so that each step reads its share. A pointer into order->runs. */
const size_t *order_ahead(const struct order *order, size_t place, size_t *count);
