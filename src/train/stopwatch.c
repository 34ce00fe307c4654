#include "train/stopwatch.h"

#include "core/clock.h"

#include <math.h>

static double per_second(uint64_t samples, double seconds)
{
    return (double)samples / fmax(seconds, 1e-9);
}

void stopwatch_start(struct stopwatch *w, const struct progress *progress)
{
    double now = clock_seconds();
    *w = (struct stopwatch){.started = now,
                            .epoch_started = now,
                            .seconds_before = progress->seconds,
                            .epoch_before = progress->epoch_seconds,
                            .samples_before = progress->samples_seen,
                            .epoch_samples_before = progress->epoch_sum.samples,
                            .steps_started = now};
}

void stopwatch_read(const struct stopwatch *w, struct progress *progress)
{
    double now = clock_seconds();
    progress->seconds = w->seconds_before + now - w->started;
    progress->epoch_seconds = w->epoch_before + now - w->epoch_started;
}

void stopwatch_next_epoch(struct stopwatch *w, struct progress *progress)
{
    progress->epoch_sum = (struct loss_sum){0};
    progress->epoch_seconds = w->epoch_before = 0;
    w->epoch_started = clock_seconds();
    w->epoch_samples_before = 0;
}

void stopwatch_steps(struct stopwatch *w)
{
    w->steps_started = clock_seconds();
}

void stopwatch_leave_out(struct stopwatch *w, double seconds)
{
    w->steps_started += seconds;
}

double stopwatch_speed(const struct stopwatch *w, const struct progress *progress)
{
    return per_second(progress->samples_seen - w->samples_before, progress->seconds - w->seconds_before);
}

double stopwatch_epoch_speed(const struct stopwatch *w, const struct progress *progress)
{
    uint64_t all = progress->epoch_sum.samples, taken = all - w->epoch_samples_before;
    return taken ? per_second(taken, clock_seconds() - w->steps_started)
                 : per_second(all, progress->epoch_seconds);
}
