#include "train/benchmark.h"

#include "core/clock.h"
#include "core/gradient_check.h"
#include "core/kernels/isa.h"
#include "core/kernels/peak.h"
#include "core/log.h"
#include "core/median.h"
#include "core/network_head.h"
#include "core/random.h"
#include "core/text.h"
#include "train/layer_times.h"
#include "train/recipe.h"
#include "train/step.h"
#include "train/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 3, STEPS_MIN = 3, STEPS_MAX = 100000, LAYER_REPEATS = 9 };

struct benchmark {
    struct job *job;
    struct optimizer optimizer;
    struct step step;
    int32_t *classes;
    float *values;
    double *times;               /* (STEPS_MAX) of whole steps */
    struct layer_times *layers;  /* (LAYER_REPEATS, layer_count) */
    struct layer_times *medians; /* (layer_count) */
};

/* Every shard gets the same random batch. */
static void random_source(void *user, size_t first, size_t n, struct step_input *input)
{
    const struct benchmark *b = user;
    size_t outputs = network_outputs(&b->job->network);
    (void)first;
    if (input->x != b->job->network.x)
        memcpy(input->x, b->job->network.x, n * shape_count(b->job->network.input) * sizeof *input->x);
    memcpy(input->classes, b->classes, n * sizeof *b->classes);
    memcpy(input->values, b->values, n * outputs * sizeof *b->values);
}

static void take_step(struct benchmark *b, uint64_t number)
{
    step_take(&b->step, number, b->job->batch, 1e-4, (struct step_votes){0}, random_source, b);
}

/* How many steps to take before looking at the clock again: half of those that fit into the seconds left. */
static size_t steps_next(double left, double each, size_t taken)
{
    double half = left > 0 ? (left / each + 1) / 2 : 0;
    size_t next = half < STEPS_MAX ? (size_t)half : STEPS_MAX;
    if (taken + next < STEPS_MIN)
        return STEPS_MIN - taken;
    return taken + next < STEPS_MAX ? next : STEPS_MAX - taken;
}

/* Whole steps for about so long, by rank 0's clock, behind some that warm up; the number of steps timed. */
static size_t time_steps(struct benchmark *b, double seconds)
{
    uint64_t number = 0;
    size_t warm = WARM_STEPS + (b->step.reducer.choice == OVERLAP_AUTO ? 2 * REDUCER_TRIALS : 0), count = 0;
    double start = clock_seconds(), each;
    for (; number < warm; number++)
        take_step(b, number);
    each = (clock_seconds() - start) / (double)warm;
    start = clock_seconds();
    for (;;) {
        size_t next = steps_next(seconds - (clock_seconds() - start), each, count);
        comm_broadcast(b->job->comm, 0, &next, sizeof next);
        if (!next)
            return count;
        for (size_t end = count + next; count < end; count++) {
            double before = clock_seconds();
            take_step(b, number++);
            b->times[count] = clock_seconds() - before;
        }
        each = (clock_seconds() - start) / (double)count;
    }
}

static void time_forward(const struct layer *layer, const struct pass *pass, struct layer_times *time)
{
    double start = clock_seconds();
    if (!layer->skip_forward)
        layer->ops->forward(layer, pass);
    time->seconds[PASS_FORWARD] += clock_seconds() - start;
}

/* Both gradients of a layer, one at a time: backward computes what it has a place for. */
static void time_backward(const struct layer *layer, const struct pass *pass, struct layer_times *time)
{
    struct layer part = *layer;
    struct pass without = *pass;
    if (!layer->trainable || layer->skip_backward)
        return;
    double start = clock_seconds();
    memset(part.dx, 0, sizeof part.dx);
    if (layer->parameter_count)
        layer->ops->backward(&part, pass);
    double middle = clock_seconds();
    without.gradients = NULL;
    if (layer->dx[0])
        layer->ops->backward(layer, &without);
    time->seconds[PASS_WEIGHT_GRADIENT] += layer->parameter_count && !layer->frozen ? middle - start : 0;
    time->seconds[PASS_INPUT_GRADIENT] += layer->dx[0] ? clock_seconds() - middle : 0;
}

/* The head's layers in one direction, group after group on one thread, as if the threads shared them. */
static void time_head(const struct network *network, const struct pass *pass, bool backward,
                      struct layer_times *times)
{
    size_t layers = network->head.layers, group = layers ? head_group(network, pass->n) : pass->n;
    for (size_t first = 0; first < pass->n; first += group) {
        struct pass part = head_pass(network, pass, first, 0);
        for (size_t k = 0; k < layers; k++) {
            size_t i = backward ? layers - 1 - k : k;
            struct layer layer = head_layer(network, i, first, 0);
            if (backward)
                time_backward(&layer, &part, &times[i]);
            else
                time_forward(&layer, &part, &times[i]);
        }
    }
    for (size_t i = 0; i < layers; i++)
        for (size_t p = 0; p < LAYER_PASSES; p++)
            if (backward == (p != PASS_FORWARD))
                times[i].seconds[p] /= network->threads;
}

