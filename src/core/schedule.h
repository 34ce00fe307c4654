#pragma once
/* The learning rate as a pure function of training samples seen, so that it does not depend on the number of
 * ranks and there is nothing to restore. Formulas are those of torch.optim.lr_scheduler, with epochs as real
 * numbers. */
#include <stddef.h>
#include <stdint.h>

enum { SCHEDULE_MILESTONES_MAX = 32 };

enum schedule_kind {
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,      /* StepLR */
    SCHEDULE_MULTISTEP, /* MultiStepLR */
    SCHEDULE_COSINE,    /* CosineAnnealingLR; Loshchilov and Hutter 2017, eq. 5 */
    SCHEDULE_POLYNOMIAL,
    SCHEDULE_EXPONENTIAL, /* ExponentialLR, between the epochs too */
    SCHEDULE_ONECYCLE,    /* OneCycleLR; Smith and Topin 2018 */
    SCHEDULE_TRIANGULAR,  /* the same with straight lines: anneal_strategy="linear" */
};

struct schedule {
    enum schedule_kind kind;
    double rate;       /* after the warm-up, or at the peak */
    double epoch_size; /* samples in an epoch */
    double epochs;     /* when COSINE, POLYNOMIAL, ONECYCLE and TRIANGULAR end, the warm-up included */

    double warmup_epochs; /* rate rises linearly from warmup_factor * rate (Goyal et al. 2017, 2.2) */
    double warmup_factor;

    /* STEP: times the factor every so many epochs, counted from the start. EXPONENTIAL: evenly, counted from
     * the end of the warm-up. MULTISTEP: times the factor at each milestone. */
    double step_epochs, step_factor;
    double milestones[SCHEDULE_MILESTONES_MAX]; /* epochs, rising */
    size_t milestone_count;

    double final_rate; /* COSINE, POLYNOMIAL: reached at the end; half a cosine, or (1 - t)^power, from the
                          end of the warm-up */
    double power;

    /* ONECYCLE, TRIANGULAR: from start * rate to rate at the share `peak` of the epochs, then to end * rate.
     */
    double cycle_start, cycle_peak, cycle_end;
};

/* The rate of a step that starts when `samples` have been seen. */
double schedule_rate(const struct schedule *schedule, uint64_t samples);
