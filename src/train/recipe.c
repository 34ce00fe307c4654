#include "train/recipe.h"

struct optimizer_settings recipe_optimizer(const struct job *job)
{
    const struct config *c = job->config;
    return (struct optimizer_settings){
        .momentum = c->train.momentum,
        .nesterov = c->train.nesterov,
        .weight_decay = c->train.weight_decay,
        .beta1 = c->train.beta1,
        .beta2 = c->train.beta2,
        .alpha = c->train.alpha,
        .eps = c->train.eps,
        .trust = c->train.trust,
    };
}
