#include "im2col.h"

#include "core/kernels/gemm.h"

#include <omp.h>
#include <string.h>

enum {
    TILE_FLOATS = 64 * 1024, /* columns and outputs of a tile: a quarter of a 1 MiB cache */
    TILES_MIN = 16,          /* so that few images still make work for several threads */
    OUT_BLOCK = 128,         /* output channels of a task of weight gradients */
    PARTIALS_MAX = 16,       /* parts in which weight gradients are summed */
    PARTIAL_FLOATS = 4 * 1024 * 1024,
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What follows from the shapes. */
struct sizes {
    size_t depth;     /* of the product: kh * kw * c/groups */
    size_t group_out; /* oc / groups */
    size_t weights;   /* depth * oc */
    size_t rows;      /* output rows: n * oh */
    size_t tile_rows; /* output rows in a tile */
    size_t tiles;
    size_t partials, tiles_per_partial;
    size_t partials_most; /* never fewer for more rows, as `partials` may be: what workspace is taken for */
    bool pointwise;       /* 1x1, stride 1, no padding: x itself is the matrix of columns */
};

static struct sizes im2col_sizes(const struct conv2d *g, size_t n)
{
    struct sizes s = {.depth = g->h.kernel * g->w.kernel * (g->c / g->groups),
                      .group_out = g->oc / g->groups};
    s.pointwise = g->h.kernel == 1 && g->w.kernel == 1 && g->h.stride == 1 && g->w.stride == 1 &&
                  g->h.pad == 0 && g->w.pad == 0 && g->h.pad_end == 0 && g->w.pad_end == 0;
    s.weights = s.depth * g->oc;
    s.rows = n * g->h.out;
    s.tile_rows =
        min_size(TILE_FLOATS / (g->w.out * (s.depth + g->oc)), (s.rows + TILES_MIN - 1) / TILES_MIN);
    s.tile_rows += s.tile_rows == 0;
    s.tiles = (s.rows + s.tile_rows - 1) / s.tile_rows;
    size_t partials = PARTIAL_FLOATS / s.weights;
    partials = min_size(partials < 2 ? 2 : partials, PARTIALS_MAX);
    s.tiles_per_partial = (s.tiles + partials - 1) / partials;
    s.partials = (s.tiles + s.tiles_per_partial - 1) / s.tiles_per_partial;
    s.partials_most = min_size(partials, s.rows);
    return s;
}

/* The workspace: packed weights, then partial weight and bias gradients, then one matrix of columns per
 * thread. */
struct workspace {
    float *packed, *partials, *columns;
    size_t partial_floats, column_floats;
};

static size_t round_floats(size_t count)
{
    return (count + 15) / 16 * 16;
}

static struct workspace im2col_layout(const struct conv2d *g, const struct sizes *s, void *memory)
{
    struct workspace w = {.partial_floats = round_floats(s->weights + g->oc),
                          .column_floats = round_floats(s->tile_rows * g->w.out * s->depth)};
    w.packed = memory;
    if (memory) {
        w.partials = w.packed + round_floats(s->weights);
        w.columns = w.partials + s->partials * w.partial_floats;
    }
    return w;
}

size_t im2col_workspace(const struct conv2d *g, size_t n, int threads)
{
    struct sizes s = im2col_sizes(g, n);
    struct workspace w = im2col_layout(g, &s, NULL);
    return sizeof(float) *
           (round_floats(s.weights) + s.partials_most * w.partial_floats + (size_t)threads * w.column_floats);
}

/* Where weight (o, i, ky, kx) lies when packed: (group, ky, kx, i, o within the group). */
static size_t packed_index(const struct conv2d *g, const struct sizes *s, size_t o, size_t i, size_t k)
{
    size_t group = o / s->group_out, group_in = g->c / g->groups;
    return (group * s->depth + k * group_in + i) * s->group_out + o % s->group_out;
}

static void pack(const struct conv2d *g, const struct sizes *s, const float *weight, float *packed,
                 int threads)
{
    size_t group_in = g->c / g->groups, taps = g->h.kernel * g->w.kernel;
#pragma omp parallel for num_threads(threads) schedule(static) if (s->weights > 16384)
    for (size_t o = 0; o < g->oc; o++)
        for (size_t i = 0; i < group_in; i++)
            for (size_t k = 0; k < taps; k++)
                packed[packed_index(g, s, o, i, k)] = weight[(o * group_in + i) * taps + k];
}

/* One output row's columns for channels first .. first+count-1: (ow, kh, kw, count). `image` is the row's
 * image. */
static void im2col_row(const struct conv2d *g, const float *image, size_t oy, size_t first, size_t count,
                       float *columns)
{
    size_t run = g->w.kernel * count;
    struct window_range rows = window_inside(&g->h, oy);
    bool contiguous = g->w.dilation == 1 && count == g->c;
    for (size_t ox = 0; ox < g->w.out; ox++) {
        struct window_range cols = window_inside(&g->w, ox);
        for (size_t ky = 0; ky < g->h.kernel; ky++, columns += run) {
            if (ky < rows.first || ky >= rows.last || cols.first == cols.last) {
                memset(columns, 0, run * sizeof *columns);
                continue;
            }
            const float *line = image + window_input(&g->h, oy, ky) * g->w.in * g->c + first;
            for (size_t e = 0; e < cols.first * count; e++)
                columns[e] = 0;
            if (contiguous) {
                const float *from = line + window_input(&g->w, ox, cols.first) * g->c;
                float *to = columns + cols.first * count;
                size_t floats = (cols.last - cols.first) * count;
                for (size_t e = 0; e < floats; e++)
                    to[e] = from[e];
            } else {
                for (size_t kx = cols.first; kx < cols.last; kx++)
                    for (size_t e = 0; e < count; e++)
                        columns[kx * count + e] = line[window_input(&g->w, ox, kx) * g->c + e];
            }
            for (size_t e = cols.last * count; e < run; e++)
                columns[e] = 0;
        }
    }
}

/* Adds columns as above back to where they came from. */
static void col2im_row(const struct conv2d *g, float *image, size_t oy, size_t first, size_t count,
                       const float *columns)
{
    size_t run = g->w.kernel * count;
    struct window_range rows = window_inside(&g->h, oy);
    bool contiguous = g->w.dilation == 1 && count == g->c;
    for (size_t ox = 0; ox < g->w.out; ox++, columns += g->h.kernel * run) {
        struct window_range cols = window_inside(&g->w, ox);
        if (cols.first == cols.last)
            continue;
        for (size_t ky = rows.first; ky < rows.last; ky++) {
            float *line = image + window_input(&g->h, oy, ky) * g->w.in * g->c + first;
            const float *from = columns + ky * run;
            if (contiguous) {
                float *to = line + window_input(&g->w, ox, cols.first) * g->c;
                size_t floats = (cols.last - cols.first) * count;
                from += cols.first * count;
                for (size_t e = 0; e < floats; e++)
                    to[e] += from[e];
            } else {
                for (size_t kx = cols.first; kx < cols.last; kx++)
                    for (size_t e = 0; e < count; e++)
                        line[window_input(&g->w, ox, kx) * g->c + e] += from[kx * count + e];
            }
        }
    }
}

/* The matrix of columns of output rows first .. first+count-1 (counted over all images) for one group, and
 * its row stride. */
static const float *columns_of(const struct conv2d *g, const struct sizes *s, const float *x, size_t first,
                               size_t count, size_t group, float *columns, size_t *stride)
{
    size_t group_in = g->c / g->groups;
    if (s->pointwise) {
        *stride = g->c;
        return x + first * g->w.in * g->c + group * group_in;
    }
    for (size_t r = 0; r < count; r++)
        im2col_row(g, x + (first + r) / g->h.out * g->h.in * g->w.in * g->c, (first + r) % g->h.out,
                   group * group_in, group_in, columns + r * g->w.out * s->depth);
    *stride = s->depth;
    return columns;
}

void im2col_forward(const struct conv2d *g, size_t n, const float *x, const float *weight, const float *bias,
                    float *y, void *workspace, int threads)
{
    struct sizes s = im2col_sizes(g, n);
    struct workspace w = im2col_layout(g, &s, workspace);
    pack(g, &s, weight, w.packed, threads);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t tile = 0; tile < s.tiles; tile++) {
        size_t first = tile * s.tile_rows, rows = min_size(s.tile_rows, s.rows - first),
               pixels = rows * g->w.out;
        float *out = y + first * g->w.out * g->oc;
        for (size_t p = 0; bias && p < pixels; p++)
            memcpy(out + p * g->oc, bias, g->oc * sizeof *bias);
        for (size_t group = 0; group < g->groups; group++) {
            size_t stride;
            const float *columns =
                columns_of(g, &s, x, first, rows, group,
                           w.columns + (size_t)omp_get_thread_num() * w.column_floats, &stride);
            gemm(false, false, pixels, s.group_out, s.depth, columns, stride,
                 w.packed + group * s.depth * s.group_out, s.group_out, bias ? 1 : 0,
                 out + group * s.group_out, g->oc);
        }
    }
}

