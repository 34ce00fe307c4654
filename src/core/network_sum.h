#pragma once
/* Sums, which residual networks are full of, and what they save others: memory, and ways through it.
 *
 *   bn2 = batchnorm      forward: bn2 only measures; sum writes relu(affine(conv2) + input), and bn2 has no y
 *   sum = add from=bn2,input
 *   relu = relu          backward: sum and relu do nothing. All of them have one gradient, D. bn2 comes
 * first: while it sums D up it makes it whole, adding what the last reader of relu gives and applying the
 * relu; then D goes on as the gradient of input, which the block's first layer adds to.
 *
 * A gradient is shared by inputs that only read it and by at most one heir, who may write to it later, when
 * the others are done. */
#include "core/network.h"

/* Sets of all layers hands_affine_on, input_affine, shares_gradient, completer, and of sums skip_backward.
 * The network's layers are connected, and relus handed over; readers[i]: how many read layer i. */
void sums_plan(struct network *network, const size_t *readers);

/* The layer whose y is input k of `layer`, in the place of one that hands its affine step on. */
size_t sums_source(const struct network *network, const struct layer *layer, size_t k);
