#include "train/step.h"

#include <math.h>

size_t step_shard_size(size_t batch, size_t shards)
{
    return (batch + shards - 1) / shards;
}

enum status step_create(struct step *step, struct network *network, struct optimizer *optimizer,
                        const struct comm *comm, size_t shards, double clip_norm, uint64_t seed)
{
    *step = (struct step){.network = network,
                          .optimizer = optimizer,
                          .shards = shards,
                          .owned = shard_owned(shards, (size_t)comm->size, (size_t)comm->rank),
                          .clip_norm = clip_norm,
                          .seed = seed};
    size_t levels = tree_sum_levels(step->owned.count), count = network->parameter_count + STEP_TAIL_COUNT;
    size_t outputs = network_outputs(network);
    size_t bytes = levels * arena_round(count * sizeof(float)) +
                   arena_round(network->batch * sizeof(int32_t)) +
                   arena_round(network->batch * outputs * sizeof(float));
    enum status status = arena_create(&step->arena, bytes, "gradients");
    if (status)
        return status;
    step->sum = (struct tree_sum){.count = count, .threads = network->threads};
    for (size_t i = 0; i < levels; i++)
        step->sum.levels[i] = arena_alloc(&step->arena, count * sizeof(float));
    step->classes = arena_alloc(&step->arena, network->batch * sizeof(int32_t));
    step->values = arena_alloc(&step->arena, network->batch * outputs * sizeof(float));
    return STATUS_OK;
}

void step_destroy(struct step *step)
{
    arena_destroy(&step->arena);
    *step = (struct step){0};
}

static const struct layer *first_not_finite(const struct network *network, size_t n)
{
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        if (!isfinite(optimizer_norm(layer->y, n * shape_count(layer->out), network->threads)))
            return layer;
    }
    return NULL;
}

/* Forward and backward of one shard; everything it has to say goes into `gradients` and their tail. */
static void shard_pass(struct step *step, size_t shard, uint64_t number, size_t batch, float *gradients,
                       step_source *source, void *user, struct step_result *result)
{
    struct range samples = shard_samples(batch, step->shards, shard);
    if (samples.count == 0)
        return;
    struct network *network = step->network;
    source(user, samples.first, samples.count, network->x, step->classes, step->values);
    struct pass pass = network_pass(network, samples.count);
    pass.training = true;
    pass.seed = step->seed;
    pass.shard = (uint32_t)shard;
    pass.step = (uint32_t)number;
    pass.gradients = gradients;
    network_forward(network, &pass);
    struct loss_sum loss =
        network_loss(network, &pass, (struct labels){step->classes, step->values}, 1.0f / (float)batch);
    network_backward(network, &pass, NULL, NULL);
    float *tail = gradients + network->parameter_count;
    tail[STEP_TAIL_LOSS] = (float)loss.loss;
    tail[STEP_TAIL_SAMPLES] = (float)loss.samples;
    tail[STEP_TAIL_HITS_HIGH] = (float)(loss.hits / STEP_HITS_BASE);
    tail[STEP_TAIL_HITS_LOW] = (float)(loss.hits % STEP_HITS_BASE);
    if (!isfinite(tail[STEP_TAIL_LOSS]) && !result->culprit)
        result->culprit = first_not_finite(network, samples.count);
}

/* What the tail says of the batch. */
static struct loss_sum read_tail(const struct network *network, const float *tail)
{
    struct loss_sum sum = {.loss = (double)tail[STEP_TAIL_LOSS],
                           .samples = (uint64_t)tail[STEP_TAIL_SAMPLES]};
    sum.hits = (uint64_t)tail[STEP_TAIL_HITS_HIGH] * STEP_HITS_BASE + (uint64_t)tail[STEP_TAIL_HITS_LOW];
    sum.tries = loss_tries(network_last(network)->ops->loss, sum.samples, network_outputs(network));
    return sum;
}

/* The last layer with a gradient that is not finite: backward went on from there. */
static const struct layer *last_bad_gradient(const struct network *network, const float *gradients)
{
    for (size_t i = network->layer_count; i-- > 0;) {
        const struct layer *layer = &network->layers[i];
        for (size_t p = 0; p < layer->parameter_count; p++)
            if (!isfinite(
                    optimizer_norm(gradients + layer->parameters[p].offset, layer->parameters[p].count, 1)))
                return layer;
    }
    return NULL;
}

struct step_result step_take(struct step *step, uint64_t number, size_t batch, double rate,
                             step_source *source, void *user)
{
    struct step_result result = {0};
    const struct network *network = step->network;
    for (size_t i = 0; i < step->owned.count; i++) {
        shard_pass(step, step->owned.first + i, number, batch, tree_sum_next(&step->sum), source, user,
                   &result);
        tree_sum_add(&step->sum);
    }
    const float *gradients = tree_sum_finish(&step->sum);
    result.loss = read_tail(network, gradients + network->parameter_count);
    result.gradient_norm = optimizer_norm(gradients, network->parameter_count, network->threads);
    result.finite = isfinite(result.loss.loss) && isfinite(result.gradient_norm);
    result.culprit_gradient = isfinite(result.loss.loss) && !result.finite;
    if (result.culprit_gradient)
        result.culprit = last_bad_gradient(network, gradients);
    if (result.finite)
        optimizer_step(step->optimizer, step->network, gradients, rate, result.gradient_norm,
                       step->clip_norm);
    return result;
}
