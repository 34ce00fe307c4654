#include "core/kernels/conv2d_weight_few.h"

#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

#include <string.h>

enum {
    CHANNELS = 8,            /* fewer are few */
    PARTS = 16,              /* of the images, wanted over all groups */
    CHUNK_BYTES = 24 * 1024, /* of copies, half a first-level cache */
};

struct few {
    const struct conv2d *g;
    size_t n, depth, width; /* input and output channels of a group */
    const float *x, *dy;
    float *dweight, *dbias;
    bool direct;                /* output gradients are read where they lie, but for the last ones of all */
    size_t overhang;            /* floats that whole registers read behind the columns */
    size_t pixels;              /* P */
    size_t taps_w, rows;        /* kernel columns with those of the neighbours; kh * taps_w * depth */
    size_t block_width, blocks; /* of the P * width columns */
    size_t parts, part_images;
    size_t band_rows;       /* output rows copied at a time */
    size_t x_line, dy_line; /* floats of a row of the copies */
    size_t x_floats, dy_floats, sum_floats;
    float *x_copies, *ones; /* (thread); as long as one of them */
    float *dy_copies;       /* (thread) */
    float *sums;            /* (group, part): (block, rows + 1, block_width), the last row for the bias */
    struct tile_run *runs;  /* (thread, band_rows) */
};

bool conv2d_weight_few_fits(const struct conv2d *g)
{
    return g->c / g->groups < CHANNELS;
}

/* Registers' multiply-adds for a pixel, with so many pixels side by side. */
static double cost(const struct few *p, size_t pixels)
{
    size_t rows = p->g->h.kernel * (p->g->w.kernel + (pixels - 1) * p->g->w.stride) * p->depth;
    return (double)(rows * tile_width(p->g->kernel, pixels * p->width)) / (double)pixels;
}

static void choose_pixels(struct few *p)
{
    p->pixels = 1;
    if (p->g->w.dilation > 1)
        return;
    for (size_t pixels = 2; pixels * p->width <= 2 * p->g->kernel->vector && pixels <= p->g->w.out; pixels++)
        if (cost(p, pixels) < cost(p, p->pixels))
            p->pixels = pixels;
}

static struct few few_init(const struct conv2d *g, size_t n, int threads, void *workspace, size_t *bytes)
{
    struct few p = {.g = g, .n = n, .depth = g->c / g->groups, .width = g->oc / g->groups};
    size_t most = g->is_part ? 1 : size_max(1, PARTS / g->groups), vectors = 2 * g->kernel->vector;
    choose_pixels(&p);
    p.taps_w = g->w.kernel + (p.pixels - 1) * g->w.stride;
    p.rows = g->h.kernel * p.taps_w * p.depth;
    p.block_width = vectors;
    p.blocks = size_divide_up(p.pixels * p.width, p.block_width);
    p.overhang =
        size_divide_up(p.pixels * p.width, g->kernel->vector) * g->kernel->vector - p.pixels * p.width;
    p.part_images = size_divide_up(n, size_min(most, n));
    p.parts = size_divide_up(n, p.part_images);
    size_t steps = size_divide_up(g->w.out, p.pixels); /* of P pixels, in a row */
    p.x_line = ((steps * p.pixels - 1) * g->w.stride + window_span(&g->w)) * p.depth;
    p.dy_line = steps * p.pixels * p.width;
    size_t row_bytes = (p.x_line * g->h.stride + p.dy_line) * sizeof(float);
    p.band_rows = size_min(size_max(1, CHUNK_BYTES / row_bytes), g->h.out);
    p.x_floats = ((p.band_rows - 1) * g->h.stride + window_span(&g->h)) * p.x_line;
    p.dy_floats = p.band_rows * p.dy_line + vectors; /* a register more may be read */
    p.sum_floats = p.blocks * (p.rows + 1) * p.block_width;
    p.direct = g->groups == 1 && g->w.out % p.pixels == 0;
    struct workspace w = {.memory = workspace};
    p.x_copies = workspace_take(&w, (size_t)threads * p.x_floats * sizeof *p.x_copies);
    p.ones = workspace_take(&w, p.x_floats * sizeof *p.ones);
    p.dy_copies = workspace_take(&w, (size_t)threads * p.dy_floats * sizeof *p.dy_copies);
    p.sums = workspace_take(&w, size_min(most, n) * g->groups * p.sum_floats * sizeof *p.sums);
    p.runs = workspace_take(&w, (size_t)threads * p.band_rows * sizeof *p.runs);
    *bytes = w.used;
    return p;
}

