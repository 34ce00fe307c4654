#pragma once
/* The input gradient of a convolution whose inputs have few channels, which would leave most of a register
 * empty: lenet5's second one has 6. Here a register's columns are channels of neighbouring pixels.
 *
 * An output pixel gives to kw neighbouring inputs of a row, whose c channels lie together in memory:
 *
 *   dx[iy][ox*s - pad + kx][i] += sum over ky, o of dy[oy(iy, ky)][ox][o] * w[o][i][ky][kx]
 *
 * so that kx*c + i are the columns of a tile, and its rows output pixels. The tile is added to where it
 * belongs in a row of dx. Pixels of one tile must not give to the same inputs: they are kw/s apart, or in
 * other images. 6 channels, 5 x 5: 30 columns of 32 in place of 6 of 16. */
#include "core/kernels/conv2d.h"

/* Whether that is the better way. */
bool conv2d_narrow_fits(const struct conv2d *g);

/* As conv2d_backward_input. */
size_t conv2d_narrow_workspace(const struct conv2d *g, size_t n, int threads);
void conv2d_narrow_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                                  const float *relu_output, float *dx, void *workspace, int threads);
