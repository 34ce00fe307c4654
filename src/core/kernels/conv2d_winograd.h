#pragma once
/* Convolutions with a 3x3 kernel and stride 1 by the transforms of core/kernels/winograd.h: a quarter of the
 * multiplications, 36 matrix products of tiles x channels, and transforms of whose cost all products of a
 * tile take their part. A block of tiles is transformed, multiplied and transformed back before the next one,
 * so that it stays in the cache.
 *
 * Rounding errors are two to three times those of the direct way (bench/winograd_error.c). Every output has
 * its own order of additions here too; weight gradients are summed tile after tile. */
#include "core/kernels/conv2d.h"

/* Whether it can be done in this way, and whether that is the better one. */
bool conv2d_winograd_can(const struct conv2d *g);
bool conv2d_winograd_fits(const struct conv2d *g);

/* As the functions of core/kernels/conv2d.h. */
size_t conv2d_winograd_data_workspace(const struct conv2d *g, size_t n, int threads);
void conv2d_winograd_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                             const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);
void conv2d_winograd_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                                    const float *relu_output, float *dx, void *workspace, int threads);

size_t conv2d_winograd_weight_workspace(const struct conv2d *g, size_t n, int threads);
void conv2d_winograd_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy,
                                     float *dweight, float *dbias, void *workspace, int threads);
