#pragma once
/* Where a shard is worked off: its samples, its pass, and what it adds to the tail of the gradient array. */
#include "core/arena.h"
#include "core/network.h"
#include "dist/shard.h"

struct step;

/* Samples for a step: x (n, h, w, c), classes (n) or values (n, outputs). */
struct step_input {
    float *x;
    int32_t *classes;
    float *values;
    bool failed; /* there are none: x may be anything, and all ranks are told */
};

/* Gives the samples first .. first+n-1 of the step's batch: fills the memory that `input` names, or has it
 * name memory where they are, which is the step's until the next call. Called once per shard. */
typedef void step_source(void *user, size_t first, size_t n, struct step_input *input);

struct step_place {
    struct network *network; /* the step's, or */
    struct network twin;
    struct step_input own;   /* memory for a shard: the network's x, labels (network->batch) */
    struct step_input input; /* of the shard in hand */
    int32_t *others;         /* classes of those that its samples are blended with: (network->batch) */
    float share;             /* that they keep of themselves */
    struct pass pass;        /* n 0: the shard has no samples */
    float *tail;             /* what it adds to that of the gradient array */
};

/* Takes memory for shards of network->batch samples, and a tail of so many floats, from the arena, or counts.
 */
void step_place_take(struct step_place *place, size_t tail, struct arena *arena);

/* The samples of a shard, blended where that is wanted, and its pass in step `number` with a global batch of
 * `batch`; gradients are still to be said. Tells the watch. */
void step_place_fill(const struct step *step, struct step_place *place, size_t shard, struct range samples,
                     uint64_t number, size_t batch, step_source *source, void *user);

/* Of the shard in hand: borrowed, until the next one. */
struct labels step_place_labels(const struct step *step, const struct step_place *place);

/* After forward: the loss and its gradient, as of a part of the global batch. */
struct loss_sum step_place_loss(const struct step *step, const struct step_place *place);
