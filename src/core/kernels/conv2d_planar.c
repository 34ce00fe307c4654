#include "core/kernels/conv2d_planar.h"

#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

#include <string.h>

enum { CHANNELS = 4, COLUMNS_MAX = 32 }; /* input channels; twice the largest tile_kernel.vector */

struct planar {
    const struct conv2d *g;
    size_t line, plane; /* floats of a padded row, and of a channel */
    size_t thread_floats;
    float *planes;         /* (thread): (c, rows, line) */
    struct tile_run *runs; /* (c, kernel rows): the same for all tiles */
    const float *x, *weight, *bias;
    float *y;
    struct tile_product product;
};

bool conv2d_planar_fits(const struct conv2d *g)
{
    size_t vector = g->kernel->vector;
    return g->groups == 1 && g->w.stride == 1 && g->c <= CHANNELS && g->oc <= g->kernel->rows &&
           2 * g->oc <= vector && g->w.out > vector / 2;
}

static struct planar planar_init(const struct conv2d *g, int threads, void *workspace, size_t *bytes)
{
    struct planar p = {.g = g, .line = g->w.pad + g->w.in + g->w.pad_end};
    p.plane = (g->h.pad + g->h.in + g->h.pad_end) * p.line;
    p.thread_floats = size_divide_up(g->c * p.plane + COLUMNS_MAX, 16) * 16; /* registers read beyond */
    struct workspace w = {.memory = workspace};
    p.planes = workspace_take(&w, (size_t)threads * p.thread_floats * sizeof *p.planes);
    p.runs = workspace_take(&w, g->c * g->h.kernel * sizeof *p.runs);
    *bytes = w.used;
    return p;
}

size_t conv2d_planar_workspace(const struct conv2d *g, int threads)
{
    size_t bytes;
    planar_init(g, threads, NULL, &bytes);
    return bytes;
}

/* An image into planes whose padding is zero already. */
static void copy_image(const struct planar *p, const float *x, float *planes)
{
    const struct conv2d *g = p->g;
    for (size_t row = 0; row < g->h.in; row++, x += g->w.in * g->c) {
        float *to = planes + (g->h.pad + row) * p->line + g->w.pad;
        if (g->c == 1)
            memcpy(to, x, g->w.in * sizeof *to);
        else
            for (size_t i = 0; i < g->c; i++)
                for (size_t column = 0; column < g->w.in; column++)
                    to[i * p->plane + column] = x[column * g->c + i];
    }
}

/* Two channels of a tile to their place in y, whose pixels have `channels`. */
static void turn_two(size_t columns, size_t channels, const float *tile, float *y)
{
    for (size_t column = 0; column < columns; column++) {
        float two[2] = {tile[column], tile[COLUMNS_MAX + column]};
        memcpy(y + column * channels, two, sizeof two);
    }
}

/* y (columns, channels) from a tile (channels, COLUMNS_MAX) */
static void turn(size_t columns, size_t channels, const float *tile, float *y)
{
    size_t o = 0;
    for (; o + 1 < channels; o += 2)
        turn_two(columns, channels, tile + o * COLUMNS_MAX, y + o);
    for (size_t column = 0; o < channels && column < columns; column++)
        y[column * channels + o] = tile[o * COLUMNS_MAX + column];
}

static void row_compute(const struct planar *p, const float *row, float *y)
{
    const struct conv2d *g = p->g;
    size_t weights = g->c * g->h.kernel * g->w.kernel, width = 2 * g->kernel->vector;
    float tile[TILE_ROWS_MAX * COLUMNS_MAX] __attribute__((aligned(64)));
    const float *a[TILE_ROWS_MAX];
    float *c[TILE_ROWS_MAX];
    for (size_t o = 0; o < g->oc; o++) {
        a[o] = p->weight + o * weights;
        c[o] = tile + o * COLUMNS_MAX;
    }
    for (size_t x = 0; x < g->w.out; x += width) {
        size_t columns = size_min(width, g->w.out - x);
        for (size_t o = 0; o < g->oc; o++)
            for (size_t k = 0; k < COLUMNS_MAX; k++)
                c[o][k] = p->bias ? p->bias[o] : 0;
        g->kernel->product(&p->product, g->oc, columns, a, row + x, c);
        turn(columns, g->oc, tile, y + x * g->oc);
    }
}

static void image_compute(const void *work, size_t image, size_t thread)
{
    const struct planar *p = work;
    const struct conv2d *g = p->g;
    float *planes = p->planes + thread * p->thread_floats;
    copy_image(p, p->x + image * g->h.in * g->w.in * g->c, planes);
    for (size_t row = 0; row < g->h.out; row++)
        row_compute(p, planes + row * g->h.stride * p->line,
                    p->y + (image * g->h.out + row) * g->w.out * g->oc);
}

void conv2d_planar_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                           const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads)
{
    size_t bytes;
    struct planar p = planar_init(g, threads, workspace, &bytes);
    p.x = x;
    p.weight = weight;
    p.bias = epilogue->bias;
    p.y = y;
    p.product = (struct tile_product){.runs = p.runs,
                                      .run_count = g->c * g->h.kernel,
                                      .a_step = 1,
                                      .b_step = g->w.dilation,
                                      .accumulate = true,
                                      .relu = epilogue->relu};
    for (size_t i = 0; i < g->c; i++)
        for (size_t ky = 0; ky < g->h.kernel; ky++)
            p.runs[i * g->h.kernel + ky] = (struct tile_run){
                (i * g->h.kernel + ky) * g->w.kernel, i * p.plane + ky * g->h.dilation * p.line, g->w.kernel};
    memset(p.planes, 0, (size_t)threads * p.thread_floats * sizeof *p.planes);
    parallel_for(n, threads, image_compute, &p);
}
