#include "train/step.h"

#include "core/denormals.h"
#include "core/mixup.h"
#include "dist/watch.h"

#include <math.h>

size_t step_array_size(const struct network *network)
{
    return network->parameter_count + STEP_TAIL_COUNT + network->buffer_count;
}

size_t step_shard_size(size_t batch, size_t shards)
{
    return (batch + shards - 1) / shards;
}

enum status step_create(struct step *step, struct network *network, struct optimizer *optimizer,
                        const struct comm *comm, const struct step_settings *settings)
{
    *step = (struct step){.network = network,
                          .optimizer = optimizer,
                          .settings = *settings,
                          .watch = comm->watch,
                          .owned = shard_owned(settings->shards, (size_t)comm->size, (size_t)comm->rank)};
    size_t levels = tree_sum_levels(step->owned.count), count = step_array_size(network);
    size_t outputs = network_outputs(network);
    size_t bytes = levels * arena_round(count * sizeof(float)) +
                   2 * arena_round(network->batch * sizeof(int32_t)) +
                   arena_round(network->batch * outputs * sizeof(float));
    enum status status = comm_agree(comm, arena_create(&step->arena, bytes, "gradients"));
    if (status)
        return status;
    step->sum = (struct tree_sum){.count = count, .threads = network->threads};
    for (size_t i = 0; i < levels; i++)
        step->sum.levels[i] = arena_alloc(&step->arena, count * sizeof(float));
    step->own.x = network->x;
    step->own.classes = arena_alloc(&step->arena, network->batch * sizeof(int32_t));
    step->own.values = arena_alloc(&step->arena, network->batch * outputs * sizeof(float));
    step->others = arena_alloc(&step->arena, network->batch * sizeof(int32_t));
    return reducer_create(&step->reducer, comm, settings->allreduce, settings->shards, count,
                          settings->bucket, settings->overlap, denormals_flush);
}

void step_destroy(struct step *step)
{
    reducer_destroy(&step->reducer);
    arena_destroy(&step->arena);
    *step = (struct step){0};
}

/* Of the shard in hand. */
static struct labels step_labels(const struct step *step)
{
    return (struct labels){step->input.classes,
                           step->input.values,
                           step->settings.class_weights,
                           step->settings.label_smoothing,
                           step->settings.mixup > 0 ? step->others : NULL,
                           step->share};
}

/* The samples of the shard in hand. */
static void blend(struct step *step, size_t shard, uint64_t number, size_t n)
{
    const struct network *network = step->network;
    if (step->settings.mixup <= 0)
        return;
    step->share = mixup_share(step->settings.mixup, step->settings.seed, (uint32_t)shard, (uint32_t)number);
    mixup_blend(step->input.x, n, shape_count(network->input), step->share, network->threads);
    mixup_partners(step->input.classes, n, step->others);
}

struct pass step_forward(struct step *step, size_t shard, struct range samples, uint64_t number, size_t batch,
                         float *gradients, step_source *source, void *user, struct loss_sum *loss)
{
    struct network *network = step->network;
    watch_enter(step->watch, WATCH_READ);
    step->input = step->own;
    source(user, samples.first, samples.count, &step->input);
    blend(step, shard, number, samples.count);
    network_set_input(network, step->input.x);
    struct pass pass = network_pass(network, samples.count);
    pass.training = true;
    pass.seed = step->settings.seed;
    pass.shard = (uint32_t)shard;
    pass.step = (uint32_t)number;
    pass.gradients = gradients;
    pass.statistics = gradients ? gradients + network->parameter_count + STEP_TAIL_COUNT : NULL;
    watch_enter(step->watch, WATCH_FORWARD);
    network_forward(network, &pass);
    *loss = network_loss(network, &pass, step_labels(step), 1.0f / (float)batch);
    return pass;
}

static void write_tail(float *tail, struct loss_sum loss, double weight)
{
    tail[STEP_TAIL_WEIGHT] = (float)weight;
    tail[STEP_TAIL_LOSS] = (float)loss.loss;
    tail[STEP_TAIL_SAMPLES] = (float)loss.samples;
    tail[STEP_TAIL_HITS_HIGH] = (float)(loss.hits / STEP_HITS_BASE);
    tail[STEP_TAIL_HITS_LOW] = (float)(loss.hits % STEP_HITS_BASE);
    tail[STEP_TAIL_SHARDS] = 1;
}