/* dx of one image, tile by tile. */
static void image_backward_input(const struct conv2d *g, const struct sizes *s, const float *dy,
                                 const float *packed, float *dx, float *columns)
{
    size_t group_in = g->c / g->groups;
    memset(dx, 0, g->h.in * g->w.in * g->c * sizeof *dx);
    for (size_t first = 0; first < g->h.out; first += s->tile_rows) {
        size_t rows = min_size(s->tile_rows, g->h.out - first);
        for (size_t group = 0; group < g->groups; group++) {
            gemm(false, true, rows * g->w.out, s->depth, s->group_out,
                 dy + first * g->w.out * g->oc + group * s->group_out, g->oc,
                 packed + group * s->depth * s->group_out, s->group_out, 0, columns, s->depth);
            for (size_t r = 0; r < rows; r++)
                col2im_row(g, dx, first + r, group * group_in, group_in, columns + r * g->w.out * s->depth);
        }
    }
}

void im2col_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight, float *dx,
                           void *workspace, int threads)
{
    struct sizes s = im2col_sizes(g, n);
    struct workspace w = im2col_layout(g, &s, workspace);
    size_t group_in = g->c / g->groups;
    pack(g, &s, weight, w.packed, threads);
    if (s.pointwise) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (size_t tile = 0; tile < s.tiles; tile++) {
            size_t first = tile * s.tile_rows, rows = min_size(s.tile_rows, s.rows - first);
            for (size_t group = 0; group < g->groups; group++)
                gemm(false, true, rows * g->w.out, group_in, s.group_out,
                     dy + first * g->w.out * g->oc + group * s.group_out, g->oc,
                     w.packed + group * s.depth * s.group_out, s.group_out, 0,
                     dx + first * g->w.in * g->c + group * group_in, g->c);
        }
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < n; i++)
        image_backward_input(g, &s, dy + i * g->h.out * g->w.out * g->oc, w.packed,
                             dx + i * g->h.in * g->w.in * g->c,
                             w.columns + (size_t)omp_get_thread_num() * w.column_floats);
}

