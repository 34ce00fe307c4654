#pragma once
/* Two-dimensional convolution (cross-correlation, as everywhere in this field) by im2col and matrix products:
 *
 *   y[n][oy][ox][o] = b[o] + sum over ky, kx, i of w[o][i][ky][kx]
 *                              * x[n][oy*sh - ph + ky*dh][ox*sw - pw + kx*dw][i]
 *
 * with x zero outside the image, and i running over the channels of o's group. The work is cut into tiles of
 * output rows small enough for the second-level cache; where it is cut depends on the shapes and on n only,
 * so that the bits do not depend on the number of threads. */
#include "core/kernels/window.h"

struct conv2d {
    struct window h, w;
    size_t c, oc, groups; /* channels in and out, both divisible by groups */
};

/* Bytes of workspace that each function needs for n images or fewer. */
size_t conv2d_workspace(const struct conv2d *g, size_t n, int threads);

/* x (n, h, w, c), weight (oc, c/groups, kh, kw), bias (oc) or NULL, y (n, oh, ow, oc). */
void conv2d_forward(const struct conv2d *g, size_t n, const float *x, const float *weight, const float *bias,
                    float *y, void *workspace, int threads);

/* dx (n, h, w, c) from dy (n, oh, ow, oc); overwritten. */
void conv2d_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight, float *dx,
                           void *workspace, int threads);

/* Adds to dweight and, where not NULL, to dbias. */
void conv2d_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads);

/* The formula above, in double. */
void conv2d_reference(const struct conv2d *g, size_t n, const double *x, const double *weight,
                      const double *bias, double *y);
