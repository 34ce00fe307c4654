#pragma once
/* The learning rate as a pure function of training samples seen, so that it does not depend on the number of
 * ranks and there is nothing to restore. */
#include <stdint.h>

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_COSINE };

struct schedule {
    enum schedule_kind kind;
    double rate;       /* after the warm-up */
    double epoch_size; /* samples in an epoch */
    double epochs;     /* in all */

    double warmup_epochs; /* rate rises linearly from warmup_factor * rate (Goyal et al. 2017, 2.2) */
    double warmup_factor;

    double step_epochs, step_factor; /* STEP: times the factor every so many epochs, counted from the start */
    double final_rate; /* COSINE: reached at the end; half a cosine from the end of the warm-up (Loshchilov
                          and Hutter 2017, eq. 5) */
};

/* The rate of a step that starts when `samples` have been seen. */
double schedule_rate(const struct schedule *schedule, uint64_t samples);
