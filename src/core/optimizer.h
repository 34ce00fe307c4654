#pragma once
/* What is done to the parameters with their gradients. Optimizers are a table, picked by name, one family per
 * file optimizer_NAME.c; their memory is slots: arrays parallel to the parameters. What depends on the number
 * of steps taken is a function of that number, which the caller hands in: there is nothing to restore but the
 * slots. Same bits for any number of threads. */
#include "core/network.h"

enum { OPTIMIZER_SLOTS_MAX = 2 };

struct optimizer_settings {
    double momentum; /* of sgd, rmsprop, lars */
    bool nesterov;
    double weight_decay;  /* of the parameters that decay */
    double beta1, beta2;  /* of adam, adamw, lamb: shares of the running means kept */
    double alpha;         /* of rmsprop: likewise */
    double eps;           /* of adam, adamw, lamb, rmsprop: added to the root that is divided by */
    double trust;         /* of lars: the paper's eta */
    uint64_t epoch_steps; /* in an epoch: when layers that learn for some epochs stop; 0: never */
};

/* What all elements of one parameter array share in one step. */
struct optimizer_shared {
    double rate;  /* learning rate, times what `trust` below says */
    float factor; /* multiplied into the gradient first: clipping */
    float decay;
    double correction1, correction2; /* 1 - beta^number, of both betas */
};

struct optimizer_ops {
    const char *name;
    size_t slot_count;
    const char *slot_names[OPTIMIZER_SLOTS_MAX]; /* PyTorch's */

    /* Elements first .. first+count-1 of the arrays. */
    void (*update)(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[]);

    /* Both or neither: of optimizers whose rate hangs on norms of the whole array. `measure` comes before
     * `update`, may work on the slots, and gives sums over the elements, which are added over blocks in a
     * fixed order; `trust` makes a factor of the sums. Parameters whose type says that they do not decay
     * (biases) have 1 instead. */
    void (*measure)(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                    size_t first, size_t count, const float *w, const float *dw, float *const slots[],
                    double sums[2]);
    double (*trust)(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                    const double sums[2]);
};

/* In the order of the configuration's choices. */
extern const struct optimizer_ops *const optimizer_types[];
extern const size_t optimizer_type_count;

struct optimizer {
    const struct optimizer_ops *ops;
    struct optimizer_settings settings;
    float *slots[OPTIMIZER_SLOTS_MAX]; /* each (parameter_count), zero at first; owned */
    struct arena arena;
};

/* Takes memory for the slots of a network with so many parameters. optimizer_destroy frees. */
enum status optimizer_create(struct optimizer *optimizer, const struct optimizer_ops *ops,
                             const struct optimizer_settings *settings, size_t parameter_count);
void optimizer_destroy(struct optimizer *optimizer);

/* Step `number`, counted from 1: network->parameters from gradients (parallel to them, of Euclidean norm
 * `norm`), which stay as they are. With clip_norm > 0 a gradient whose norm is beyond it is scaled to it, as
 * torch.nn.utils.clip_grad_norm_ does (Pascanu et al. 2013, algorithm 1). */
void optimizer_step(struct optimizer *optimizer, struct network *network, const float *gradients,
                    uint64_t number, double rate, double norm, double clip_norm);

/* The first layer with a parameter that step `number` changes; as many as there are layers where it changes
 * none. */
size_t optimizer_learns_from(const struct optimizer *optimizer, const struct network *network,
                             uint64_t number);

/* Euclidean norm of an array, summed in double in a fixed order. */
double optimizer_norm(const float *values, size_t count, int threads);

/* Sum of squares of a few thousand numbers: what a block adds to a norm. */
double optimizer_squares(const float *values, size_t count);
