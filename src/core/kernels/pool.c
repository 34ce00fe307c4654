#include "core/kernels/pool.h"

#include <math.h>
#include <string.h>

/* best = the larger of best and pixel, where = here where that is pixel's; of equals the older one; a NaN
 * stays. */
static void take_larger(size_t count, const float *restrict pixel, uint16_t here, float *restrict best,
                        uint16_t *restrict where)
{
    for (size_t c = 0; c < count; c++) {
        bool keep = pixel[c] <= best[c] || best[c] != best[c];
        best[c] = keep ? best[c] : pixel[c];
        where[c] = keep ? where[c] : here;
    }
}

void maxpool_forward(const struct pool *g, size_t n, const float *x, float *y, uint16_t *winner, int threads)
{
    size_t rows = n * g->h.out;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t row = 0; row < rows; row++) {
        const float *image = x + row / g->h.out * g->h.in * g->w.in * g->c;
        size_t oy = row % g->h.out;
        struct window_range ys = window_inside(&g->h, oy);
        for (size_t ox = 0; ox < g->w.out; ox++) {
            struct window_range xs = window_inside(&g->w, ox);
            float *best = y + (row * g->w.out + ox) * g->c;
            uint16_t *where = winner + (row * g->w.out + ox) * g->c,
                     first = (uint16_t)(ys.first * g->w.kernel + xs.first);
            for (size_t c = 0; c < g->c; c++) {
                best[c] = -INFINITY;
                where[c] = first;
            }
            for (size_t ky = ys.first; ky < ys.last; ky++)
                for (size_t kx = xs.first; kx < xs.last; kx++)
                    take_larger(
                        g->c,
                        image + (window_input(&g->h, oy, ky) * g->w.in + window_input(&g->w, ox, kx)) * g->c,
                        (uint16_t)(ky * g->w.kernel + kx), best, where);
        }
    }
}

/* Windows that neither overlap nor leave gaps or edges: every input is in exactly one. */
static bool is_partition(const struct window *w)
{
    return w->stride == w->kernel && w->pad == 0 && w->out * w->stride == w->in;
}

/* Hands one output row's gradients to the winners of its windows; overwrites where the windows are a
 * partition, else adds. */
static void maxpool_row_backward(const struct pool *g, size_t oy, const float *restrict dy,
                                 const uint16_t *restrict winner, float *image, bool overwrite)
{
    struct window_range ys = window_inside(&g->h, oy);
    for (size_t ky = ys.first; ky < ys.last; ky++) {
        float *line = image + window_input(&g->h, oy, ky) * g->w.in * g->c;
        for (size_t ox = 0; ox < g->w.out; ox++) {
            struct window_range xs = window_inside(&g->w, ox);
            const float *restrict from = dy + ox * g->c;
            const uint16_t *restrict where = winner + ox * g->c;
            for (size_t kx = xs.first; kx < xs.last; kx++) {
                float *restrict pixel = line + window_input(&g->w, ox, kx) * g->c;
                uint16_t here = (uint16_t)(ky * g->w.kernel + kx);
                if (overwrite)
                    for (size_t c = 0; c < g->c; c++)
                        pixel[c] = where[c] == here ? from[c] : 0;
                else
                    for (size_t c = 0; c < g->c; c++)
                        pixel[c] += where[c] == here ? from[c] : 0;
            }
        }
    }
}

void maxpool_backward(const struct pool *g, size_t n, const float *dy, const uint16_t *winner, float *dx,
                      int threads)
{
    size_t image_floats = g->h.in * g->w.in * g->c, row_floats = g->w.out * g->c;
    bool overwrite = is_partition(&g->h) && is_partition(&g->w);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < n; i++) {
        float *image = dx + i * image_floats;
        if (!overwrite)
            memset(image, 0, image_floats * sizeof *image);
        for (size_t oy = 0; oy < g->h.out; oy++) {
            size_t at = (i * g->h.out + oy) * row_floats;
            maxpool_row_backward(g, oy, dy + at, winner + at, image, overwrite);
        }
    }
}

/* Window positions that count in the average's divisor: those inside image and padding. */
static size_t divisor(const struct window *w, size_t o)
{
    size_t start = o * w->stride, end = start + w->kernel, limit = w->in + w->pad + w->pad_end;
    return (end < limit ? end : limit) - start;
}

