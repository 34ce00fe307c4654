#include "train/trial.h"

#include "core/median.h"

bool trial_is_first(const struct trial *t)
{
    return t->decided ? t->first : t->steps / TRIAL_BLOCK % 2 == 0;
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
    t->first = median(t->times[true], TRIAL_TIMES) <= median(t->times[false], TRIAL_TIMES);
    t->decided = true;
}
