#include "core/kernels/pool.h"

#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

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

/* Any window. */
static void maxpool_window(const struct pool *g, const float *image, size_t oy, size_t ox, float *best,
                           uint16_t *where)
{
    struct window_range ys = window_inside(&g->h, oy), xs = window_inside(&g->w, ox);
    uint16_t first = (uint16_t)(ys.first * g->w.kernel + xs.first);
    for (size_t c = 0; c < g->c; c++) {
        best[c] = -INFINITY;
        where[c] = first;
    }
    for (size_t ky = ys.first; ky < ys.last; ky++)
        for (size_t kx = xs.first; kx < xs.last; kx++)
            take_larger(g->c,
                        image + (window_input(&g->h, oy, ky) * g->w.in + window_input(&g->w, ox, kx)) * g->c,
                        (uint16_t)(ky * g->w.kernel + kx), best, where);
}

/* LANES channels at a time. */
enum { LANES = 16 };
typedef float floats __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int integers __attribute__((vector_size(LANES * sizeof(int))));
typedef uint16_t shorts
    __attribute__((vector_size(LANES * sizeof(uint16_t)), aligned(sizeof(uint16_t)), may_alias));

/* A window of 2 x 2 that is wholly inside: its two rows of two pixels, `count` channels apart. */
static inline void four_lanes(const float *top, const float *bottom, size_t count, bool relu, float *y,
                              uint16_t *winner)
{
    const floats others[3] = {*(const floats *)(top + count), *(const floats *)bottom,
                              *(const floats *)(bottom + count)};
    floats best = *(const floats *)top;
    integers where = {0};
    for (int k = 0; k < 3; k++) {
        integers keep = (others[k] <= best) | (best != best);
        best = (floats)((keep & (integers)best) | (~keep & (integers)others[k]));
        where = (keep & where) | (~keep & (k + 1));
    }
    if (relu) {
        where |= (best <= 0) & MAXPOOL_NO_WINNER;
        best = (floats)((integers)best & ~(best < 0));
    }
    *(floats *)y = best;
    *(shorts *)winner = __builtin_convertvector(where, shorts);
}

/* The last channels of the last windows, where whole registers would reach beyond the band. */
static void four_rest(const float *top, const float *bottom, size_t count, size_t rest, bool relu, float *y,
                      uint16_t *winner)
{
    float x[4 * LANES] = {0}, best[LANES];
    uint16_t where[LANES];
    memcpy(x, top, rest * sizeof *x);
    memcpy(x + LANES, top + count, rest * sizeof *x);
    memcpy(x + 2 * LANES, bottom, rest * sizeof *x);
    memcpy(x + 3 * LANES, bottom + count, rest * sizeof *x);
    four_lanes(x, x + 2 * LANES, LANES, relu, best, where);
    memcpy(y, best, rest * sizeof *y);
    memcpy(winner, where, rest * sizeof *winner);
}

/* Of `windows` whose results go to rows of `count` floats, `room` floats being left: how many may write a
 * whole register each. */
static size_t whole_windows(size_t windows, size_t count, size_t room)
{
    return room < LANES ? 0 : size_min(windows, (room - LANES) / count + 1);
}

/* A row of such windows, with `room` results from y on to the end of the band. Lanes beyond the last channel
 * write into the next window's results, which come later. */
static void fours(size_t windows, size_t count, size_t room, const float *top, const float *bottom, bool relu,
                  float *y, uint16_t *winner)
{
    size_t few = count <= LANES ? whole_windows(windows, count, room) : 0;
    for (size_t w = 0; w < few; w++) /* a loop without branches */
        four_lanes(top + 2 * w * count, bottom + 2 * w * count, count, relu, y + w * count,
                   winner + w * count);
    for (size_t w = few; w < windows; w++) {
        for (size_t c = 0; c < count; c += LANES) {
            size_t from = 2 * w * count + c, to = w * count + c;
            if (to + LANES <= room)
                four_lanes(top + from, bottom + from, count, relu, y + to, winner + to);
            else
                four_rest(top + from, bottom + from, count, count - c, relu, y + to, winner + to);
        }
    }
}

static void relu_of_maximum(size_t count, float *restrict y, uint16_t *restrict winner)
{
    for (size_t c = 0; c < count; c++) {
        winner[c] = y[c] <= 0 ? MAXPOOL_NO_WINNER : winner[c];
        y[c] = y[c] < 0 ? 0 : y[c];
    }
}

/* Windows of two that all lie inside, side by side. */
static bool is_pairs(const struct window *w)
{
    return w->kernel == 2 && w->stride == 2 && w->pad == 0 && 2 * w->out <= w->in;
}

