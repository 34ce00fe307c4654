#include "core/kernels/axis.h"
#include "core/kernels/conv2d.h"

#include <omp.h>
#include <string.h>

enum {
    CHUNK_PIXELS = 128,      /* at one go, so that they stay in the caches for all kernel positions */
    CHUNK_PIXELS_FEW = 1024, /* with few input channels */
    FEW_CHANNELS = 8,        /* fewer are put into one tile with those of other kernel positions */
    TASKS = 16,              /* wanted */
    UNIT_CHANNELS = 16,      /* input channels that are handed over at a time */
    PLACE_BYTES = 1024,      /* output pixels closer than that are read where they lie */
};

struct pass {
    const struct conv2d *g;
    const struct tile_kernel *kernel;
    size_t n;
    size_t depth, width; /* input and output channels of a group */
    size_t blocks, block_width, taps;
    size_t chunk_images, bands, band_rows, chunks; /* a chunk: images, or a band of output rows of one */
    size_t parts, part_chunks;
    struct axis_class *rows, *columns;
    size_t row_classes, column_classes;
    struct window_range *tap_rows, *tap_columns; /* outputs that a kernel position is inside for */
    float *sums;   /* (part, group, block): weights (tap, depth, tile_width), then bias (block_width) */
    float *packed; /* (thread): output gradients of a chunk (pixel, block_width) */
    struct tile_run *runs; /* (thread) */
    size_t sum_floats, packed_floats, run_count;
};

/* What a thread works on: a chunk's pixels, one block of output channels of one group. */
struct chunk {
    size_t image, images, first_row, last_row;
    size_t columns, width;
    const float *x;            /* first image, first channel of the group */
    const float *dy;           /* first pixel of the chunk, first channel of the block */
    size_t dy_pixel, dy_image; /* strides */
    float *sum;
    struct tile_run *runs;
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static void *take(char **memory, size_t *used, size_t bytes)
{
    void *taken = *memory ? *memory + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return taken;
}

/* How the work is cut: by the shapes and n only, for the order of the sums depends on it. */
static void plan_chunks(struct pass *p)
{
    const struct conv2d *g = p->g;
    size_t n = p->n, pixels = g->h.out * g->w.out,
           wanted = p->depth < FEW_CHANNELS ? CHUNK_PIXELS_FEW : CHUNK_PIXELS;
    p->chunk_images = max_size(1, min_size(wanted / pixels, n));
    p->band_rows = pixels <= wanted ? g->h.out : max_size(1, wanted / g->w.out);
    p->bands = divide_up(g->h.out, p->band_rows);
    p->chunks = divide_up(n, p->chunk_images) * p->bands;
    size_t parts = min_size(max_size(1, TASKS / (g->groups * p->blocks)), p->chunks);
    p->part_chunks = divide_up(p->chunks, parts);
    p->parts = divide_up(p->chunks, p->part_chunks);
}

static struct pass pass_init(const struct conv2d *g, size_t n, int threads, void *workspace, size_t *bytes)
{
    struct pass p = {.g = g,
                     .kernel = g->kernel,
                     .n = n,
                     .depth = g->c / g->groups,
                     .width = g->oc / g->groups,
                     .block_width = 2 * g->kernel->vector,
                     .taps = g->h.kernel * g->w.kernel};
    p.blocks = divide_up(p.width, p.block_width);
    plan_chunks(&p);
    /* so much for fewer images too, that may be cut into more parts */
    size_t parts_most = min_size(max_size(1, TASKS / (g->groups * p.blocks)), n * p.bands);
    size_t rows = p.chunk_images * p.band_rows;
    p.sum_floats = (p.taps * p.depth + 1) * p.block_width;
    p.packed_floats = rows * g->w.out * p.block_width;
    p.run_count = rows;
    char *memory = workspace;
    *bytes = 0;
    p.rows = take(&memory, bytes, g->h.out * sizeof *p.rows);
    p.columns = take(&memory, bytes, g->w.out * sizeof *p.columns);
    p.tap_rows = take(&memory, bytes, g->h.kernel * sizeof *p.tap_rows);
    p.tap_columns = take(&memory, bytes, g->w.kernel * sizeof *p.tap_columns);
    p.sums = take(&memory, bytes, parts_most * g->groups * p.blocks * p.sum_floats * sizeof *p.sums);
    p.packed = take(&memory, bytes, (size_t)threads * p.packed_floats * sizeof *p.packed);
    p.runs = take(&memory, bytes, (size_t)threads * p.run_count * sizeof *p.runs);
    return p;
}

size_t conv2d_backward_weight_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t bytes;
    pass_init(g, n, threads, NULL, &bytes);
    return bytes;
}

static float *sums_at(const struct pass *p, size_t part, size_t group, size_t block)
{
    return p->sums + ((part * p->g->groups + group) * p->blocks + block) * p->sum_floats;
}

