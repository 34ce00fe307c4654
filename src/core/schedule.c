#include "core/schedule.h"

#include <math.h>

static double clamp(double t)
{
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* From a to b in half a cosine. */
static double half_cosine(double a, double b, double t)
{
    return b + (a - b) * 0.5 * (1 + cos(3.14159265358979323846 * t));
}

/* In whole samples: a quotient of epochs may come out just below a whole number. */
static double whole_samples(const struct schedule *s, double epochs)
{
    return fmax(round(epochs * s->epoch_size), 1);
}

static double steps_down(const struct schedule *s, uint64_t samples)
{
    return s->rate * pow(s->step_factor, floor((double)samples / whole_samples(s, s->step_epochs)));
}

static double milestones_down(const struct schedule *s, uint64_t samples)
{
    size_t passed = 0;
    while (passed < s->milestone_count && (double)samples >= whole_samples(s, s->milestones[passed]))
        passed++;
    return s->rate * pow(s->step_factor, (double)passed);
}

static double cycle(const struct schedule *s, double epoch)
{
    double t = clamp(epoch / s->epochs), a = s->cycle_start, b = 1, part = t / s->cycle_peak;
    if (t >= s->cycle_peak) {
        a = 1;
        b = s->cycle_end;
        part = s->cycle_peak < 1 ? (t - s->cycle_peak) / (1 - s->cycle_peak) : 0;
    }
    return s->rate * (s->kind == SCHEDULE_ONECYCLE ? half_cosine(a, b, part) : a + (b - a) * part);
}

static double after_warmup(const struct schedule *s, uint64_t samples, double epoch)
{
    double length = s->epochs - s->warmup_epochs;
    double t = length > 0 ? clamp((epoch - s->warmup_epochs) / length) : 1;
    switch (s->kind) {
    case SCHEDULE_CONSTANT:
        break;
    case SCHEDULE_STEP:
        return steps_down(s, samples);
    case SCHEDULE_MULTISTEP:
        return milestones_down(s, samples);
    case SCHEDULE_COSINE:
        return half_cosine(s->rate, s->final_rate, t);
    case SCHEDULE_POLYNOMIAL:
        return s->final_rate + (s->rate - s->final_rate) * pow(1 - t, s->power);
    case SCHEDULE_EXPONENTIAL:
        return s->rate * pow(s->step_factor, (epoch - s->warmup_epochs) / s->step_epochs);
    case SCHEDULE_ONECYCLE:
    case SCHEDULE_TRIANGULAR:
        return cycle(s, epoch);
    }
    return s->rate;
}

double schedule_rate(const struct schedule *schedule, uint64_t samples)
{
    double epoch = (double)samples / schedule->epoch_size;
    if (epoch < schedule->warmup_epochs) {
        double t = epoch / schedule->warmup_epochs;
        return schedule->rate * (schedule->warmup_factor + (1 - schedule->warmup_factor) * t);
    }
    return after_warmup(schedule, samples, epoch);
}
