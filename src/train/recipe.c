#include "train/recipe.h"

#include "core/text.h"

#include <math.h>

struct optimizer_settings recipe_optimizer(const struct job *job)
{
    const struct config *c = job->config;
    return (struct optimizer_settings){
        .momentum = c->train.momentum,
        .nesterov = c->train.nesterov,
        .weight_decay = c->train.weight_decay,
        .beta1 = c->train.beta1,
        .beta2 = c->train.beta2,
        .alpha = c->train.alpha,
        .eps = c->train.eps,
        .trust = c->train.trust,
    };
}

double recipe_lr_scale(const struct config *config, size_t batch)
{
    double ratio = (double)batch / (double)config->train.base_batch;
    return config->train.lr_scaling == CONFIG_SCALING_LINEAR ? ratio
           : config->train.lr_scaling == CONFIG_SCALING_SQRT ? sqrt(ratio)
                                                             : 1;
}

struct schedule recipe_schedule(const struct job *job)
{
    const struct config *c = job->config;
    double scale = recipe_lr_scale(c, job->batch);
    static const enum schedule_kind kinds[] = {
        [CONFIG_CONSTANT] = SCHEDULE_CONSTANT,     [CONFIG_STEP] = SCHEDULE_STEP,
        [CONFIG_MULTISTEP] = SCHEDULE_MULTISTEP,   [CONFIG_COSINE] = SCHEDULE_COSINE,
        [CONFIG_POLYNOMIAL] = SCHEDULE_POLYNOMIAL, [CONFIG_EXPONENTIAL] = SCHEDULE_EXPONENTIAL,
        [CONFIG_ONECYCLE] = SCHEDULE_ONECYCLE,     [CONFIG_TRIANGULAR] = SCHEDULE_TRIANGULAR};
    struct schedule schedule = {
        .kind = kinds[c->train.schedule],
        .rate = c->train.lr * scale,
        .epoch_size = (double)job->train.count,
        .epochs = c->train.schedule_epochs > 0 ? c->train.schedule_epochs : (double)c->train.epochs,
        .warmup_epochs = c->train.warmup,
        .warmup_factor = c->train.warmup_factor,
        .step_epochs = c->train.step_epochs,
        .step_factor = c->train.step_factor,
        .final_rate = c->train.final_lr * scale,
        .power = c->train.power,
        .cycle_start = c->train.cycle_start,
        .cycle_peak = c->train.cycle_peak,
        .cycle_end = c->train.cycle_end,
    };
    if (!text_to_doubles(c->train.milestones, schedule.milestones, SCHEDULE_MILESTONES_MAX,
                         &schedule.milestone_count))
        schedule.milestone_count = 0;
    return schedule;
}
