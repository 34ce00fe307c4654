#include "core/optimizer.h"

#include <math.h>

/* Elements that one thread works on at a time, and that one partial sum covers; partial sums at a time. */
enum { BLOCK = 4096, SUMS = 1024 };

/* Of optimizer_*.c, each defined at the bottom of its file. */
extern const struct optimizer_ops optimizer_sgd, optimizer_adam, optimizer_adamw, optimizer_rmsprop;
extern const struct optimizer_ops optimizer_lars, optimizer_lamb;

const struct optimizer_ops *const optimizer_types[] = {&optimizer_sgd,     &optimizer_adam, &optimizer_adamw,
                                                       &optimizer_rmsprop, &optimizer_lars, &optimizer_lamb};
const size_t optimizer_type_count = OPTION_COUNT(optimizer_types);

enum status optimizer_create(struct optimizer *optimizer, const struct optimizer_ops *ops,
                             const struct optimizer_settings *settings, size_t parameter_count)
{
    *optimizer = (struct optimizer){.ops = ops, .settings = *settings};
    size_t bytes = parameter_count * sizeof(float);
    enum status status =
        arena_create(&optimizer->arena, ops->slot_count * arena_round(bytes), "optimizer slots");
    for (size_t i = 0; i < ops->slot_count && !status; i++)
        optimizer->slots[i] = arena_alloc(&optimizer->arena, bytes);
    return status;
}

void optimizer_destroy(struct optimizer *optimizer)
{
    arena_destroy(&optimizer->arena);
    *optimizer = (struct optimizer){0};
}

/* Eight running sums, so that the compiler may use vectors. */
double optimizer_squares(const float *values, size_t count)
{
    double lanes[8] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t lane = 0; lane < 8; lane++)
            lanes[lane] += (double)values[i + lane] * (double)values[i + lane];
    for (; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    for (size_t lane = 0; lane < 8; lane++)
        sum += lanes[lane];
    return sum;
}

static size_t block_count(size_t first, size_t count)
{
    return count - first < BLOCK ? count - first : BLOCK;
}

double optimizer_norm(const float *values, size_t count, int threads)
{
    /* Blocks are summed in parallel, their sums always added in the same order. */
    double total = 0, sums[SUMS];
    for (size_t start = 0; start < count; start += (size_t)SUMS * BLOCK) {
        size_t left = (count - start + BLOCK - 1) / BLOCK, blocks = left < SUMS ? left : SUMS;
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t b = 0; b < blocks; b++) {
            size_t first = start + b * BLOCK;
            sums[b] = optimizer_squares(values + first, block_count(first, count));
        }
        for (size_t b = 0; b < blocks; b++)
            total += sums[b];
    }
    return sqrt(total);
}

/* What the threads of a step share. */
struct update {
    struct optimizer *optimizer;
    struct network *network;
    const float *gradients;
    double (*sums)[2]; /* (SUMS) */
};

/* By all threads, each of which gets the totals. */
static void measure(const struct update *u, const struct optimizer_shared *shared,
                    const struct parameter *parameter, double totals[2])
{
    const struct optimizer *optimizer = u->optimizer;
    totals[0] = totals[1] = 0;
    for (size_t start = 0; start < parameter->count; start += (size_t)SUMS * BLOCK) {
        size_t left = (parameter->count - start + BLOCK - 1) / BLOCK, blocks = left < SUMS ? left : SUMS;
#pragma omp for schedule(static)
        for (size_t b = 0; b < blocks; b++) {
            size_t first = start + b * BLOCK;
            optimizer->ops->measure(&optimizer->settings, shared, parameter->offset + first,
                                    block_count(first, parameter->count), u->network->parameters,
                                    u->gradients, optimizer->slots, u->sums[b]);
        }
        for (size_t b = 0; b < blocks; b++) {
            totals[0] += u->sums[b][0];
            totals[1] += u->sums[b][1];
        }
#pragma omp barrier
    }
}

/* By all threads, who do not wait for each other at its end: what comes next is another array. */
static void update_array(const struct update *u, struct optimizer_shared shared,
                         const struct parameter *parameter)
{
    const struct optimizer_settings *settings = &u->optimizer->settings;
    const struct optimizer_ops *ops = u->optimizer->ops;
    double sums[2];
    shared.rate *= parameter->lr;
    shared.decay = (float)(settings->weight_decay * parameter->decay_factor);
    if (ops->measure) {
        measure(u, &shared, parameter, sums);
        shared.rate *= parameter->decay ? ops->trust(settings, &shared, sums) : 1;
    }
#pragma omp for schedule(static) nowait
    for (size_t first = 0; first < parameter->count; first += BLOCK)
        ops->update(settings, &shared, parameter->offset + first, block_count(first, parameter->count),
                    u->network->parameters, u->gradients, u->optimizer->slots);
}

/* Whether step `number` is to change it. */
static bool learns(const struct optimizer_settings *settings, const struct parameter *parameter,
                   uint64_t number)
{
    double last = parameter->epochs * (double)settings->epoch_steps;
    return !parameter->frozen && (last == 0 || (double)number <= last);
}

size_t optimizer_learns_from(const struct optimizer *optimizer, const struct network *network,
                             uint64_t number)
{
    for (size_t i = 0; i < network->layer_count; i++)
        for (size_t p = 0; p < network->layers[i].parameter_count; p++)
            if (learns(&optimizer->settings, &network->layers[i].parameters[p], number))
                return i;
    return network->layer_count;
}

void optimizer_step(struct optimizer *optimizer, struct network *network, const float *gradients,
                    uint64_t number, double rate, double norm, double clip_norm)
{
    const struct optimizer_settings *settings = &optimizer->settings;
    struct optimizer_shared shared = {
        .rate = rate,
        .factor = clip_norm > 0 && clip_norm / (norm + 1e-6) < 1 ? (float)(clip_norm / (norm + 1e-6)) : 1,
        .correction1 = 1 - pow(settings->beta1, (double)number),
        .correction2 = 1 - pow(settings->beta2, (double)number)};
    double sums[SUMS][2];
    struct update u = {optimizer, network, gradients, sums};
#pragma omp parallel num_threads(network->threads)
    for (size_t i = 0; i < network->layer_count; i++)
        for (size_t p = 0; p < network->layers[i].parameter_count; p++)
            if (learns(settings, &network->layers[i].parameters[p], number))
                update_array(&u, shared, &network->layers[i].parameters[p]);
}
