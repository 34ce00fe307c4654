#pragma once
/* Maximum and average over windows, per channel. PyTorch's definitions: the maximum's padding is minus
 * infinity, the average's counts as zeros. A NaN in a window is the window's maximum, so that it is not lost.
 */
#include "core/kernels/window.h"

#include <stdint.h>

struct pool {
    struct window h, w; /* dilation 1; kernels up to 255, as the options have it */
    size_t c;
};

/* x (n, h, w, c), y (n, oh, ow, c); winner (n, oh, ow, c): the window position, ky * kw + kx, that gave the
 * maximum, of equals the first. With `relu`, a negative maximum becomes 0: what relu before or behind would
 * give; one that is not positive has no winner, so that backward gives its gradient to nobody. */
enum { MAXPOOL_NO_WINNER = UINT16_MAX };
void maxpool_forward(const struct pool *g, size_t n, bool relu, const float *x, float *y, uint16_t *winner,
                     int threads);
/* dx (n, h, w, c), overwritten, from dy (n, oh, ow, c). */
void maxpool_backward(const struct pool *g, size_t n, const float *dy, const uint16_t *winner, float *dx,
                      int threads);

/* The same shapes. */
void avgpool_forward(const struct pool *g, size_t n, const float *x, float *y, int threads);
void avgpool_backward(const struct pool *g, size_t n, const float *dy, float *dx, int threads);

/* The formulas in double. */
void maxpool_reference(const struct pool *g, size_t n, const double *x, double *y);
void avgpool_reference(const struct pool *g, size_t n, const double *x, double *y);
