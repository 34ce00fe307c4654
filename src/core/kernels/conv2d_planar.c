#include "core/kernels/conv2d_planar.h"

#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"
#include "core/kernels/transpose.h"

#include <string.h>

enum {
    CHANNELS = 4, /* input channels */
    COLUMNS_MAX = 2 * TILE_VECTOR_MAX,
    PLANES_BYTES = 512 * 1024, /* of a padded image, half a second-level cache */
};

struct planar {
    const struct conv2d *g;
    size_t line, plane; /* floats of a padded row, and of a channel */
    size_t thread_floats;
    float *planes;           /* (thread): (c, rows, line) */
    struct tile_run *runs;   /* (c, kernel rows): the same for all tiles */
    size_t block, weights;   /* output channels together; numbers that each is a sum of */
    float *packed, *bias;    /* (blocks): (c, kernel rows, kernel columns, block); (blocks): (block) */
    bool turned;             /* pixels are a tile's columns, not its rows */
    size_t bands, band_rows; /* a task is a band of rows of an image */
    const float *x;
    float *y;
    struct tile_product product;
};

/* Whether tiles are turned: output channels are one register at most, and pixels fill registers at least six
 * sevenths as well. */
static bool is_turned(const struct conv2d *g)
{
    size_t vector = g->kernel->vector;
    return g->oc <= vector && 7 * g->w.out > 6 * g->oc * size_divide_up(g->w.out, vector);
}

static struct planar planar_init(const struct conv2d *g, int threads, void *workspace, size_t *bytes)
{
    struct planar p = {.g = g,
                       .line = g->w.pad + g->w.in + g->w.pad_end,
                       .block = 2 * g->kernel->vector,
                       .weights = g->c * g->h.kernel * g->w.kernel,
                       .turned = is_turned(g)};
    size_t channels = size_divide_up(g->oc, p.block) * p.block;
    p.plane = (g->h.pad + g->h.in + g->h.pad_end) * p.line;
    /* turned tiles read whole registers, beyond the last row too */
    p.thread_floats = size_divide_up(g->c * p.plane + COLUMNS_MAX, LINE_FLOATS) * LINE_FLOATS;
    struct workspace w = {.memory = workspace};
    p.planes = workspace_take(&w, (size_t)threads * p.thread_floats * sizeof *p.planes);
    p.runs = workspace_take(&w, g->c * g->h.kernel * sizeof *p.runs);
    p.packed = workspace_take(&w, p.weights * channels * sizeof *p.packed);
    p.bias = workspace_take(&w, channels * sizeof *p.bias);
    *bytes = w.used;
    return p;
}

bool conv2d_planar_fits(const struct conv2d *g)
{
    size_t rows = g->h.pad + g->h.in + g->h.pad_end, line = g->w.pad + g->w.in + g->w.pad_end;
    bool fills = is_turned(g) ? g->c <= CHANNELS : g->c == 1 && 2 * g->w.out >= g->kernel->rows;
    return fills && g->groups == 1 && g->w.stride == 1 && g->c * rows * line * sizeof(float) <= PLANES_BYTES;
}

size_t conv2d_planar_workspace(const struct conv2d *g, int threads)
{
    size_t bytes;
    planar_init(g, threads, NULL, &bytes);
    return bytes;
}

/* One thread's planes, for their padding. */
static void planes_clear(const void *work, size_t index, size_t thread)
{
    const struct planar *p = work;
    (void)thread;
    memset(p->planes + index * p->thread_floats, 0, p->thread_floats * sizeof *p->planes);
}

/* What the output rows first .. last-1 read of an image, into planes whose padding is zero already. */
static void copy_rows(const struct planar *p, const float *x, size_t first, size_t last, float *planes)
{
    const struct conv2d *g = p->g;
    size_t end = size_min((last - 1) * g->h.stride + window_span(&g->h), g->h.pad + g->h.in);
    for (size_t row = size_max(first * g->h.stride, g->h.pad); row < end; row++) {
        const float *from = x + (row - g->h.pad) * g->w.in * g->c;
        float *to = planes + row * p->line + g->w.pad;
        if (g->c == 1)
            memcpy(to, from, g->w.in * sizeof *to);
        else
            transpose(from, g->c, 1, to, p->plane, g->w.in, g->c);
    }
}

