#include "train/step.h"

#include "core/denormals.h"
#include "core/kernels/cut.h"
#include "dist/fold.h"
#include "dist/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t tail_size(const struct network *network)
{
    return STEP_TAIL_COUNT + network->buffer_count;
}

size_t step_array_size(const struct network *network)
{
    return network->parameter_count + tail_size(network);
}

size_t step_shard_size(size_t batch, size_t shards)
{
    return size_divide_up(batch, shards);
}

static size_t count_cuts(const struct network *network, size_t shards)
{
    size_t count = 0;
    for (size_t i = 0; i < network->layer_count && shards > 1; i++)
        count += network->layers[i].statistics_global;
    return count;
}

size_t step_places(const struct network *network, size_t shards, size_t owned)
{
    return owned > 1 && count_cuts(network, shards) ? owned : 1;
}

/* Slices the arena, or counts. */
static void take_memory(struct step *step, struct arena *arena)
{
    const struct network *network = step->network;
    size_t widest = 0, cuts = count_cuts(network, step->settings.shards);
    for (size_t i = 0; i < tree_sum_levels(step->owned.count); i++)
        step->sum.levels[i] = arena_alloc(arena, step->sum.count * sizeof(float));
    for (size_t i = 0; i < step->place_count; i++)
        step_place_take(&step->places[i], tail_size(network), arena);
    step->cuts = arena_alloc(arena, cuts * sizeof *step->cuts);
    step->cut_count = step->cuts ? cuts : 0;
    for (size_t i = 0, cut = 0; cut < cuts; i++)
        if (network->layers[i].statistics_global) {
            widest = size_max(widest, network_sums(network, i));
            if (step->cuts)
                step->cuts[cut] = i;
            cut++;
        }
    step->sums = arena_alloc(arena, step->place_count * widest * sizeof *step->sums);
    step->total = arena_alloc(arena, widest * sizeof *step->total);
}

static enum status allocate(struct step *step)
{
    struct arena counter = arena_counter();
    step->places = calloc(step->place_count, sizeof *step->places);
    if (!step->places)
        return status_no_memory("shards", step->place_count * sizeof *step->places);
    enum status status =
        arena_check(step->place_count * step->network->activation_arena.size, "the shards' activations");
    for (size_t i = 0; i < step->place_count; i++) {
        bool own = i + 1 == step->place_count;
        step->places[i].network = own ? step->network : &step->places[i].twin;
        if (!own && !status)
            status = network_twin(&step->places[i].twin, step->network);
    }
    if (status)
        return status;
    take_memory(step, &counter);
    status = arena_create(&step->arena, counter.used, "gradients");
    if (!status)
        take_memory(step, &step->arena);
    return status;
}

enum status step_create(struct step *step, struct network *network, struct optimizer *optimizer,
                        const struct comm *comm, const struct step_settings *settings)
{
    *step = (struct step){.network = network,
                          .optimizer = optimizer,
                          .comm = comm,
                          .settings = *settings,
                          .owned = shard_owned(settings->shards, (size_t)comm->size, (size_t)comm->rank)};
    size_t count = step_array_size(network);
    step->place_count = step_places(network, settings->shards, step->owned.count);
    step->sum = (struct tree_sum){.count = count, .threads = network->threads};
    enum status status = comm_agree(comm, allocate(step));
    if (status)
        return status;
    return reducer_create(&step->reducer, comm, settings->allreduce, settings->shards, count,
                          settings->bucket, settings->overlap, denormals_flush);
}

void step_destroy(struct step *step)
{
    reducer_destroy(&step->reducer);
    arena_destroy(&step->arena);
    for (size_t i = 0; i + 1 < step->place_count && step->places; i++)
        network_twin_destroy(&step->places[i].twin);
    free(step->places);
    *step = (struct step){0};
}

