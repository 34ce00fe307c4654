#pragma once
/* The forward pass of a convolution from few channels to few, which would leave most of a register of output
 * channels empty: lenet5's first one, 1 -> 6. Here a register holds neighbouring pixels of a row:
 *
 *   y[o][oy][ox] = b[o] + sum over i, ky, kx of w[o][i][ky][kx] * x[i][oy*sh + ky][ox + kx]
 *
 * with a plane, padded, for each input channel; rows of a tile are output channels, columns pixels. The
 * weights are read as they are. The tile is turned around when it is stored. */
#include "core/kernels/conv2d.h"

bool conv2d_planar_fits(const struct conv2d *g);

/* As conv2d_forward. */
size_t conv2d_planar_workspace(const struct conv2d *g, int threads);
void conv2d_planar_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                           const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);