size_t conv2d_weight_few_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t bytes;
    few_init(g, n, threads, NULL, &bytes);
    return bytes;
}

static float *sums_at(const struct few *p, size_t group, size_t part)
{
    return p->sums + (group * p->parts + part) * p->sum_floats;
}

/* `count` floats of each of `pixels`. */
static void copy_pixels(size_t pixels, size_t count, const float *from, size_t from_pixel, float *to)
{
    if (count == from_pixel)
        memcpy(to, from, pixels * count * sizeof *to);
    else
        for (size_t i = 0; i < pixels; i++)
            for (size_t k = 0; k < count; k++)
                to[i * count + k] = from[i * from_pixel + k];
}

/* What output rows first .. last-1 read. Nothing that no output reads: it may be not finite. */
static void copy_input(const struct few *p, size_t first, size_t last, const float *x, float *copy)
{
    const struct window *h = &p->g->h, *w = &p->g->w;
    size_t begin = first * h->stride, end = (last - 1) * h->stride + window_span(h);
    size_t reach = (w->out - 1) * w->stride + window_span(w); /* in the padded row */
    size_t pad = size_min(w->pad, reach), columns = size_min(reach - pad, w->in);
    for (size_t row = begin; row < end; row++, copy += p->x_line) {
        size_t behind = (pad + columns) * p->depth;
        if (row < h->pad || row - h->pad >= h->in) {
            memset(copy, 0, p->x_line * sizeof *copy);
            continue;
        }
        memset(copy, 0, pad * p->depth * sizeof *copy);
        copy_pixels(columns, p->depth, x + (row - h->pad) * w->in * p->g->c, p->g->c, copy + pad * p->depth);
        memset(copy + behind, 0, (p->x_line - behind) * sizeof *copy);
    }
}

static void copy_gradient(const struct few *p, size_t first, size_t last, const float *dy, float *copy)
{
    size_t count = p->g->w.out * p->width;
    for (size_t row = first; row < last; row++, copy += p->dy_line) {
        copy_pixels(p->g->w.out, p->width, dy + row * p->g->w.out * p->g->oc, p->g->oc, copy);
        memset(copy + count, 0, (p->dy_line - count) * sizeof *copy);
    }
}

/* Adds to a block's sums what the runs give, for all (ky, kx, i) and, in the last tile, a row of ones for the
 * bias. The rows of one ky lie side by side in x; where they fill tiles of their own, these need but one
 * address. */
static void block_add(const struct few *p, struct tile_product *product, size_t columns, const float *x,
                      const float *dy, float *sums)
{
    const struct conv2d *g = p->g;
    size_t line = p->taps_w * p->depth;
    bool by_line = line >= 2 * g->kernel->rows && g->w.dilation == 1;
    size_t segment = by_line ? line : p->rows, tiles = size_divide_up(segment, g->kernel->rows - 1);
    size_t all = p->rows / segment * tiles;
    for (size_t k = 0; k < all; k++) {
        const float *a[TILE_ROWS_MAX];
        float *c[TILE_ROWS_MAX];
        size_t first = size_cut(segment, tiles, k % tiles);
        size_t count = size_cut(segment, tiles, k % tiles + 1) - first, row = k / tiles * segment + first;
        for (size_t m = 0; m < count; m++) {
            size_t i = (row + m) % p->depth, tap = (row + m) / p->depth;
            a[m] = x + tap / p->taps_w * g->h.dilation * p->x_line +
                   tap % p->taps_w * g->w.dilation * p->depth + i;
            c[m] = sums + (row + m) * p->block_width;
        }
        product->adjacent = by_line && k + 1 < all;
        if (k + 1 == all) {
            a[count] = p->ones;
            c[count++] = sums + p->rows * p->block_width;
        }
        g->kernel->product(product, count, columns, a, dy, c);
    }
}

