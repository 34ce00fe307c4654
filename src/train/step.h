#pragma once
/* One optimizer step: every shard of this rank forward and backward, their gradients summed in a fixed tree
 * and then over the ranks, while backward still computes; then the optimizer. What the ranks must know of
 * each other rides in the tail of the gradient array, so that one reduction carries all. */
#include "core/network.h"
#include "core/optimizer.h"
#include "dist/reducer.h"
#include "dist/shard.h"
#include "dist/tree_sum.h"

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

struct step {
    struct network *network;     /* borrowed; bound for training with at least the largest shard */
    struct optimizer *optimizer; /* borrowed */
    struct step_settings settings;
    struct range owned;  /* shards that this rank does */
    struct watch *watch; /* the job's, which is told where the step is; borrowed; NULL: nobody watches */

    struct arena arena;
    struct tree_sum sum;
    struct reducer reducer;
    struct step_input own;   /* memory for a shard: the network's x, labels (network->batch) */
    struct step_input input; /* of the shard in hand */
    int32_t *others;         /* classes of those that its samples are blended with: (network->batch) */
    float share;             /* that they keep of themselves */
};

/* What one rank asks of all. */
struct step_votes {
    bool stop, save; /* behind this step: to leave, to write a checkpoint */
};

/* What a step did; the same on all ranks. */
struct step_result {
    struct loss_sum loss; /* smoothed and weighted: loss_mean is what PyTorch's criterion gives */
    double gradient_norm; /* before clipping */
    bool finite;          /* loss, gradient and statistics: if not, the network was left as it was */
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

/* Collective. Takes step number `number` with a global batch of `batch` samples at learning rate `rate`;
 * `votes` are this rank's. */
struct step_result step_take(struct step *step, uint64_t number, size_t batch, double rate,
                             struct step_votes votes, step_source *source, void *user);

/* What step `number` does with one shard before gradients are computed: its samples into the network,
 * forward, and the loss with its gradient. `gradients`: step_array_size floats, or NULL. */
struct pass step_forward(struct step *step, size_t shard, struct range samples, uint64_t number, size_t batch,
                         float *gradients, step_source *source, void *user, struct loss_sum *loss);