static void write_votes(float *tail, struct step_votes votes)
{
    if (votes.stop)
        tail[STEP_TAIL_STOP] = 1;
    if (votes.save)
        tail[STEP_TAIL_SAVE] = 1;
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

/* With class weights a batch's loss is divided by the sum of its samples' weights, which nobody knew before
 * the reduction: the gradients carry 1/samples, and this is the rest. A batch without weight teaches nothing.
 */
static void divide_by_weight(const struct step *step, float *gradients, struct loss_sum *loss)
{
    size_t count = step->network->parameter_count;
    double weight = (double)gradients[count + STEP_TAIL_WEIGHT];
    float factor = weight > 0 ? (float)((double)loss->samples / weight) : 0;
    loss->loss *= (double)factor;
#pragma omp parallel for num_threads(step->network->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        gradients[i] *= factor;
}

/* The last shard's array is complete from `first` to where it was complete before. */
struct completion {
    struct step *step;
    size_t complete_from;
};

static void complete_from(struct completion *c, size_t first)
{
    tree_sum_complete(&c->step->sum, first, c->complete_from - first);
    reducer_ready(&c->step->reducer, first);
    c->complete_from = first;
}

static void on_ready(void *user, size_t offset, size_t count)
{
    (void)count;
    complete_from(user, offset);
}

/* One shard of this rank; `completion` NULL: others follow. */
static void take_shard(struct step *step, size_t index, uint64_t number, size_t batch,
                       struct step_votes votes, struct completion *completion, step_source *source,
                       void *user)
{
    size_t shard = step->owned.first + index;
    struct range samples = shard_samples(batch, step->settings.shards, shard);
    float *gradients = tree_sum_next(&step->sum), *tail = gradients + step->network->parameter_count;
    if (index == 0)
        write_votes(tail, votes);
    if (samples.count > 0) {
        struct loss_sum loss;
        struct pass pass = step_forward(step, shard, samples, number, batch, gradients, source, user, &loss);
        write_tail(tail, loss, loss_weight(samples.count, step_labels(step)));
        pass.learns_from = optimizer_learns_from(step->optimizer, step->network, number + 1);
        tail[STEP_TAIL_FAILED] = step->input.failed;
        watch_enter(step->watch, WATCH_BACKWARD);
        network_backward(step->network, &pass, completion ? on_ready : NULL, completion);
    }
    if (completion)
        complete_from(completion, 0);
    else
        tree_sum_add(&step->sum);
}

/* A rank without a shard has its votes to give all the same. */
static void take_no_shard(struct step *step, struct step_votes votes)
{
    tree_sum_none(&step->sum);
    write_votes(step->sum.levels[0] + step->network->parameter_count, votes);
    reducer_ready(&step->reducer, 0);
}

struct step_result step_take(struct step *step, uint64_t number, size_t batch, double rate,
                             struct step_votes votes, step_source *source, void *user)
{
    struct step_result result = {0};
    struct network *network = step->network;
    float *gradients = tree_sum_result(&step->sum, step->owned.count),
          *tail = gradients + network->parameter_count, *statistics = tail + STEP_TAIL_COUNT;
    struct completion completion = {step, step->sum.count};
    if (step->watch)
        watch_phase(step->watch, WATCH_READ, number + 1); /* steps are named from 1 */
    reducer_start(&step->reducer, gradients);
    for (size_t i = 0; i < step->owned.count; i++)
        take_shard(step, i, number, batch, votes, i + 1 == step->owned.count ? &completion : NULL, source,
                   user);
    if (step->owned.count == 0)
        take_no_shard(step, votes);
    tree_sum_reset(&step->sum);
    watch_enter(step->watch, WATCH_REDUCE);
    reducer_finish(&step->reducer);
    watch_enter(step->watch, WATCH_UPDATE);
    result.loss = read_tail(network, tail);
    if (step->settings.class_weights)
        divide_by_weight(step, gradients, &result.loss);
    result.stop = tail[STEP_TAIL_STOP] > 0;
    result.save = tail[STEP_TAIL_SAVE] > 0;
    result.gradient_norm = optimizer_norm(gradients, network->parameter_count, network->threads);
    result.finite = isfinite(result.loss.loss) && isfinite(result.gradient_norm) &&
                    isfinite(optimizer_norm(statistics, network->buffer_count, network->threads));
    result.failed = tail[STEP_TAIL_FAILED] > 0;
    if (!result.finite || result.failed)
        return result;
    optimizer_step(step->optimizer, network, gradients, number + 1, rate, result.gradient_norm,
                   step->settings.clip_norm);
    network_update_buffers(network, statistics, (size_t)tail[STEP_TAIL_SHARDS]);
    return result;
}
