#include "core/schedule.h"

#include <math.h>

static double after_warmup(const struct schedule *s, uint64_t samples, double epoch)
{
    if (s->kind ==
        SCHEDULE_STEP) { /* in whole samples: a quotient of epochs may come out just below a whole number */
        double period = fmax(round(s->step_epochs * s->epoch_size), 1);
        return s->rate * pow(s->step_factor, floor((double)samples / period));
    }
    if (s->kind == SCHEDULE_COSINE) {
        double length = s->epochs - s->warmup_epochs;
        double t = length > 0 ? (epoch - s->warmup_epochs) / length : 1;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        return s->final_rate + (s->rate - s->final_rate) * 0.5 * (1 + cos(3.14159265358979323846 * t));
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
