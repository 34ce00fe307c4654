#pragma once
/* How long a run has been training, all its starts together, and how fast this one is. Beside struct
 * progress, which goes into checkpoints. */
#include "io/checkpoint.h"

struct stopwatch {
    double started, epoch_started;       /* clock_seconds: this start, and the running epoch in it */
    double seconds_before, epoch_before; /* of the starts before this one: the run, and the running epoch */
    uint64_t samples_before, epoch_samples_before; /* that they trained on */
    double steps_started;                          /* of the running epoch; what is left out makes it later */
};

/* This start begins, where `progress` stands. */
void stopwatch_start(struct stopwatch *watch, const struct progress *progress);

/* Writes the seconds up to now into `progress`. */
void stopwatch_read(const struct stopwatch *watch, struct progress *progress);

/* An epoch is over: its own times and samples begin anew, in `progress` as well. */
void stopwatch_next_epoch(struct stopwatch *watch, struct progress *progress);

/* The steps of the running epoch begin, or go on in this start; seconds among them that are no training. */
void stopwatch_steps(struct stopwatch *watch);
void stopwatch_leave_out(struct stopwatch *watch, double seconds);

/* Samples per second: of this start, by what stopwatch_read wrote; and of the running epoch's steps in this
 * start, or, where an earlier one took them all, of the epoch so far. */
double stopwatch_speed(const struct stopwatch *watch, const struct progress *progress);
double stopwatch_epoch_speed(const struct stopwatch *watch, const struct progress *progress);
