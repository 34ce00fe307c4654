#pragma once
/* The weight gradient of a convolution with few input channels in a group: a network's first one, or one that
 * works channel by channel.
 *
 *   dw[o][i][ky][kx] = sum over pixels of dy[oy][ox][o] * x[oy*sh + ky][ox*sw + kx][i]       x with its
 * padding
 *
 * Rows of a tile are all (ky, kx, i); its columns output channels, summed over pixels. Where these are few as
 * well, columns are the channels of P neighbouring pixels, which lie together in memory; the pixel q of them
 * gives (ky, kx) to row (ky, kx + q*sw), so that there are a few more rows, and their parts are added up in
 * the end. lenet5's first one, 1 -> 6 channels, 5 x 5, with P = 2: 30 rows of 12 columns for two pixels in
 * place of twice 25 of 6.
 *
 * Images are copied with their padding, a band of rows at a time, into a first-level cache. The padding's
 * zeros are multiplied as well, so that an output gradient that is not finite would spoil weights that it has
 * no part in: then this way gives up, and the general one takes over. */
#include "core/kernels/conv2d.h"

bool conv2d_weight_few_fits(const struct conv2d *g);

/* As conv2d_backward_weight; false, and nothing is added, where a sum is not finite. */
size_t conv2d_weight_few_workspace(const struct conv2d *g, size_t n, int threads);
bool conv2d_weight_few(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                       float *dbias, void *workspace, int threads);
