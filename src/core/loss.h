#pragma once
/* The loss that the last layer's type fixes, and its gradient. PyTorch's definitions: CrossEntropyLoss,
 * BCEWithLogitsLoss and MSELoss, means over batch and outputs. */
#include "core/layer.h"

/* Labels of n samples, borrowed, and what of CrossEntropyLoss goes with them: label_smoothing, and weight. A
 * sample of class c then has the loss
 *     (1 - smoothing) * weights[c] * -log p[c] + smoothing / k * sum over j of weights[j] * -log p[j]
 * Blended samples (core/mixup.h) have two classes, and `share` times the loss of the one and 1 - share times
 * that of the other; a hit is the first. */
struct labels {
    const int32_t *classes; /* (n), of LOSS_CROSS_ENTROPY */
    const float *values;    /* (n, k), of the other two */
    const float *weights;   /* (k), of LOSS_CROSS_ENTROPY; NULL: all 1 */
    float smoothing;        /* of LOSS_CROSS_ENTROPY */
    const int32_t *others;  /* (n), likewise; NULL: nothing is blended */
    float share;            /* of `classes`, where there are others */
};

/* Sums, so that parts can be added. */
struct loss_sum {
    double loss;      /* sum over samples of the mean over outputs */
    uint64_t samples; /* how many */
    uint64_t hits;    /* right answers: classes, or single outputs on the right side of 1/2 */
    uint64_t tries;   /* out of how many; 0 for mean squared error */
};

/* Sum of the weights of the samples' classes, n without weights: PyTorch's mean over a batch is the sum of
 * the losses divided by this. */
double loss_weight(size_t n, struct labels labels);

/* Of n samples with k outputs each. z: what the last layer is fed with (n, k), y: what it made of it (n, k).
 * dz (n, k), overwritten: scale * gradient of the sum of the samples' losses with respect to z; NULL: not
 * wanted; it may be z itself. */
struct loss_sum loss_compute(enum loss_kind kind, size_t n, size_t k, const float *z, const float *y,
                             struct labels labels, float scale, float *dz);

/* The same sum of losses in double, naively from the formula: the reference. */
double loss_reference(enum loss_kind kind, size_t n, size_t k, const double *z, struct labels labels);

/* How many answers there are to be right: one per sample, or one per output; 0 for mean squared error. */
uint64_t loss_tries(enum loss_kind kind, uint64_t samples, size_t k);

/* The index of the largest of k numbers, of equals the first: the class that an output means. */
size_t loss_best(const float *y, size_t k);

struct loss_sum loss_add(struct loss_sum a, struct loss_sum b);
double loss_mean(struct loss_sum sum);     /* nan where there are no samples */
double loss_accuracy(struct loss_sum sum); /* hits / tries; nan where there are no tries */
