#include "train/fault.h"

#include "core/network_head.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool all_finite(const float *values, size_t count)
{
    return isfinite(optimizer_norm(values, count, 1));
}

/* Outputs within the head are gone: it is done anew, group by group. */
static size_t bad_output_of_head(const struct network *network, const struct pass *pass)
{
    size_t found = network->head.layers, group = found ? head_group(network, pass->n) : pass->n;
    for (size_t first = 0; first < pass->n; first += group) {
        struct pass part = head_pass(network, pass, first, 0);
        for (size_t i = 0; i < found; i++) {
            struct layer layer = head_layer(network, i, first, 0);
            if (!layer.skip_forward)
                layer.ops->forward(&layer, &part);
            if (!all_finite(layer.y, part.n * shape_count(layer.out)))
                found = i;
        }
    }
    return found;
}

/* Where a sum does its affine step, a layer has no output, but the numbers of that step. */
static bool output_is_finite(const struct layer *layer, size_t n)
{
    return layer->hands_affine_on ? all_finite(layer->ops->affine(layer), 3 * layer->out.c)
                                  : all_finite(layer->y, n * shape_count(layer->out));
}

static const struct layer *bad_output(const struct network *network, const struct pass *pass)
{
    for (size_t i = bad_output_of_head(network, pass); i < network->layer_count; i++)
        if (i < network->head.layers || !output_is_finite(&network->layers[i], pass->n))
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
    const struct step_input *input = &step->places[step->place_count - 1].input;
    struct labels labels = {input->classes + i, input->values + i * k};
    return isfinite(
        (float)loss_compute(last->ops->loss, 1, k, last->x[0] + i * k, last->y + i * k, labels, 1, NULL)
            .loss);
}

/* After step_forward of a shard. True where a loss is not finite, or where their sum is none. */
static bool look_at_losses(const struct step *step, const struct pass *pass, struct range samples,
                           struct loss_sum loss, struct fault *fault)
{
    for (size_t i = 0; i < samples.count; i++)
        if (!loss_is_finite(step, i))
            note_sample(fault, samples.first + i);
    if (fault->sample_count == 0 && isfinite((float)loss.loss))
        return false;
    note_layer(fault, bad_output(step->network, pass));
    return true;
}

/* What is to be done once more, with one shard. */
struct retry {
    struct step *step;
    size_t shard;
    struct range samples;
    uint64_t number;
    size_t batch;
    step_source *source;
    void *user;
};

/* The gradient that samples first .. first+count-1 of the shard have without the others, whose gradient of
 * the loss is set to zero. Forward is done anew, because backward works in place. */
static const float *gradient_of(const struct retry *r, size_t first, size_t count)
{
    struct network *network = r->step->network;
    const struct layer *last = network_last(network);
    size_t k = last->out.c;
    struct loss_sum loss;
    float *gradients = tree_sum_next(&r->step->sum, 0, r->step->sum.count);
    struct pass pass = step_forward(r->step, r->shard, r->samples, r->number, r->batch, gradients, r->source,
                                    r->user, &loss);
    for (size_t i = 0; i < r->samples.count; i++)
        if (i < first || i >= first + count)
            memset(last->dx[0] + i * k, 0, k * sizeof(float));
    network_backward(network, &pass, NULL, NULL);
    return gradients;
}

/* A sample that spoils the gradient alone, by halving: at most 2 log2(n) passes over the shard. The count of
 * samples where a half that does it has none. */
static size_t find_sample(const struct retry *r)
{
    size_t first = 0, count = r->samples.count, parameters = r->step->network->parameter_count;
    while (count > 1) {
        size_t half = count / 2;
        if (all_finite(gradient_of(r, first, half), parameters)) {
            first += half;
            half = count - half;
            if (all_finite(gradient_of(r, first, half), parameters))
                return r->samples.count;
        }
        count = half;
    }
    return first;
}

/* True where the shard's gradient is not finite. */
static bool look_at_gradient(const struct retry *r, struct fault *fault)
{
    const struct layer *layer = bad_gradient(r->step->network, gradient_of(r, 0, r->samples.count));
    if (!layer)
        return false;
    note_layer(fault, layer);
    size_t sample = find_sample(r);
    if (sample < r->samples.count)
        note_sample(fault, r->samples.first + sample);
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
        if (gradient) {
            struct retry retry = {step, shard, samples, number, batch, source, user};
            if (look_at_gradient(&retry, fault))
                return true;
            continue;
        }
        struct pass pass = step_forward(step, shard, samples, number, batch, NULL, source, user, &loss);
        if (look_at_losses(step, &pass, samples, loss, fault))
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
