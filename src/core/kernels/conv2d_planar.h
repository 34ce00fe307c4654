#pragma once
/* The forward pass from few channels, as of first layers: each input channel is copied into a plane with its
 * padding, so that the pixels of a row are neighbours, and all of them alike:
 *
 *   y[o][oy][ox] = b[o] + sum over i, ky, kx of w[o][i][ky][kx] * plane[i][oy*sh + ky*dh][ox + kx*dw]
 *
 * Rows of a tile are pixels of a row, and columns output channels, where there is one input channel. Where
 * output channels would leave much of a register empty, as of lenet5's 1 -> 6, or fill just one, which costs
 * a load for each multiply-add (3 -> 16, with registers of 16), it is the other way around, and the tile is
 * turned when it is stored. That is for one group, stride 1 in width, and planes that stay in a second-level
 * cache. Padding takes part in the sums: a weight that is not finite makes all it touches not finite, as in
 * PyTorch; an input that is not stays within its windows. */
#include "core/kernels/conv2d.h"

bool conv2d_planar_fits(const struct conv2d *g);

/* As conv2d_forward. */
size_t conv2d_planar_workspace(const struct conv2d *g, int threads);
void conv2d_planar_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                           const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);
