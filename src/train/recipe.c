#include "train/recipe.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 0 without data. */
static size_t epoch_steps(const struct job *job)
{
    return job->has_data ? (job->train.count + job->batch - 1) / job->batch : 0;
}

uint64_t recipe_samples(const struct job *job)
{
    double epochs = job->config->train.epochs, whole = floor(epochs), count = (double)job->train.count;
    double steps = (epochs - whole) * (double)epoch_steps(job);
    steps = ceil(steps - 1e-6); /* 9.9 is a little more, or less, than 9.9 */
    return (uint64_t)(whole * count + fmin(fmax(steps, 0) * (double)job->batch, count));
}

uint64_t recipe_epochs(const struct job *job)
{
    return (recipe_samples(job) + job->train.count - 1) / job->train.count;
}

uint64_t recipe_steps(const struct job *job)
{
    uint64_t samples = recipe_samples(job), count = job->train.count;
    return samples / count * epoch_steps(job) + (samples % count + job->batch - 1) / job->batch;
}

/* When what goes on until the end ends. */
static double schedule_epochs(const struct job *job)
{
    const struct config *c = job->config;
    return c->train.schedule_epochs > 0 ? c->train.schedule_epochs
           : job->has_data              ? (double)recipe_samples(job) / (double)job->train.count
                                        : c->train.epochs;
}

static double schedule_steps(const struct job *job)
{
    double epochs = job->config->train.schedule_epochs;
    return !job->has_data ? 0 : epochs > 0 ? epochs * (double)epoch_steps(job) : (double)recipe_steps(job);
}

struct average_settings recipe_average(const struct job *job)
{
    const struct config *c = job->config;
    return (struct average_settings){
        .ema = c->train.ema,
        .lookahead = c->train.lookahead,
        .alpha = c->train.lookahead_alpha,
        .power = c->train.lookahead_power,
        .steps = schedule_steps(job),
        .buffers = c->train.lookahead_buffers,
    };
}

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
        .epoch_steps = epoch_steps(job),
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
        .epochs = schedule_epochs(job),
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

/* count / (classes * samples of the class), as scikit-learn's "balanced"; 0 for a class without samples. */
static void balance(const struct dataset_split *train, size_t outputs, double *weights)
{
    memset(weights, 0, outputs * sizeof *weights);
    for (size_t i = 0; i < train->count; i++)
        weights[train->classes[i]]++;
    for (size_t j = 0; j < outputs; j++)
        weights[j] = weights[j] > 0 ? (double)train->count / ((double)outputs * weights[j]) : 0;
}

static enum status parse_weights(const struct config *c, size_t outputs, double *weights)
{
    size_t count;
    double sum = 0;
    bool good = text_to_doubles(c->train.class_weights, weights, outputs, &count) && count == outputs;
    for (size_t j = 0; good && j < outputs; j++) {
        good = weights[j] >= 0 && weights[j] <= 1e9;
        sum += weights[j];
    }
    if (good && sum > 0)
        return STATUS_OK;
    return status_set(
        STATUS_USAGE,
        "%s: train.class_weights = %.200s: expected balanced, or %zu numbers from 0 to 1e9 with "
        "commas between them, one per output and not all 0",
        c->path, c->train.class_weights, outputs);
}

enum status recipe_class_weights(const struct job *job, float **weights)
{
    const struct config *c = job->config;
    size_t outputs = network_outputs(&job->network);
    bool softmax = network_last(&job->network)->ops->loss == LOSS_CROSS_ENTROPY;
    bool balanced = !strcmp(c->train.class_weights, "balanced");
    *weights = NULL;
    if (!softmax && (c->train.label_smoothing > 0 || c->train.class_weights[0]))
        return status_set(STATUS_USAGE, "%s: train.%s is for networks that end in softmax", c->path,
                          c->train.label_smoothing > 0 ? "label_smoothing" : "class_weights");
    if (c->augment.mixup > 0 && (!softmax || c->train.class_weights[0]))
        return status_set(STATUS_USAGE, "%s: augment.mixup is for networks that end in softmax%s", c->path,
                          softmax ? ", without train.class_weights" : "");
    if (!c->train.class_weights[0] || (balanced && !job->has_data))
        return STATUS_OK;
    double *values = malloc(outputs * sizeof *values);
    *weights = malloc(outputs * sizeof **weights);
    enum status status = values && *weights ? STATUS_OK : status_no_memory("class weights", outputs);
    if (!status && balanced)
        balance(&job->train, outputs, values);
    else if (!status)
        status = parse_weights(c, outputs, values);
    for (size_t j = 0; !status && j < outputs; j++)
        (*weights)[j] = (float)values[j];
    free(values);
    return status;
}

double recipe_checkpoint_bytes(const struct config *config, const struct network *network)
{
    bool slow = config->train.lookahead > 0, slow_buffers = slow && config->train.lookahead_buffers;
    double arrays =
        (double)(1 + optimizer_types[config->train.optimizer]->slot_count) + (config->train.ema > 0) + slow;
    return sizeof(float) *
           (arrays * (double)network->parameter_count + (1 + slow_buffers) * (double)network->buffer_count);
}
