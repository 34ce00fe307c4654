#include "train/fault.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool all_finite(const float *values, size_t count)
{
    return isfinite(optimizer_norm(values, count, 1));
}

static const struct layer *bad_output(const struct network *network, size_t n)
{
    for (size_t i = 0; i < network->layer_count; i++)
        if (!all_finite(network->layers[i].y, n * shape_count(network->layers[i].out)))
            return &network->layers[i];
    return NULL;
}

/* The last layer with a gradient that is not finite: backward went on from there. */
static const struct layer *bad_gradient(const struct network *network, const float *gradients)
{
    for (size_t i = network->layer_count; i-- > 0;) {
        const struct layer *layer = &network->layers[i];
        for (size_t p = 0; p < layer->parameter_count; p++)
            if (!all_finite(gradients + layer->parameters[p].offset, layer->parameters[p].count))
                return layer;
    }
    return NULL;
}

static void note_layer(struct fault *fault, const struct layer *layer)
{
    snprintf(fault->layer, sizeof fault->layer, "%s", layer ? layer->name : "");
}

static void note_sample(struct fault *fault, size_t sample)
{
    if (fault->sample_count < FAULT_SAMPLES_MAX)
        fault->samples[fault->sample_count] = sample;
    fault->sample_count++;
}

/* One sample's loss alone; labels and outputs lie where step_forward left them. */
static bool loss_is_finite(const struct step *step, size_t i)
{
    const struct layer *last = network_last(step->network);
    size_t k = last->out.c;
    struct labels labels = {step->classes + i, step->values + i * k};
    return isfinite(
        (float)loss_compute(last->ops->loss, 1, k, last->x[0] + i * k, last->y + i * k, labels, 1, NULL)
            .loss);
}

/* After step_forward of a shard. True where a loss is not finite, or where their sum is none. */
static bool look_at_losses(const struct step *step, struct range samples, struct loss_sum loss,
                           struct fault *fault)
{
    for (size_t i = 0; i < samples.count; i++)
        if (!loss_is_finite(step, i))
            note_sample(fault, samples.first + i);
    if (fault->sample_count == 0 && isfinite((float)loss.loss))
        return false;
    note_layer(fault, bad_output(step->network, samples.count));
    return true;
}

/* The gradient of one sample alone: forward anew, because backward works in place, with the loss's gradient
 * zero for the others. */
static bool gradient_is_finite(struct step *step, size_t shard, struct range samples, size_t i,
                               uint64_t number, size_t batch, step_source *source, void *user)
{
    struct network *network = step->network;
    const struct layer *last = network_last(network);
    size_t k = last->out.c;
    struct loss_sum loss;
    float *gradients = tree_sum_next(&step->sum);
    struct pass pass = step_forward(step, shard, samples, number, batch, gradients, source, user, &loss);
    for (size_t j = 0; j < samples.count; j++)
        if (j != i)
            memset(last->dx[0] + j * k, 0, k * sizeof(float));
    network_backward(network, &pass, NULL, NULL);
    return all_finite(gradients, network->parameter_count);
}

/* True where the shard's gradient is not finite. */
static bool look_at_gradient(struct step *step, size_t shard, struct range samples, uint64_t number,
                             size_t batch, step_source *source, void *user, struct fault *fault)
{
    struct loss_sum loss;
    float *gradients = tree_sum_next(&step->sum);
    struct pass pass = step_forward(step, shard, samples, number, batch, gradients, source, user, &loss);
    network_backward(step->network, &pass, NULL, NULL);
    const struct layer *layer = bad_gradient(step->network, gradients);
    if (!layer)
        return false;
    note_layer(fault, layer);
    for (size_t i = 0; i < samples.count && fault->sample_count < FAULT_SAMPLES_MAX; i++)
        if (!gradient_is_finite(step, shard, samples, i, number, batch, source, user))
            note_sample(fault, samples.first + i);
    return true;
}

/* Whether this rank has a shard with such a fault: losses first, over all shards, then gradients. */
static bool look(struct step *step, bool gradient, uint64_t number, size_t batch, step_source *source,
                 void *user, struct fault *fault)
{
    for (size_t i = 0; i < step->owned.count; i++) {
        size_t shard = step->owned.first + i;
        struct range samples = shard_samples(batch, step->settings.shards, shard);
        struct loss_sum loss;
        if (samples.count == 0)
            continue;
        fault->shard = shard;
        if (gradient && look_at_gradient(step, shard, samples, number, batch, source, user, fault))
            return true;
        if (gradient)
            continue;
        step_forward(step, shard, samples, number, batch, NULL, source, user, &loss);
        if (look_at_losses(step, samples, loss, fault))
            return true;
    }
    return false;
}

struct fault fault_find(struct step *step, const struct comm *comm, uint64_t number, size_t batch,
                        step_source *source, void *user)
{
    struct fault fault = {.rank = -1};
    for (int gradient = 0; gradient < 2 && fault.rank < 0; gradient++) {
        fault = (struct fault){.gradient = gradient};
        bool found = look(step, gradient, number, batch, source, user, &fault);
        fault.rank = comm_first(comm, found);
        if (fault.rank == comm->rank)
            snprintf(fault.host, sizeof fault.host, "%s", comm->host);
        if (fault.rank >= 0)
            comm_broadcast(comm, fault.rank, &fault, sizeof fault);
    }
    return fault;
}

static size_t append(char *out, size_t used, const char *format, ...) __attribute__((format(printf, 3, 4)));

static size_t append(char *out, size_t used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int written = used < FAULT_TEXT_MAX ? vsnprintf(out + used, FAULT_TEXT_MAX - used, format, args) : 0;
    va_end(args);
    return used + (written > 0 ? (size_t)written : 0);
}

const char *fault_text(char out[FAULT_TEXT_MAX], const struct fault *fault, const size_t *batch)
{
    size_t used = 0,
           shown = fault->sample_count < FAULT_SAMPLES_MAX ? fault->sample_count : FAULT_SAMPLES_MAX;
    if (fault->rank < 0) {
        append(out, 0, "though it is for every shard alone");
        return out;
    }
    if (fault->layer[0])
        used = append(out, used,
                      "%s layer `%s`: ", fault->gradient ? "in the gradient of" : "first in the output of",
                      fault->layer);
    used = append(out, used, "rank %d on %.200s, shard %zu", fault->rank, fault->host, fault->shard);
    for (size_t i = 0; i < shown; i++)
        used = append(out, used, "%s%zu",
                      i                          ? ", "
                      : fault->sample_count == 1 ? ", sample "
                                                 : ", samples ",
                      batch[fault->samples[i]]);
    if (fault->sample_count > shown)
        append(out, used, " and %zu more", fault->sample_count - shown);
    else if (shown == 0)
        append(out, used, ", by none of its samples alone");
    return out;
}
