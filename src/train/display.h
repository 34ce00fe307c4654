#pragma once
/* What training shows: on a terminal a bar that moves, elsewhere plain lines, now and then within an epoch
 * and one at its end. Rank 0 only. */
#include "core/loss.h"

#include <stdbool.h>
#include <stdint.h>

struct display {
    bool terminal;
    uint64_t epochs, steps_per_epoch;
    bool headed;  /* the table of epochs has its head */
    double drawn; /* clock_seconds of the last drawing */
};

void display_create(struct display *display, uint64_t epochs, uint64_t steps_per_epoch);

/* Step `step` of `steps_per_epoch` of an epoch (counted from 0) is done; `sum` is the epoch's so far;
 * remaining: estimated seconds to the end of training. Draws at most ten times a second on a terminal, a line
 * every half minute elsewhere. */
void display_step(struct display *display, uint64_t epoch, uint64_t step, struct loss_sum sum,
                  double images_per_s, double remaining);

/* Takes the bar away, so that a line can be printed. */
void display_clear(struct display *display);

/* The epoch's line of a table, in less than 80 columns; `test` without samples: there was no evaluation. A
 * star marks the best so far. */
void display_epoch(struct display *display, uint64_t epoch, uint64_t step, struct loss_sum train,
                   struct loss_sum test, double rate, double images_per_s, double seconds, bool best);
