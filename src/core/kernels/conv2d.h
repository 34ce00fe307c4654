#pragma once
/* Two-dimensional convolution (cross-correlation, as everywhere in this field):
 *
 *   y[n][oy][ox][o] = b[o] + sum over ky, kx, i of w[o][i][ky][kx]
 *                              * x[n][oy*sh - ph + ky*dh][ox*sw - pw + kx*dw][i]
 *
 * with x zero outside the image, and i running over the channels of o's group.
 *
 * Directly, without a matrix of columns (Georganas et al. 2018, arXiv 1808.05567; 2019, arXiv 1906.06440):
 * all three passes are loops around the product of core/kernels/tile.h. A tile of forward is a few pixels,
 * anywhere in one or several images, times one or two registers of output channels; the pixels are sorted by
 * the kernel positions that are inside the image for them (core/kernels/axis.h), so that padding costs
 * nothing. The input gradient is the same with inputs and outputs exchanged and the kernel turned around. A
 * tile of the weight gradient is a few input channels at one kernel position times output channels, summed
 * over pixels.
 *
 * Few channels are done in other ways: forward from padded copies, with pixels as columns where channels
 * would leave registers half empty (conv2d_planar.h); conv2d_narrow.h (input gradient); conv2d_weight_few.h.
 *
 * Every y and dx has its own order of additions: the results of an image depend neither on the images beside
 * it nor on the number of threads. Weight gradients are summed in parts that are cut by the shapes and n, and
 * added in their order. */
#include "core/kernels/tile.h"
#include "core/kernels/window.h"

struct conv2d {
    struct window h, w;
    size_t c, oc, groups; /* channels in and out, both divisible by groups */
    const struct tile_kernel *kernel;
    bool winograd; /* by conv2d_winograd.h, which fits */
    /* A kernel for slots (core/kernels/bf16.h): operands are rounded to bfloat16, which conv2d_bf16.h can.
     * NULL: they are not. */
    const struct tile_kernel *bf16;
    bool is_part; /* weight gradients are summed in one part, not in several */
};

/* What is done to an output while it is in a register. */
struct conv2d_epilogue {
    const float *bias; /* (oc), added; or NULL */
    bool relu;         /* then negative ones become 0 */
};

/* Bytes of workspace that each function needs for n images or fewer, is_part or not. */
size_t conv2d_workspace(const struct conv2d *g, size_t n, int threads);

/* n is 1 or more.
 *
 * x (n, h, w, c), weight (oc, c/groups, kh, kw), y (n, oh, ow, oc). */
void conv2d_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                    const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);

/* dx (n, h, w, c) from dy (n, oh, ow, oc); overwritten. Where x is the output of a relu, given as
 * `relu_output`, dx is the gradient of the relu's input; else NULL. */
void conv2d_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                           const float *relu_output, float *dx, void *workspace, int threads);

/* From x (n, h, w, c) and dy (n, oh, ow, oc): adds to dweight (oc, c/groups, kh, kw) and, where not NULL, to
 * dbias (oc). */
void conv2d_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads);

/* Of conv2d_workspace: what the first two need, and what the weight gradient needs. */
size_t conv2d_data_workspace(const struct conv2d *g, size_t n, int threads);
size_t conv2d_backward_weight_workspace(const struct conv2d *g, size_t n, int threads);

/* The formula above, in double. */
void conv2d_reference(const struct conv2d *g, size_t n, const double *x, const double *weight,
                      const double *bias, double *y);
