#pragma once
/* Convolutions with a 1x1 kernel, whose operands are rounded to bfloat16 (core/kernels/bf16.h): forward and
 * input gradient. Each tile's pixels are rounded when it is their turn, into the first-level cache, and the
 * weights when they are packed; sums, weights, activations and gradients are float32. Weight gradients:
 * conv2d.h's, which rounds the same way.
 *
 * Arguments are those of conv2d.h. */
#include "core/kernels/conv2d.h"

/* Whether it can be computed so: 1x1, without padding and groups. */
bool conv2d_bf16_can(const struct conv2d *g);

size_t conv2d_bf16_data_workspace(const struct conv2d *g, int threads);
void conv2d_bf16_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                         const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);
void conv2d_bf16_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                                const float *relu_output, float *dx, void *workspace, int threads);
