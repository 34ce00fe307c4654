#pragma once
/* One optimizer step: every shard of this rank forward and backward, their gradients summed in a fixed tree
 * and then over the ranks, while backward still computes; then the optimizer. What the ranks must know of
 * each other rides in the tail of the gradient array, so that one reduction carries all.
 *
 * The rank's shards come one after the other. But where layers want statistics of the whole batch, and it has
 * several shards, all of them advance together, from one such layer to the next (core/network.h):
 *
 *   shard 0     conv1  |         bn1 relu conv2  |         bn2 ...
 *   shard 1     conv1  |         bn1 relu conv2  |         bn2 ...
 *                      sums of all,              sums of all
 *                      over the ranks too
 *
 * so that each needs a place of its own (train/step_place.h). Backward goes the same way, and sums the
 * gradients from cut to cut.
 */
#include "core/network.h"
#include "core/optimizer.h"
#include "dist/reducer.h"
#include "dist/shard.h"
#include "dist/tree_sum.h"
#include "train/step_place.h"

/* Behind the gradients, as floats: sums over the batch. Behind these the shards' statistics, as many as the
 * network has buffers. */
enum step_tail {
    STEP_TAIL_LOSS,
    STEP_TAIL_SAMPLES,
    STEP_TAIL_HITS_HIGH, /* hits / STEP_HITS_BASE */
    STEP_TAIL_HITS_LOW,  /* the rest: so that the sum is exact up to 2^36 hits on 4096 shards */
    STEP_TAIL_WEIGHT,    /* loss_weight: what the batch's losses are divided by */
    STEP_TAIL_STOP,      /* ranks that were asked to stop, */
    STEP_TAIL_SAVE,      /* and to write a checkpoint */
    STEP_TAIL_FAILED,    /* shards whose samples could not be read */
    STEP_TAIL_SHARDS,    /* that had samples, and so statistics */
    STEP_TAIL_COUNT,
};
enum { STEP_HITS_BASE = 4096 };

struct step_settings {
    size_t shards;
    double clip_norm;
    uint64_t seed;
    const struct allreduce_ops *allreduce;
    size_t bucket; /* floats */
    enum overlap overlap;
    double mixup;          /* alpha of core/mixup.h; 0: samples are not blended; else class_weights NULL */
    float label_smoothing; /* as struct labels has them */
    const float *class_weights; /* (outputs), borrowed; NULL: all 1 */
};

struct step {
    struct network *network;     /* borrowed; bound for training with at least the largest shard */
    struct optimizer *optimizer; /* borrowed */
    const struct comm *comm;     /* borrowed */
    struct step_settings settings;
    struct range owned; /* shards that this rank does */

    struct arena arena;
    struct tree_sum sum;
    struct reducer reducer;
    struct step_place *places; /* the last one is the network's own */
    size_t place_count;

    /* layers that want statistics of the whole batch, where that has several shards */
    size_t *cuts, cut_count;
    double *sums;  /* (shards, those of a layer) */
    double *total; /* of all shards: apart, because a shard that uses it leaves its next sums behind */
};

/* What one rank asks of all. */
struct step_votes {
    bool stop, save; /* behind this step: to leave, to write a checkpoint */
};

/* What a step did; the same on all ranks. */
struct step_result {
    struct loss_sum loss; /* smoothed and weighted: loss_mean is what PyTorch's criterion gives */
    double gradient_norm; /* before clipping */
    const char *infinite; /* "loss", "gradient" or "running statistics", the first of them that is not finite:
                             the network was left as it was; NULL: all are */
    bool failed;          /* samples of some shard could not be read; likewise */
    bool stop, save;      /* some rank voted so */
};

/* Collective. step_destroy, collective too, frees; it does nothing to one that is zero. */
enum status step_create(struct step *step, struct network *network, struct optimizer *optimizer,
                        const struct comm *comm, const struct step_settings *settings);
void step_destroy(struct step *step);

/* Floats of the array that the ranks sum up in a step. */
size_t step_array_size(const struct network *network);

/* The largest shard of a batch: what the network must be bound for. */
size_t step_shard_size(size_t batch, size_t shards);

/* How many shards a rank works on at a time: what activations take memory for. */
size_t step_places(const struct network *network, size_t shards, size_t owned);

/* Collective. Takes step number `number` with a global batch of `batch` samples at learning rate `rate`;
 * `votes` are this rank's. */
struct step_result step_take(struct step *step, uint64_t number, size_t batch, double rate,
                             struct step_votes votes, step_source *source, void *user);

/* What step `number` does with one shard before gradients are computed: its samples into the network,
 * forward, and the loss with its gradient; in the last place. Statistics are the shard's, whatever the layers
 * want. `gradients`: those of the pass, or NULL. */
struct pass step_forward(struct step *step, size_t shard, struct range samples, uint64_t number, size_t batch,
                         float *gradients, step_source *source, void *user, struct loss_sum *loss);
