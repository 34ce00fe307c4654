#include "train/step_place.h"

#include "core/mixup.h"
#include "dist/watch.h"
#include "train/step.h"

#include <string.h>

void step_place_take(struct step_place *place, size_t tail, struct arena *arena)
{
    size_t batch = place->network->batch;
    place->own.x = place->network->x;
    place->own.classes = arena_alloc(arena, batch * sizeof(int32_t));
    place->own.values = arena_alloc(arena, batch * network_outputs(place->network) * sizeof(float));
    place->others = arena_alloc(arena, batch * sizeof(int32_t));
    place->tail = arena_alloc(arena, tail * sizeof(float));
}

struct labels step_place_labels(const struct step *step, const struct step_place *place)
{
    return (struct labels){place->input.classes,
                           place->input.values,
                           step->settings.class_weights,
                           step->settings.label_smoothing,
                           step->settings.mixup > 0 ? place->others : NULL,
                           place->share};
}

/* The samples of the shard in hand. */
static void blend(const struct step *step, struct step_place *place, size_t shard, uint64_t number, size_t n)
{
    const struct network *network = place->network;
    if (step->settings.mixup <= 0)
        return;
    place->share = mixup_share(step->settings.mixup, step->settings.seed, (uint32_t)shard, (uint32_t)number);
    mixup_blend(place->input.x, n, shape_count(network->input), place->share, network->threads);
    mixup_partners(place->input.classes, n, place->others);
}

static void copy(void *to, const void *from, size_t bytes)
{
    if (from && from != to)
        memcpy(to, from, bytes);
}

/* Into the place's own memory, since another shard's samples are asked for before this one is done. */
static void keep_input(struct step_place *place, size_t n)
{
    const struct network *network = place->network;
    copy(place->own.x, place->input.x, n * shape_count(network->input) * sizeof(float));
    copy(place->own.classes, place->input.classes, n * sizeof(int32_t));
    copy(place->own.values, place->input.values, n * network_outputs(network) * sizeof(float));
    place->own.failed = place->input.failed;
    place->input = place->own;
}

void step_place_fill(const struct step *step, struct step_place *place, size_t shard, struct range samples,
                     uint64_t number, size_t batch, step_source *source, void *user)
{
    watch_enter(step->comm->watch, WATCH_READ);
    place->own.failed = false;
    place->input = place->own;
    source(user, samples.first, samples.count, &place->input);
    if (place->network != step->network)
        keep_input(place, samples.count);
    blend(step, place, shard, number, samples.count);
    network_set_input(place->network, place->input.x);
    place->pass = network_pass(step->network, samples.count);
    place->pass.workspace = place->network->workspace;
    place->pass.training = true;
    place->pass.seed = step->settings.seed;
    place->pass.shard = (uint32_t)shard;
    place->pass.step = (uint32_t)number;
    place->pass.statistics = place->tail + STEP_TAIL_COUNT;
    place->pass.batch = batch;
    watch_enter(step->comm->watch, WATCH_FORWARD);
}

struct loss_sum step_place_loss(const struct step *step, const struct step_place *place)
{
    return network_loss(place->network, &place->pass, step_place_labels(step, place),
                        1.0f / (float)place->pass.batch);
}
