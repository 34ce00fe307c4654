#pragma once
/* The forward pass of first layers, from few channels: each input channel is copied into a plane with its
 * padding, so that the pixels of a row are neighbours, and all of them alike:
 *
 *   y[o][oy][ox] = b[o] + sum over i, ky, kx of w[o][i][ky][kx] * x[i][oy*sh + ky][ox + kx]
 *
 * Rows of a tile are pixels of a row, and columns output channels, where there is one input channel. Where
 * output channels would leave much of a register empty, as of lenet5's 1 -> 6, or fill just one, which costs
 * a load for each multiply-add (3 -> 16), it is the other way around, and the tile is turned when it is
 * stored. */
#include "core/kernels/conv2d.h"

bool conv2d_planar_fits(const struct conv2d *g);

/* As conv2d_forward. */
size_t conv2d_planar_workspace(const struct conv2d *g, int threads);
void conv2d_planar_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                           const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads);