/* Outputs that are inside the image with these kernel positions, and the positions. */
struct patch {
    size_t first_row, last_row, first_column, last_column;
    size_t tap_y, taps_y, tap_x, taps_x;
};

/* The pixels of a patch within a chunk, as runs; those that go on where the last one ends are joined. */
static size_t patch_runs(const struct pass *p, const struct chunk *c, const struct patch *patch)
{
    const struct conv2d *g = p->g;
    size_t count = 0, line = g->w.in * g->c, length = patch->last_column - patch->first_column;
    size_t first = max_size(patch->first_row, c->first_row), last = min_size(patch->last_row, c->last_row);
    if (length == 0)
        return 0;
    for (size_t image = 0; image < c->images; image++) {
        for (size_t y = first; y < last; y++) {
            size_t a = image * g->h.in * line + window_input(&g->h, y, patch->tap_y) * line +
                       window_input(&g->w, patch->first_column, patch->tap_x) * g->c;
            size_t b =
                image * c->dy_image + ((y - c->first_row) * g->w.out + patch->first_column) * c->dy_pixel;
            struct tile_run *before = count ? &c->runs[count - 1] : NULL;
            if (before && a == before->a + before->length * g->w.stride * g->c &&
                b == before->b + before->length * c->dy_pixel)
                before->length += length;
            else
                c->runs[count++] = (struct tile_run){a, b, length};
        }
    }
    return count;
}

/* Rows first .. first+count-1 of a patch's weights: one tile. */
static void tile_add(const struct pass *p, const struct chunk *c, const struct patch *patch, size_t first,
                     size_t count)
{
    const struct conv2d *g = p->g;
    struct tile_product product = {.runs = c->runs,
                                   .run_count = patch_runs(p, c, patch),
                                   .a_step = g->w.stride * g->c,
                                   .b_step = c->dy_pixel,
                                   .accumulate = true};
    if (product.run_count == 0)
        return;
    const float *a[TILE_ROWS_MAX];
    float *to[TILE_ROWS_MAX];
    size_t i = first % p->depth, kx = first / p->depth % patch->taps_x, ky = first / p->depth / patch->taps_x;
    for (size_t m = 0; m < count; m++) {
        size_t tap = (patch->tap_y + ky) * g->w.kernel + patch->tap_x + kx;
        a[m] = c->x + (ky * g->h.dilation * g->w.in + kx * g->w.dilation) * g->c + i;
        to[m] = c->sum + (tap * p->depth + i) * c->width;
        if (++i == p->depth) {
            i = 0;
            if (++kx == patch->taps_x) {
                kx = 0;
                ky++;
            }
        }
    }
    p->kernel->product(&product, count, c->columns, a, c->dy, to);
}

/* With few channels: all kernel positions of a class of pixels at once. */
static void add_by_class(const struct pass *p, const struct chunk *c)
{
    for (size_t i = 0; i < p->row_classes; i++) {
        for (size_t k = 0; k < p->column_classes; k++) {
            const struct axis_class *row = &p->rows[i], *column = &p->columns[k];
            struct patch patch = {row->first,    row->first + row->count,
                                  column->first, column->first + column->count,
                                  row->tap,      row->taps,
                                  column->tap,   column->taps};
            size_t rows = row->taps * column->taps * p->depth, tiles = divide_up(rows, p->kernel->rows);
            for (size_t tile = 0; tile < tiles; tile++) {
                size_t first = tile_cut(rows, tiles, tile);
                tile_add(p, c, &patch, first, tile_cut(rows, tiles, tile + 1) - first);
            }
        }
    }
}

/* Else some channels for one kernel position after the other: they stay in the first-level cache. */
static void add_by_tap(const struct pass *p, const struct chunk *c)
{
    size_t tiles = divide_up(p->depth, p->kernel->rows);
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t first = tile_cut(p->depth, tiles, tile), count = tile_cut(p->depth, tiles, tile + 1) - first;
        for (size_t ky = 0; ky < p->g->h.kernel; ky++) {
            for (size_t kx = 0; kx < p->g->w.kernel; kx++) {
                struct window_range y = p->tap_rows[ky], x = p->tap_columns[kx];
                tile_add(p, c, &(struct patch){y.first, y.last, x.first, x.last, ky, 1, kx, 1}, first, count);
            }
        }
    }
}

/* Puts the chunk's output gradients together where they lie far apart or end within a register. */
static void pack_outputs(const struct pass *p, struct chunk *c, float *packed)
{
    size_t pixels = (c->last_row - c->first_row) * p->g->w.out;
    float *to = packed;
    if (c->columns == c->width && c->dy_pixel * sizeof(float) < PLACE_BYTES)
        return;
    for (size_t image = 0; image < c->images; image++) {
        const float *from = c->dy + image * c->dy_image;
        for (size_t i = 0; i < pixels; i++, from += c->dy_pixel, to += c->width)
            memcpy(to, from, c->columns * sizeof *from);
    }
    c->dy = packed;
    c->dy_pixel = c->width;
    c->dy_image = pixels * c->width;
}