/* A row of outputs: tiles are pixels times channels. */
static void row_compute(const struct planar *p, const float *row, float *y)
{
    const struct conv2d *g = p->g;
    size_t tiles = size_divide_up(g->w.out, g->kernel->rows);
    struct tile_product product = p->product;
    float *c[TILE_ROWS_MAX];
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t start = size_cut(g->w.out, tiles, tile), pixels = size_cut(g->w.out, tiles, tile + 1) - start;
        const float *a = row + start;
        for (size_t first = 0; first < g->oc; first += p->block) {
            for (size_t m = 0; m < pixels; m++)
                c[m] = y + (start + m) * g->oc + first;
            product.bias = p->bias + first;
            g->kernel->product(&product, pixels, size_min(p->block, g->oc - first), &a,
                               p->packed + first * p->weights, c);
        }
    }
}

/* A row of outputs: tiles are channels times pixels. */
static void row_compute_turned(const struct planar *p, const float *row, float *y)
{
    const struct conv2d *g = p->g;
    size_t width = 2 * g->kernel->vector, parts = size_divide_up(g->oc, g->kernel->rows);
    float tile[TILE_VECTOR_MAX * COLUMNS_MAX] __attribute__((aligned(64)));
    float *c[TILE_VECTOR_MAX];
    for (size_t o = 0; o < g->oc; o++)
        c[o] = tile + o * COLUMNS_MAX;
    for (size_t start = 0; start < g->w.out; start += width) {
        size_t columns = size_min(width, g->w.out - start);
        for (size_t o = 0; o < g->oc; o++)
            for (size_t k = 0; k < COLUMNS_MAX; k++)
                c[o][k] = p->bias[o];
        for (size_t part = 0; part < parts; part++) {
            size_t first = size_cut(g->oc, parts, part), rows = size_cut(g->oc, parts, part + 1) - first;
            const float *a = p->packed + first;
            g->kernel->product(&p->product, rows, columns, &a, row + start, c + first);
        }
        transpose(tile, COLUMNS_MAX, 1, y + start * g->oc, g->oc, g->oc, columns);
    }
}

static void band_compute(const void *work, size_t index, size_t thread)
{
    const struct planar *p = work;
    const struct conv2d *g = p->g;
    size_t image = index / p->bands, first = index % p->bands * p->band_rows,
           last = size_min(first + p->band_rows, g->h.out);
    float *planes = p->planes + thread * p->thread_floats;
    copy_rows(p, p->x + image * g->h.in * g->w.in * g->c, first, last, planes);
    for (size_t row = first; row < last; row++)
        (p->turned ? row_compute_turned : row_compute)(p, planes + row * g->h.stride * p->line,
                                                       p->y + (image * g->h.out + row) * g->w.out * g->oc);
}

/* Weights and bias; channels that there are not get zeros. */
static void pack(const struct planar *p, const float *weight, const float *bias)
{
    size_t oc = p->g->oc, channels = size_divide_up(oc, p->block) * p->block;
    memset(p->packed, 0, p->weights * channels * sizeof *p->packed);
    memset(p->bias, 0, channels * sizeof *p->bias);
    for (size_t first = 0; first < oc; first += p->block)
        transpose(weight + first * p->weights, p->weights, 1, p->packed + first * p->weights, p->block,
                  size_min(p->block, oc - first), p->weights);
    if (bias)
        memcpy(p->bias, bias, oc * sizeof *bias);
}

/* The offsets of a run's weights and pixels are the operands' in one order or the other. */
static void plan_runs(struct planar *p, const struct conv2d_epilogue *epilogue)
{
    const struct conv2d *g = p->g;
    for (size_t i = 0; i < g->c; i++)
        for (size_t ky = 0; ky < g->h.kernel; ky++) {
            size_t weights = (i * g->h.kernel + ky) * g->w.kernel * p->block,
                   pixels = i * p->plane + ky * g->h.dilation * p->line;
            p->runs[i * g->h.kernel + ky] = p->turned ? (struct tile_run){weights, pixels, g->w.kernel}
                                                      : (struct tile_run){pixels, weights, g->w.kernel};
        }
    p->product = (struct tile_product){.runs = p->runs,
                                       .run_count = g->c * g->h.kernel,
                                       .a_step = p->turned ? p->block : g->w.dilation,
                                       .b_step = p->turned ? g->w.dilation : p->block,
                                       .adjacent = true,
                                       .accumulate = p->turned,
                                       .relu = epilogue->relu};
}

void conv2d_planar_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                           const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads)
{
    size_t bytes, wanted = parallel_enough(threads);
    struct planar p = planar_init(g, threads, workspace, &bytes);
    p.x = x;
    p.y = y;
    p.band_rows = size_divide_up(g->h.out, size_min(g->h.out, size_divide_up(wanted, n)));
    p.bands = size_divide_up(g->h.out, p.band_rows);
    pack(&p, weight, epilogue->bias);
    plan_runs(&p, epilogue);
    parallel_for((size_t)threads, threads, planes_clear, &p);
    parallel_for(n * p.bands, threads, band_compute, &p);
}
