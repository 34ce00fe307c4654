#include "core/kernels/conv2d.h"

void conv2d_reference(const struct conv2d *g, size_t n, const double *x, const double *weight,
                      const double *bias, double *y)
{
    size_t group_in = g->c / g->groups, group_out = g->oc / g->groups, rows = n * g->h.out;
#pragma omp parallel for schedule(dynamic)
    for (size_t row = 0; row < rows; row++) {
        const double *image = x + row / g->h.out * g->h.in * g->w.in * g->c;
        size_t oy = row % g->h.out;
        for (size_t ox = 0; ox < g->w.out; ox++) {
            for (size_t o = 0; o < g->oc; o++) {
                double sum = bias ? bias[o] : 0;
                for (size_t ky = 0; ky < g->h.kernel; ky++) {
                    for (size_t kx = 0; kx < g->w.kernel; kx++) {
                        /* unsigned: what lies before the image wraps to beyond its end */
                        size_t iy = oy * g->h.stride + ky * g->h.dilation - g->h.pad;
                        size_t ix = ox * g->w.stride + kx * g->w.dilation - g->w.pad;
                        if (iy >= g->h.in || ix >= g->w.in)
                            continue;
                        const double *pixel = image + (iy * g->w.in + ix) * g->c + o / group_out * group_in;
                        for (size_t i = 0; i < group_in; i++)
                            sum +=
                                pixel[i] * weight[((o * group_in + i) * g->h.kernel + ky) * g->w.kernel + kx];
                    }
                }
                y[(row * g->w.out + ox) * g->oc + o] = sum;
            }
        }
    }
}
