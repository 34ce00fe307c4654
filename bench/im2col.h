#pragma once
/* Convolution by a matrix of columns and OpenBLAS: what core/kernels/conv2d.h is compared with at sizes where
 * the naive formula takes too long. The contracts are the same. */
#include "core/kernels/conv2d.h"

size_t im2col_workspace(const struct conv2d *g, size_t n, int threads);

void im2col_forward(const struct conv2d *g, size_t n, const float *x, const float *weight, const float *bias,
                    float *y, void *workspace, int threads);

void im2col_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight, float *dx,
                           void *workspace, int threads);

void im2col_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads);