/* One shard's pass, layer by layer. */
static void time_layers(struct benchmark *b, struct layer_times *times)
{
    const struct network *network = &b->job->network;
    struct pass pass = network_pass(network, b->job->shard_size);
    pass.training = true;
    pass.gradients = tree_sum_next(&b->step.sum, 0, b->step.sum.count);
    time_head(network, &pass, false, times);
    for (size_t i = network->head.layers; i < network->layer_count; i++)
        time_forward(&network->layers[i], &pass, &times[i]);
    network_loss(network, &pass, (struct labels){b->classes, b->values}, 1.0f / (float)pass.n);
    for (size_t i = network->layer_count - 1; i-- > network->head.layers;)
        time_backward(&network->layers[i], &pass, &times[i]);
    time_head(network, &pass, true, times);
}

/* Of the repeats. */
static void take_medians(const struct benchmark *b, struct layer_times *times)
{
    size_t count = b->job->network.layer_count;
    for (size_t i = 0; i < count; i++) {
        for (size_t p = 0; p < LAYER_PASSES; p++) {
            double values[LAYER_REPEATS];
            for (size_t r = 0; r < LAYER_REPEATS; r++)
                values[r] = b->layers[r * count + i].seconds[p];
            times[i].seconds[p] = median(values, LAYER_REPEATS);
        }
    }
}

static void print_layers(struct benchmark *b)
{
    const struct network *network = &b->job->network;
    double before = peak_measure(isa_choose(), network->threads, clock_seconds);
    for (size_t r = 0; r < LAYER_REPEATS; r++)
        time_layers(b, b->layers + r * network->layer_count);
    double after = peak_measure(isa_choose(), network->threads, clock_seconds);
    take_medians(b, b->medians);
    layer_times_print(network, b->medians, b->job->shard_size);
    log_print("  one shard of %zu samples, medians of %d; GFLOP/s counts two per multiply-add\n\n",
              b->job->shard_size, LAYER_REPEATS);
    layer_times_print_losses(network, b->medians, b->job->shard_size, fmax(before, after));
}

static enum status allocate(struct benchmark *b)
{
    const struct network *network = &b->job->network;
    b->classes = malloc(network->batch * sizeof *b->classes);
    b->values = malloc(network->batch * network_outputs(network) * sizeof *b->values);
    b->times = malloc(STEPS_MAX * sizeof *b->times);
    b->layers = calloc(LAYER_REPEATS * network->layer_count, sizeof *b->layers);
    b->medians = calloc(network->layer_count, sizeof *b->medians);
    bool all = b->classes && b->values && b->times && b->layers && b->medians;
    return all ? STATUS_OK : status_no_memory("a benchmark", STEPS_MAX * sizeof *b->times);
}

/* Collective. */
static enum status prepare(struct benchmark *b)
{
    struct job *job = b->job;
    struct network *network = &job->network;
    const struct config *c = job->config;
    struct optimizer_settings settings = recipe_optimizer(job);
    struct step_settings step = job_step_settings(job);
    job_set_batch(job, c->train.batch);
    enum status status = job_print(job);
    if (!status)
        status = job_bind(job, true);
    if (!status)
        status = optimizer_create(&b->optimizer, optimizer_types[c->train.optimizer], &settings,
                                  network->parameter_count);
    if (!status)
        status = allocate(b);
    status = comm_agree(job->comm, status);
    if (!status)
        status = step_create(&b->step, network, &b->optimizer, job->comm, &step);
    if (status)
        return status;
    network_init(network, c->run.seed);
    struct random_stream stream = random_stream(c->run.seed, RANDOM_INPUT, 0, 0, 0);
    for (size_t i = 0; i < network->batch * shape_count(network->input); i++)
        network->x[i] = random_normal(&stream, i);
    gradient_check_labels(network, network->batch, c->run.seed, b->classes, b->values);
    return STATUS_OK;
}

enum status benchmark_run(struct job *job, double seconds)
{
    struct benchmark b = {.job = job};
    enum status status = prepare(&b);
    if (status)
        goto done;
    size_t steps = time_steps(&b, seconds);
    print_layers(&b);
    double step = median(b.times, steps);
    log_print("%zu steps of %zu images, median %.3f ms: layers as above, then loss, sums and optimizer\n",
              steps, job->batch, 1e3 * step);
    summary_print_communication(&b.step.reducer);
    log_print("throughput: %.1f images/s\n", (double)job->batch / step);
done:
    step_destroy(&b.step);
    optimizer_destroy(&b.optimizer);
    free(b.classes);
    free(b.values);
    free(b.times);
    free(b.layers);
    free(b.medians);
    return status;
}
