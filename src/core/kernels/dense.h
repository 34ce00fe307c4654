#pragma once
/* Full connection: y = x w^T + b. A sample is a pixel and a unit a channel of a 1 x 1 convolution, so that is
 * what forward and input gradient are. Weights too large for a cache are left to OpenBLAS, which does not
 * read them once more to pack them. Cut into blocks whose sizes depend on the shapes only. */
#include "core/kernels/conv2d.h"

struct dense {
    size_t in, out;
    const struct tile_kernel *kernel;
    const struct tile_kernel *bf16; /* of forward and the input gradient: as in struct conv2d */
};

/* Bytes of workspace that forward and backward_input need. */
size_t dense_workspace(const struct dense *g, size_t n, int threads);

/* x (n, in), weight (out, in), y (n, out); the epilogue's bias (out). */
void dense_forward(const struct dense *g, size_t n, const float *x, const float *weight,
                   const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);

/* dx (n, in), overwritten, from dy (n, out); relu_output as in conv2d_backward_input. */
void dense_backward_input(const struct dense *g, size_t n, const float *dy, const float *weight,
                          const float *relu_output, float *dx, void *workspace, int threads);

/* From x (n, in) and dy (n, out): adds to dweight (out, in) and, where not NULL, to dbias (out). */
void dense_backward_weight(const struct dense *g, size_t n, const float *x, const float *dy, float *dweight,
                           float *dbias, int threads);

/* The formula in double. */
void dense_reference(size_t n, size_t in, size_t out, const double *x, const double *weight,
                     const double *bias, double *y);
