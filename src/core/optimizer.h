#pragma once
/* What is done to the parameters with their gradients. Optimizers are a table, picked by name; their memory
 * is slots: arrays parallel to the parameters. */
#include "core/network.h"

enum { OPTIMIZER_SLOTS_MAX = 2 };

struct optimizer_settings {
    double momentum;
    bool nesterov;
    double weight_decay; /* added to the gradient as weight_decay * w, of the parameters that decay */
};

struct optimizer_ops {
    const char *name;
    size_t slot_count;
    const char *slot_names[OPTIMIZER_SLOTS_MAX];
    /* Elements first .. first+count-1 of the arrays; `rate` is the learning rate, `factor` is multiplied into
     * the gradient first (clipping), `decay` the weight decay of these elements. */
    void (*update)(const struct optimizer_settings *settings, double rate, float factor, float decay,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[]);
};

/* In the order of the configuration's choices. */
extern const struct optimizer_ops *const optimizer_types[];

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

/* One step: network->parameters from gradients (parallel to them, of Euclidean norm `norm`), which stay as
 * they are. With clip_norm > 0 a gradient whose norm is beyond it is scaled to it, as
 * torch.nn.utils.clip_grad_norm_ does (Pascanu et al. 2013, algorithm 1). Same bits for any number of
 * threads. */
void optimizer_step(struct optimizer *optimizer, struct network *network, const float *gradients, double rate,
                    double norm, double clip_norm);

/* Euclidean norm of an array, summed in double in a fixed order. */
double optimizer_norm(const float *values, size_t count, int threads);