/* Adds what rows first .. last-1 of an image give to the sums. */
static void band_add(const struct few *p, size_t thread, size_t group, size_t image, size_t first,
                     size_t last, float *sums)
{
    const struct conv2d *g = p->g;
    size_t columns = p->pixels * p->width;
    float *x = p->x_copies + thread * p->x_floats, *dy_copy = p->dy_copies + thread * p->dy_floats;
    const float *dy = p->dy + image * g->h.out * g->w.out * g->oc + group * p->width;
    struct tile_run *runs = p->runs + thread * p->band_rows;
    copy_input(p, first, last, p->x + image * g->h.in * g->w.in * g->c + group * p->depth, x);
    size_t behind = ((p->n - image) * g->h.out - last) * g->w.out * g->oc; /* in the array */
    if (p->direct && behind >= p->overhang) {
        dy += first * p->dy_line;
    } else {
        copy_gradient(p, first, last, dy, dy_copy);
        dy = dy_copy;
    }
    for (size_t row = 0; row < last - first; row++)
        runs[row] = (struct tile_run){row * g->h.stride * p->x_line, row * p->dy_line, p->dy_line / columns};
    struct tile_product product = {.runs = runs,
                                   .run_count = last - first,
                                   .a_step = p->pixels * g->w.stride * p->depth,
                                   .b_step = columns,
                                   .accumulate = true};
    for (size_t block = 0; block < p->blocks; block++)
        block_add(p, &product, size_min(p->block_width, columns - block * p->block_width), x,
                  dy + block * p->block_width, sums + block * (p->rows + 1) * p->block_width);
}

static void part_compute(const void *work, size_t task, size_t thread)
{
    const struct few *p = work;
    size_t group = task / p->parts, part = task % p->parts;
    float *sums = sums_at(p, group, part);
    memset(sums, 0, p->sum_floats * sizeof *sums);
    for (size_t i = part * p->part_images; i < size_min((part + 1) * p->part_images, p->n); i++)
        for (size_t row = 0; row < p->g->h.out; row += p->band_rows)
            band_add(p, thread, group, i, row, size_min(row + p->band_rows, p->g->h.out), sums);
}

/* Column q * width + o of a row of the sums. */
static float sum_of(const struct few *p, const float *sums, size_t row, size_t q, size_t o)
{
    size_t column = q * p->width + o, block = column / p->block_width;
    return sums[(block * (p->rows + 1) + row) * p->block_width + column % p->block_width];
}

/* Adds a group's parts up, in the first one. */
static void add_parts(const void *work, size_t group, size_t thread)
{
    const struct few *p = work;
    float *restrict sums = sums_at(p, group, 0);
    (void)thread;
    for (size_t part = 1; part < p->parts; part++) {
        const float *restrict other = sums_at(p, group, part);
        for (size_t i = 0; i < p->sum_floats; i++)
            sums[i] += other[i];
    }
}

static bool sums_are_finite(const struct few *p)
{
    int bad = 0; /* not a bool, and no early end: so that the compiler uses vectors */
    for (size_t group = 0; group < p->g->groups; group++) {
        const float *sums = sums_at(p, group, 0);
        for (size_t i = 0; i < p->sum_floats; i++)
            bad |= sums[i] - sums[i] != 0;
    }
    return !bad;
}

/* Adds to a group's weights what belongs to them of the sums. */
static void hand_over(const void *work, size_t group, size_t thread)
{
    const struct few *p = work;
    const struct conv2d *g = p->g;
    const float *sums = sums_at(p, group, 0);
    float *dweight = p->dweight + group * p->width * p->depth * g->h.kernel * g->w.kernel;
    (void)thread;
    for (size_t o = 0; o < p->width; o++) {
        for (size_t i = 0; i < p->depth; i++)
            for (size_t ky = 0; ky < g->h.kernel; ky++)
                for (size_t kx = 0; kx < g->w.kernel; kx++, dweight++)
                    for (size_t q = 0; q < p->pixels; q++)
                        *dweight +=
                            sum_of(p, sums, (ky * p->taps_w + kx + q * g->w.stride) * p->depth + i, q, o);
        for (size_t q = 0; p->dbias && q < p->pixels; q++)
            p->dbias[group * p->width + o] += sum_of(p, sums, p->rows, q, o);
    }
}

bool conv2d_weight_few(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                       float *dbias, void *workspace, int threads)
{
    size_t bytes;
    struct few p = few_init(g, n, threads, workspace, &bytes);
    p.x = x;
    p.dy = dy;
    p.dweight = dweight;
    p.dbias = dbias;
    for (size_t i = 0; i < p.x_floats; i++)
        p.ones[i] = 1;
    parallel_for(g->groups * p.parts, threads, part_compute, &p);
    parallel_for(g->groups, threads, add_parts, &p);
    if (!sums_are_finite(&p))
        return false;
    parallel_for(g->groups, threads, hand_over, &p);
    return true;
}