/* The chunk's bias gradients: its output gradients times a row of ones. */
static void add_bias(const struct pass *p, const struct chunk *c, float *dbias)
{
    static const float one = 1;
    size_t pixels = (c->last_row - c->first_row) * p->g->w.out;
    for (size_t image = 0; image < c->images; image++)
        c->runs[image] = (struct tile_run){0, image * c->dy_image, pixels};
    struct tile_product product = {
        .runs = c->runs, .run_count = c->images, .b_step = c->dy_pixel, .accumulate = true};
    p->kernel->product(&product, 1, c->columns, (const float *[]){&one}, c->dy, (float *[]){dbias});
}

static void part_compute(const struct pass *p, const float *x, const float *dy, size_t part, size_t group,
                         size_t block, bool bias)
{
    const struct conv2d *g = p->g;
    size_t thread = (size_t)omp_get_thread_num(),
           columns = min_size(p->block_width, p->width - block * p->block_width);
    float *sum = sums_at(p, part, group, block);
    memset(sum, 0, p->sum_floats * sizeof *sum);
    for (size_t i = part * p->part_chunks; i < min_size((part + 1) * p->part_chunks, p->chunks); i++) {
        struct chunk c = {.image = i / p->bands * p->chunk_images,
                          .first_row = i % p->bands * p->band_rows,
                          .columns = columns,
                          .width = tile_width(p->kernel, columns),
                          .dy_pixel = g->oc,
                          .dy_image = g->h.out * g->w.out * g->oc,
                          .sum = sum,
                          .runs = p->runs + thread * p->run_count};
        c.last_row = min_size(c.first_row + p->band_rows, g->h.out);
        c.images = min_size(p->chunk_images, p->n - c.image);
        c.x = x + c.image * g->h.in * g->w.in * g->c + group * p->depth;
        c.dy = dy + c.image * c.dy_image + c.first_row * g->w.out * g->oc + group * p->width +
               block * p->block_width;
        pack_outputs(p, &c, p->packed + thread * p->packed_floats);
        if (bias)
            add_bias(p, &c, sum + p->taps * p->depth * p->block_width);
        if (p->depth < FEW_CHANNELS)
            add_by_class(p, &c);
        else
            add_by_tap(p, &c);
    }
}

/* Adds the parts' sums of some input channels to the first part's, and those to the weight gradients
 * (width, depth, taps) of the group. */
static void hand_over(const struct pass *p, size_t group, size_t block, size_t first, float *dweight)
{
    size_t columns = min_size(p->block_width, p->width - block * p->block_width),
           width = tile_width(p->kernel, columns), last = min_size(first + UNIT_CHANNELS, p->depth);
    float *sum = sums_at(p, 0, group, block);
    for (size_t part = 1; part < p->parts; part++) {
        const float *other = sums_at(p, part, group, block);
        for (size_t k = 0; k < p->taps; k++)
            for (size_t e = (k * p->depth + first) * width; e < (k * p->depth + last) * width; e++)
                sum[e] += other[e];
    }
    float *to = dweight + (group * p->width + block * p->block_width) * p->depth * p->taps;
    for (size_t o = 0; o < columns; o++)
        for (size_t i = first; i < last; i++)
            for (size_t k = 0; k < p->taps; k++)
                to[(o * p->depth + i) * p->taps + k] += sum[(k * p->depth + i) * width + o];
}

static void hand_over_bias(const struct pass *p, float *dbias)
{
    for (size_t group = 0; group < p->g->groups; group++) {
        for (size_t o = 0; o < p->width; o++) {
            size_t block = o / p->block_width, at = p->taps * p->depth * p->block_width + o % p->block_width;
            float sum = 0;
            for (size_t part = 0; part < p->parts; part++)
                sum += sums_at(p, part, group, block)[at];
            dbias[group * p->width + o] += sum;
        }
    }
}

void conv2d_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads)
{
    size_t bytes;
    struct pass p = pass_init(g, n, threads, workspace, &bytes);
    p.row_classes = axis_forward(&g->h, p.rows);
    p.column_classes = axis_forward(&g->w, p.columns);
    for (size_t k = 0; k < g->h.kernel; k++)
        p.tap_rows[k] = axis_outputs(&g->h, k);
    for (size_t k = 0; k < g->w.kernel; k++)
        p.tap_columns[k] = axis_outputs(&g->w, k);
    size_t blocks = g->groups * p.blocks, units = divide_up(p.depth, UNIT_CHANNELS);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < p.parts * blocks; i++)
            part_compute(&p, x, dy, i / blocks, i % blocks / p.blocks, i % p.blocks, dbias != NULL);
#pragma omp for schedule(static)
        for (size_t i = 0; i < blocks * units; i++)
            hand_over(&p, i / units / p.blocks, i / units % p.blocks, i % units * UNIT_CHANNELS, dweight);
    }
    if (dbias)
        hand_over_bias(&p, dbias);
}
