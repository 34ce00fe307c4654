#pragma once
/* One optimizer step: every shard of this rank forward and backward, their gradients summed in a fixed tree,
 * then the optimizer. What the ranks must know of each other rides in the tail of the gradient array, so that
 * one reduction carries all. */
#include "core/network.h"
#include "core/optimizer.h"
#include "dist/comm.h"
#include "dist/shard.h"
#include "dist/tree_sum.h"

/* Behind the gradients, as floats: sums over the batch. */
enum step_tail {
    STEP_TAIL_LOSS,
    STEP_TAIL_SAMPLES,
    STEP_TAIL_HITS_HIGH, /* hits / STEP_HITS_BASE */
    STEP_TAIL_HITS_LOW,  /* the rest: so that the sum is exact up to 2^36 hits on 4096 shards */
    STEP_TAIL_COUNT,
};
enum { STEP_HITS_BASE = 4096 };

struct step {
    struct network *network;     /* borrowed; bound for training with at least the largest shard */
    struct optimizer *optimizer; /* borrowed */
    size_t shards;
    struct range owned; /* shards that this rank does */
    double clip_norm;
    uint64_t seed;

    struct arena arena;
    struct tree_sum sum;
    int32_t *classes; /* labels of one shard: (network->batch) */
    float *values;    /* (network->batch, outputs) */
};

/* Gives the samples first .. first+n-1 of the step's batch: x (n, h, w, c), classes (n) or values (n,
 * outputs). Called once per shard. */
typedef void step_source(void *user, size_t first, size_t n, float *x, int32_t *classes, float *values);

/* What a step did. */
struct step_result {
    struct loss_sum loss;
    double gradient_norm; /* before clipping */
    bool finite;          /* loss and gradient: if not, the weights were left as they were */

    /* if not: the first layer whose output is not finite, or, where all are, the last whose gradient is not;
     * NULL: none of this rank's */
    const struct layer *culprit;
    bool culprit_gradient;
};

enum status step_create(struct step *step, struct network *network, struct optimizer *optimizer,
                        const struct comm *comm, size_t shards, double clip_norm, uint64_t seed);
void step_destroy(struct step *step);

/* The largest shard of a batch: what the network must be bound for. */
size_t step_shard_size(size_t batch, size_t shards);

/* Takes step number `number` with a global batch of `batch` samples at learning rate `rate`. */
struct step_result step_take(struct step *step, uint64_t number, size_t batch, double rate,
                             step_source *source, void *user);