/* Rows first .. last-1 of the output: a band. */
static void maxpool_band(const struct pool *g, bool pairs, bool relu, size_t first, size_t last,
                         const float *image, float *y, uint16_t *winner)
{
    size_t row_floats = g->w.out * g->c, line = g->w.in * g->c;
    for (size_t oy = first; oy < last; oy++) {
        float *best = y + oy * row_floats;
        uint16_t *where = winner + oy * row_floats;
        if (pairs) {
            const float *top = image + 2 * oy * line;
            fours(g->w.out, g->c, (last - oy) * row_floats, top, top + line, relu, best, where);
            continue;
        }
        for (size_t ox = 0; ox < g->w.out; ox++)
            maxpool_window(g, image, oy, ox, best + ox * g->c, where + ox * g->c);
        if (relu)
            relu_of_maximum(row_floats, best, where);
    }
}

struct maxpool {
    const struct pool *g;
    bool relu;
    const float *x, *dy;
    float *y, *dx;
    uint16_t *winner;
    const uint16_t *won;
    size_t bands; /* of an image */
};

static void forward_task(const void *work, size_t task, size_t thread)
{
    const struct maxpool *p = work;
    const struct pool *g = p->g;
    size_t in = g->h.in * g->w.in * g->c, out = g->h.out * g->w.out * g->c;
    size_t i = task / p->bands, band = task % p->bands;
    (void)thread;
    maxpool_band(g, is_pairs(&g->h) && is_pairs(&g->w), p->relu, size_cut(g->h.out, p->bands, band),
                 size_cut(g->h.out, p->bands, band + 1), p->x + i * in, p->y + i * out, p->winner + i * out);
}

void maxpool_forward(const struct pool *g, size_t n, bool relu, const float *x, float *y, uint16_t *winner,
                     int threads)
{
    size_t bands = n < (size_t)threads ? size_min((size_t)threads, g->h.out) : 1;
    struct maxpool p = {.g = g, .relu = relu, .x = x, .y = y, .winner = winner, .bands = bands};
    parallel_for(n * bands, threads, forward_task, &p);
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

/* LANES outputs' gradients where the winner is `here`, else 0. */
static inline floats gradient_lanes(const float *dy, const uint16_t *winner, int here)
{
    integers won = __builtin_convertvector(*(const shorts *)winner, integers) == here;
    return (floats)((integers) * (const floats *)dy & won);
}

/* Likewise for windows of 2 x 2 that are a partition; one of the two rows, whose first winner is `left`.
 * `room`: outputs from dy on to the end of the image. Lanes beyond the last channel write into the pixels
 * behind, which come later. */
static void fours_backward(size_t windows, size_t count, size_t room, const float *dy, const uint16_t *winner,
                           int left, float *dx)
{
    size_t few = count <= LANES ? whole_windows(windows, count, room) : 0;
    for (size_t w = 0; w < few; w++) {
        *(floats *)(dx + 2 * w * count) = gradient_lanes(dy + w * count, winner + w * count, left);
        *(floats *)(dx + (2 * w + 1) * count) = gradient_lanes(dy + w * count, winner + w * count, left + 1);
    }
    for (size_t w = few; w < windows; w++) {
        for (size_t half = 0; half < 2; half++) {
            int here = left + (int)half;
            for (size_t c = 0; c < count; c += LANES) {
                size_t from = w * count + c;
                float *to = dx + (2 * w + half) * count + c;
                if (from + LANES <= room)
                    *(floats *)to = gradient_lanes(dy + from, winner + from, here);
                else
                    for (size_t k = 0; k < count - c; k++)
                        to[k] = winner[from + k] == here ? dy[from + k] : 0;
            }
        }
    }
}

static void backward_task(const void *work, size_t i, size_t thread)
{
    const struct maxpool *p = work;
    const struct pool *g = p->g;
    size_t line = g->w.in * g->c, row_floats = g->w.out * g->c;
    bool overwrite = is_partition(&g->h) && is_partition(&g->w);
    bool pairs = overwrite && is_pairs(&g->h) && is_pairs(&g->w);
    float *image = p->dx + i * g->h.in * line;
    (void)thread;
    if (!overwrite)
        memset(image, 0, g->h.in * line * sizeof *image);
    for (size_t oy = 0; oy < g->h.out; oy++) {
        size_t at = (i * g->h.out + oy) * row_floats;
        for (int half = 0; pairs && half < 2; half++)
            fours_backward(g->w.out, g->c, (g->h.out - oy) * row_floats, p->dy + at, p->won + at, 2 * half,
                           image + (2 * oy + (size_t)half) * line);
        if (!pairs)
            maxpool_row_backward(g, oy, p->dy + at, p->won + at, image, overwrite);
    }
}

void maxpool_backward(const struct pool *g, size_t n, const float *dy, const uint16_t *winner, float *dx,
                      int threads)
{
    parallel_for(n, threads, backward_task, &(struct maxpool){.g = g, .dy = dy, .won = winner, .dx = dx});
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