/* One part of the tiles, for output channels first .. first+count-1 of every group: their columns of packed
 * weight gradients, and their bias gradients. */
static void part_backward_weight(const struct conv2d *g, const struct sizes *s, const float *x,
                                 const float *dy, size_t part, size_t first, size_t count, float *dpacked,
                                 float *columns)
{
    size_t begin = part * s->tiles_per_partial, end = min_size(begin + s->tiles_per_partial, s->tiles);
    for (size_t group = 0; group < g->groups; group++) {
        size_t channel = group * s->group_out + first;
        float *dbias = dpacked + s->weights + channel;
        memset(dbias, 0, count * sizeof *dbias);
        for (size_t tile = begin; tile < end; tile++) {
            size_t row = tile * s->tile_rows, rows = min_size(s->tile_rows, s->rows - row), stride;
            size_t pixels = rows * g->w.out;
            const float *from = dy + row * g->w.out * g->oc + channel;
            const float *matrix = columns_of(g, s, x, row, rows, group, columns, &stride);
            for (size_t p = 0; p < pixels; p++)
                for (size_t o = 0; o < count; o++)
                    dbias[o] += from[p * g->oc + o];
            gemm(true, false, s->depth, count, pixels, matrix, stride, from, g->oc, tile == begin ? 0 : 1,
                 dpacked + group * s->depth * s->group_out + first, s->group_out);
        }
    }
}

void im2col_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads)
{
    struct sizes s = im2col_sizes(g, n);
    struct workspace w = im2col_layout(g, &s, workspace);
    size_t group_in = g->c / g->groups, taps = g->h.kernel * g->w.kernel;
    size_t blocks = (s.group_out + OUT_BLOCK - 1) / OUT_BLOCK;
#pragma omp parallel num_threads(threads)
    {
        float *columns = w.columns + (size_t)omp_get_thread_num() * w.column_floats;
#pragma omp for schedule(dynamic)
        for (size_t task = 0; task < s.partials * blocks; task++) {
            size_t part = task / blocks, first = task % blocks * OUT_BLOCK;
            part_backward_weight(g, &s, x, dy, part, first, min_size(OUT_BLOCK, s.group_out - first),
                                 w.partials + part * w.partial_floats, columns);
        }
#pragma omp for schedule(static)
        for (size_t o = 0; o < g->oc; o++) {
            for (size_t i = 0; i < group_in; i++) {
                for (size_t k = 0; k < taps; k++) {
                    float sum = 0;
                    for (size_t part = 0; part < s.partials; part++)
                        sum += w.partials[part * w.partial_floats + packed_index(g, &s, o, i, k)];
                    dweight[(o * group_in + i) * taps + k] += sum;
                }
            }
            float sum = 0;
            for (size_t part = 0; part < s.partials; part++)
                sum += w.partials[part * w.partial_floats + s.weights + o];
            if (dbias)
                dbias[o] += sum;
        }
    }
}
