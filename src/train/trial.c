#include "train/trial.h"

#include <stdlib.h>

bool trial_is_first(const struct trial *t)
{
    return t->decided ? t->first : t->steps / TRIAL_BLOCK % 2 == 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double times[TRIAL_TIMES])
{
    qsort(times, TRIAL_TIMES, sizeof *times, compare_doubles);
    return times[TRIAL_TIMES / 2];
}

void trial_note(struct trial *t, double seconds)
{
    if (t->decided)
        return;
    size_t pair = t->steps / (2 * TRIAL_BLOCK), within = t->steps % TRIAL_BLOCK;
    if (within >= TRIAL_SKIPPED)
        t->times[trial_is_first(t)][pair * (TRIAL_BLOCK - TRIAL_SKIPPED) + within - TRIAL_SKIPPED] = seconds;
    if (++t->steps < TRIAL_BLOCK * TRIAL_BLOCKS)
        return;
    t->first = median(t->times[true]) <= median(t->times[false]);
    t->decided = true;
}