void avgpool_forward(const struct pool *g, size_t n, const float *x, float *y, int threads)
{
    size_t rows = n * g->h.out;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t row = 0; row < rows; row++) {
        const float *image = x + row / g->h.out * g->h.in * g->w.in * g->c;
        size_t oy = row % g->h.out;
        struct window_range ys = window_inside(&g->h, oy);
        for (size_t ox = 0; ox < g->w.out; ox++) {
            struct window_range xs = window_inside(&g->w, ox);
            float *restrict sum = y + (row * g->w.out + ox) * g->c;
            for (size_t c = 0; c < g->c; c++)
                sum[c] = 0;
            for (size_t ky = ys.first; ky < ys.last; ky++) {
                for (size_t kx = xs.first; kx < xs.last; kx++) {
                    const float *restrict pixel =
                        image + (window_input(&g->h, oy, ky) * g->w.in + window_input(&g->w, ox, kx)) * g->c;
                    for (size_t c = 0; c < g->c; c++)
                        sum[c] += pixel[c];
                }
            }
            float scale = 1.0f / (float)(divisor(&g->h, oy) * divisor(&g->w, ox));
            for (size_t c = 0; c < g->c; c++)
                sum[c] *= scale;
        }
    }
}

void avgpool_backward(const struct pool *g, size_t n, const float *dy, float *dx, int threads)
{
    size_t image_floats = g->h.in * g->w.in * g->c;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < n; i++) {
        float *image = dx + i * image_floats;
        memset(image, 0, image_floats * sizeof *image);
        for (size_t oy = 0; oy < g->h.out; oy++) {
            struct window_range ys = window_inside(&g->h, oy);
            for (size_t ox = 0; ox < g->w.out; ox++) {
                struct window_range xs = window_inside(&g->w, ox);
                const float *restrict from = dy + ((i * g->h.out + oy) * g->w.out + ox) * g->c;
                float scale = 1.0f / (float)(divisor(&g->h, oy) * divisor(&g->w, ox));
                for (size_t ky = ys.first; ky < ys.last; ky++) {
                    for (size_t kx = xs.first; kx < xs.last; kx++) {
                        float *restrict pixel =
                            image +
                            (window_input(&g->h, oy, ky) * g->w.in + window_input(&g->w, ox, kx)) * g->c;
                        for (size_t c = 0; c < g->c; c++)
                            pixel[c] += from[c] * scale;
                    }
                }
            }
        }
    }
}

/* One output of either kind, with every position looked at by itself. */
static double reference_at(const struct pool *g, const double *image, size_t oy, size_t ox, size_t c,
                           bool maximum)
{
    double result = maximum ? -INFINITY : 0;
    size_t counted = 0;
    for (size_t ky = 0; ky < g->h.kernel; ky++) {
        for (size_t kx = 0; kx < g->w.kernel; kx++) {
            size_t py = oy * g->h.stride + ky, px = ox * g->w.stride + kx; /* in the padded image */
            counted += py < g->h.in + g->h.pad + g->h.pad_end && px < g->w.in + g->w.pad + g->w.pad_end;
            size_t iy = py - g->h.pad, ix = px - g->w.pad; /* before the image: wraps to beyond its end */
            if (iy >= g->h.in || ix >= g->w.in)
                continue;
            double value = image[(iy * g->w.in + ix) * g->c + c];
            if (!maximum)
                result += value;
            else if (value > result || isnan(value))
                result = value;
        }
    }
    return maximum ? result : result / (double)counted;
}

static void reference(const struct pool *g, size_t n, const double *x, double *y, bool maximum)
{
    for (size_t i = 0; i < n; i++)
        for (size_t oy = 0; oy < g->h.out; oy++)
            for (size_t ox = 0; ox < g->w.out; ox++)
                for (size_t c = 0; c < g->c; c++)
                    *y++ = reference_at(g, x + i * g->h.in * g->w.in * g->c, oy, ox, c, maximum);
}

void maxpool_reference(const struct pool *g, size_t n, const double *x, double *y)
{
    reference(g, n, x, y, true);
}

void avgpool_reference(const struct pool *g, size_t n, const double *x, double *y)
{
    reference(g, n, x, y, false);
}