struct pass step_forward(struct step *step, size_t shard, struct range samples, uint64_t number, size_t batch,
                         float *gradients, step_source *source, void *user, struct loss_sum *loss)
{
    struct step_place *place = &step->places[step->place_count - 1];
    step_place_fill(step, place, shard, samples, number, batch, source, user);
    place->pass.gradients = gradients;
    network_forward(place->network, &place->pass);
    *loss = step_place_loss(step, place);
    return place->pass;
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

/* What a step is about, and how far it is. */
struct turn {
    struct step *step;
    uint64_t number;
    size_t batch, learns_from;
    struct step_votes votes;
    step_source *source;
    void *user;

    size_t first, shards; /* of those that the rank owns: worked on at a time */
    size_t complete_from; /* the last shard's array is complete from here on */
};

static void complete_from(struct turn *t, size_t first)
{
    tree_sum_complete(&t->step->sum, first, t->complete_from - first);
    reducer_ready(&t->step->reducer, first);
    t->complete_from = first;
}

static void on_ready(void *user, size_t offset, size_t count)
{
    (void)count;
    complete_from(user, offset);
}

static void open_place(const struct turn *t, struct step_place *place, size_t index)
{
    struct step *step = t->step;
    size_t shard = step->owned.first + index;
    struct range samples = shard_samples(t->batch, step->settings.shards, shard);
    memset(place->tail, 0, tail_size(step->network) * sizeof *place->tail);
    if (index == 0)
        write_votes(place->tail, t->votes);
    place->pass.n = samples.count;
    if (samples.count == 0)
        return;
    step_place_fill(step, place, shard, samples, t->number, t->batch, t->source, t->user);
    place->pass.learns_from = t->learns_from;
    place->pass.sums = step->cut_count ? step->total : NULL;
    place->pass.gradients = step->sum.levels[0]; /* wanted; where, is known when backward begins */
    place->tail[STEP_TAIL_FAILED] = place->input.failed;
}

/* What a shard sums up for a layer; they lie one after the other. */
static double *sums_of(const struct step *step, size_t place, size_t layer)
{
    return step->sums + place * network_sums(step->network, layer);
}

static void sum_up(const struct turn *t, size_t layer)
{
    size_t count = network_sums(t->step->network, layer);
    fold_shards(t->step->sums, t->shards, count);
    memcpy(t->step->total, t->step->sums, count * sizeof *t->step->sums);
    fold_ranks(t->step->comm, t->step->total, t->step->sums, count);
}

static void no_sums(const struct step *step, size_t place, size_t layer)
{
    memset(sums_of(step, place, layer), 0, network_sums(step->network, layer) * sizeof *step->sums);
}

/* Up to the cut behind it, or to the end. */
static void place_forward(const struct turn *t, size_t index, size_t cut)
{
    const struct step *step = t->step;
    struct step_place *place = &step->places[index];
    bool ends = cut == step->cut_count;
    size_t first = cut ? step->cuts[cut - 1] : 0, end = ends ? step->network->layer_count : step->cuts[cut];
    if (cut == 0)
        open_place(t, place, t->first + index);
    if (place->pass.n == 0) {
        if (!ends)
            no_sums(step, index, end);
        return;
    }
    network_forward_part(place->network, &place->pass, first, end);
    if (!ends) {
        network_forward_sums(place->network, &place->pass, end, sums_of(step, index, end));
        return;
    }
    write_tail(place->tail, step_place_loss(step, place),
               loss_weight(place->pass.n, step_place_labels(step, place)));
}

static void forward(const struct turn *t)
{
    for (size_t cut = 0; cut <= t->step->cut_count; cut++) {
        for (size_t i = 0; i < t->shards; i++)
            place_forward(t, i, cut);
        if (cut < t->step->cut_count)
            sum_up(t, t->step->cuts[cut]);
    }
}

/* Whether backward goes through a layer. */
static bool learns(const struct turn *t, size_t layer)
{
    return layer >= t->learns_from && t->step->network->layers[layer].trainable;
}

/* Down to the cut before it, or to the beginning: gradients offset .. end_offset-1, and the sums there. */
static void place_backward(struct turn *t, size_t index, size_t cut, size_t offset, size_t end_offset)
{
    struct step *step = t->step;
    struct step_place *place = &step->places[index];
    bool last = t->first + index + 1 == step->owned.count;
    size_t before = cut ? step->cuts[cut - 1] : 0, first = cut ? before + 1 : 0,
           end = cut < step->cut_count ? step->cuts[cut] + 1 : step->network->layer_count;
    place->pass.gradients = tree_sum_next(&step->sum, offset, end_offset - offset);
    if (cut == step->cut_count)
        memcpy(place->pass.gradients + step->network->parameter_count, place->tail,
               tail_size(step->network) * sizeof *place->tail);
    if (place->pass.n > 0)
        network_backward_part(place->network, &place->pass, first, end, last ? on_ready : NULL, t);
    if (cut && learns(t, before)) {
        if (place->pass.n > 0)
            network_backward_sums(place->network, &place->pass, before, sums_of(step, index, before));
        else
            no_sums(step, index, before);
    }
    if (last)
        complete_from(t, offset);
    else
        tree_sum_add(&step->sum, offset, end_offset - offset);
}

static void backward(struct turn *t)
{
    struct step *step = t->step;
    size_t end_offset = step->sum.count;
    watch_enter(step->comm->watch, WATCH_BACKWARD);
    for (size_t cut = step->cut_count + 1; cut-- > 0;) {
        size_t before = cut ? step->cuts[cut - 1] : 0,
               offset = cut ? network_parameters_from(step->network, before) : 0;
        for (size_t i = 0; i < t->shards; i++)
            place_backward(t, i, cut, offset, end_offset);
        if (t->first + t->shards == step->owned.count)
            tree_sum_reset(&step->sum);
        if (cut && learns(t, before))
            sum_up(t, before);
        end_offset = offset;
    }
}

/* All shards of this rank: one after the other, or, with cuts, together, also where there are none. */
static void take_shards(struct turn *t)
{
    size_t owned = t->step->owned.count;
    bool together = t->step->cut_count > 0;
    t->shards = together ? owned : 1;
    for (size_t i = 0; i < (together ? 1 : owned); i++) {
        t->first = i;
        forward(t);
        backward(t);
    }
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
    struct turn turn = {.step = step,
                        .number = number,
                        .batch = batch,
                        .learns_from = optimizer_learns_from(step->optimizer, network, number + 1),
                        .votes = votes,
                        .source = source,
                        .user = user,
                        .complete_from = step->sum.count};
    if (step->comm->watch)
        watch_phase(step->comm->watch, WATCH_READ, number + 1); /* steps are named from 1 */
    reducer_start(&step->reducer, gradients);
    if (step->owned.count == 0)
        take_no_shard(step, votes);
    take_shards(&turn);
    watch_enter(step->comm->watch, WATCH_REDUCE);
    reducer_finish(&step->reducer);
    watch_enter(step->comm->watch, WATCH_UPDATE);
    result.loss = read_tail(network, tail);
    if (step->settings.class_weights)
        divide_by_weight(step, gradients, &result.loss);
    result.stop = tail[STEP_TAIL_STOP] > 0;
    result.save = tail[STEP_TAIL_SAVE] > 0;
    result.gradient_norm = optimizer_norm(gradients, network->parameter_count, network->threads);
    result.infinite = !isfinite(result.loss.loss)       ? "loss"
                      : !isfinite(result.gradient_norm) ? "gradient"
                      : !isfinite(optimizer_norm(statistics, network->buffer_count, network->threads))
                          ? "running statistics"
                          : NULL;
    result.failed = tail[STEP_TAIL_FAILED] > 0;
    if (result.infinite || result.failed)
        return result;
    optimizer_step(step->optimizer, network, gradients, number + 1, rate, result.gradient_norm,
                   step->settings.clip_norm);
    network_update_buffers(network, statistics, (size_t)tail[STEP_TAIL_SHARDS]);
    return result;
}
