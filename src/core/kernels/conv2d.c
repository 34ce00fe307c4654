#include "core/kernels/conv2d.h"

#include "core/kernels/axis.h"
#include "core/kernels/conv2d_bf16.h"
#include "core/kernels/conv2d_narrow.h"
#include "core/kernels/conv2d_planar.h"
#include "core/kernels/conv2d_winograd.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"
#include "core/kernels/transpose.h"

#include <string.h>

enum {
    TASK_BYTES = 512 * 1024, /* of sources and targets, half a cache of 1 MiB; more images than one of each
                                make fuller tiles of their corners */
    BAND_PIXELS = 196,       /* so few pixels are not cut further */
    WAY_BYTES = 4096,        /* of a first-level cache: lines so far apart fall in the same set, of which */
    WAYS = 12,               /* it holds so many, of 48 KiB: Intel's from Ice Lake on, AMD's from Zen 5 on */
    TILE_DEPTH = 512,        /* channels of a kernel position whose tile stays in the first-level cache */
    TASK_WEIGHTS = 1024 * 1024, /* bytes that stay near while a task goes through its pixels */
};

/* One side of a convolution: images, a pixel's channels together. */
struct side {
    size_t h, w, channels;
};

/* Forward, or the input gradient: both go from the source's pixels to the target's. */
struct pass {
    const struct tile_kernel *kernel;
    struct side source, target;
    size_t groups, depth, width; /* source and target channels of a group */
    size_t blocks, block_width;  /* of target channels; a block's weights lie together */
    size_t taps_h, taps_w;
    struct axis_class *rows, *columns;
    size_t row_classes, column_classes;
    float *packed,
        *bias; /* (group, block, tap, depth, tile_width of the block); (group, block, block_width) */
    struct tile_run *runs; /* (thread, taps) */
    size_t tile_rows;      /* pixels of a tile */
    bool has_bias, relu;
    const float *relu_output, *origin;    /* as in struct tile_product */
    size_t task_images, bands, band_rows; /* a task: images, or a band of rows of one */
    size_t task_blocks;                   /* and so many blocks of a group */
    size_t n;
    const float *from, *weight; /* source and weights */
    float *to;                  /* target */
    void (*pack)(const struct pass *p, const float *weight, size_t group, size_t block);
};

/* A task: rows first_row .. last_row-1 of some images, blocks first_block .. last_block-1 of one group. */
struct task {
    size_t image, images, first_row, last_row, group, first_block, last_block;
    const float *source;
    float *target;
};

/* Pixels that all begin in the same set of the first-level cache would drive each other out of it if they
 * were more than it has ways. */
static size_t tile_rows(const struct pass *p, size_t stride)
{
    bool collide = stride * p->source.channels * sizeof(float) % WAY_BYTES == 0;
    return collide ? size_min(p->kernel->rows, WAYS) : p->kernel->rows;
}

static struct pass pass_init(const struct conv2d *g, bool backward, int threads, void *workspace,
                             size_t *bytes)
{
    struct side in = {g->h.in, g->w.in, g->c}, out = {g->h.out, g->w.out, g->oc};
    struct pass p = {.kernel = g->kernel,
                     .source = backward ? out : in,
                     .target = backward ? in : out,
                     .groups = g->groups,
                     .taps_h = g->h.kernel,
                     .taps_w = g->w.kernel};
    p.depth = p.source.channels / p.groups;
    p.width = p.target.channels / p.groups;
    p.block_width = 2 * p.kernel->vector;
    p.blocks = size_divide_up(p.width, p.block_width);
    size_t taps = p.taps_h * p.taps_w, columns = p.groups * p.blocks * p.block_width;
    struct workspace w = {.memory = workspace};
    p.rows = workspace_take(&w, p.target.h * sizeof *p.rows);
    p.columns = workspace_take(&w, p.target.w * sizeof *p.columns);
    p.packed = workspace_take(&w, columns * taps * p.depth * sizeof *p.packed);
    p.bias = workspace_take(&w, columns * sizeof *p.bias);
    p.runs = workspace_take(&w, (size_t)threads * taps * sizeof *p.runs);
    p.tile_rows = tile_rows(&p, backward ? 1 : g->w.stride);
    *bytes = w.used;
    return p;
}

size_t conv2d_data_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t forward, backward;
    if (g->winograd)
        return conv2d_winograd_data_workspace(g, n, threads);
    if (g->bf16)
        return conv2d_bf16_data_workspace(g, threads);
    if (conv2d_planar_fits(g))
        forward = conv2d_planar_workspace(g, threads);
    else
        pass_init(g, false, threads, NULL, &forward);
    if (conv2d_narrow_fits(g))
        backward = conv2d_narrow_workspace(g, n, threads);
    else
        pass_init(g, true, threads, NULL, &backward);
    return size_max(forward, backward);
}

size_t conv2d_workspace(const struct conv2d *g, size_t n, int threads)
{
    return size_max(conv2d_data_workspace(g, n, threads), conv2d_backward_weight_workspace(g, n, threads));
}

/* So many blocks of a group one after the other at every tile, where their weights are packed alike: as many
 * as stay near while a task goes through its tiles. A pixel's channels are then written together, and read
 * once. */
static size_t blocks_together(const struct pass *p)
{
    size_t weights = p->taps_h * p->taps_w * p->depth * p->blocks * p->block_width * sizeof(float),
           last = p->width - (p->blocks - 1) * p->block_width, strips = size_divide_up(weights, TASK_WEIGHTS);
    return tile_width(p->kernel, last) == p->block_width
               ? size_divide_up(p->blocks, size_min(strips, p->blocks))
               : 1;
}

/* How the work is cut. The results do not depend on it. */
static void plan_tasks(struct pass *p, size_t n, int threads)
{
    p->task_blocks = blocks_together(p);
    size_t blocks = p->groups * size_divide_up(p->blocks, p->task_blocks), wanted = parallel_enough(threads);
    size_t source = p->source.h * p->source.w * p->source.channels * sizeof(float);
    size_t target =
        p->target.h * p->target.w * size_min(p->width, p->task_blocks * p->block_width) * sizeof(float);
    size_t images = size_min(TASK_BYTES / (source + target), n * blocks / wanted);
    p->task_images = images ? images : 1;
    p->bands = images > 1 ? 1 : size_divide_up(source, TASK_BYTES);
    if (n * blocks * p->bands < wanted)
        p->bands = size_divide_up(wanted, n * blocks);
    p->band_rows = size_divide_up(p->target.h, p->bands);
    if (p->band_rows * p->target.w < BAND_PIXELS)
        p->band_rows = size_divide_up(BAND_PIXELS, p->target.w);
    p->bands = size_divide_up(p->target.h, p->band_rows);
}

/* Columns of a block: all but a group's last have block_width. */
static size_t block_columns(const struct pass *p, size_t block)
{
    return size_min(p->block_width, p->width - block * p->block_width);
}

static float *block_weights(const struct pass *p, size_t group, size_t block)
{
    return p->packed + (group * p->blocks + block) * p->block_width * p->taps_h * p->taps_w * p->depth;
}

/* weight (width, depth, taps) of a group -> (taps, depth, columns) */
static void pack_forward(const struct pass *p, const float *weight, size_t group, size_t block)
{
    size_t taps = p->taps_h * p->taps_w, columns = block_columns(p, block),
           width = tile_width(p->kernel, columns);
    const float *from = weight + (group * p->width + block * p->block_width) * p->depth * taps;
    float *to = block_weights(p, group, block);
    if (columns < width)
        memset(to, 0, taps * p->depth * width * sizeof *to);
    for (size_t i = 0; i < p->depth; i += LINE_FLOATS)
        for (size_t k = 0; k < taps; k++)
            transpose(from + i * taps + k, p->depth * taps, taps, to + (k * p->depth + i) * width, width,
                      columns, size_min(LINE_FLOATS, p->depth - i));
}

/* weight (depth, width, taps) of a group -> (taps turned around, depth, columns) */
static void pack_backward(const struct pass *p, const float *weight, size_t group, size_t block)
{
    size_t taps = p->taps_h * p->taps_w, columns = block_columns(p, block),
           width = tile_width(p->kernel, columns);
    const float *from = weight + (group * p->depth * p->width + block * p->block_width) * taps;
    float *to = block_weights(p, group, block);
    if (columns < width)
        memset(to, 0, taps * p->depth * width * sizeof *to);
    for (size_t i = 0; i < p->depth; i++, from += p->width * taps) {
        if (taps == 1)
            memcpy(to + i * width, from, columns * sizeof *to);
        for (size_t k = 0; taps > 1 && k < taps; k += LINE_FLOATS) {
            float turned[LINE_FLOATS * 2 * TILE_VECTOR_MAX];
            size_t count = size_min(LINE_FLOATS, taps - k);
            transpose(from + k, taps, 1, turned, width, columns, count);
            for (size_t q = 0; q < count; q++)
                memcpy(to + ((taps - 1 - k - q) * p->depth + i) * width, turned + q * width,
                       columns * sizeof *to);
        }
    }
}

static void pack_bias(const struct pass *p, const float *bias)
{
    for (size_t group = 0; group < p->groups; group++) {
        float *to = p->bias + group * p->blocks * p->block_width;
        memset(to, 0, p->blocks * p->block_width * sizeof *to);
        memcpy(to, bias + group * p->width, p->width * sizeof *to);
    }
}

/* The runs of all pixels of a class: kernel positions, those of a row together where their channels are. */
static size_t class_runs(const struct pass *p, const struct axis_class *row, const struct axis_class *column,
                         size_t width, struct tile_run *runs)
{
    size_t count = 0, line = p->source.w * p->source.channels;
    bool together = p->groups == 1 && column->tap_step == 1 && column->source_tap <= 1;
    if (row->taps == 0 || column->taps == 0)
        return 0;
    for (size_t ky = 0; ky < row->taps; ky++) {
        size_t tap = (row->tap + ky * row->tap_step) * p->taps_w + column->tap;
        struct tile_run run = {ky * row->source_tap * line, tap * p->depth * width, p->depth};
        if (together) {
            run.length *= column->taps;
            runs[count++] = run;
            continue;
        }
        for (size_t kx = 0; kx < column->taps; kx++) {
            runs[count++] = run;
            run.a += column->source_tap * p->source.channels;
            run.b += column->tap_step * p->depth * width;
        }
    }
    return count;
}

/* Goes through the pixels of a class, image by image, row by row. Steps back are size_t that wrap around. */
struct walk {
    size_t x, y, columns, rows;
    size_t source, source_pixel, source_row, source_image; /* offset, and what it grows by */
    size_t target, target_pixel, target_row, target_image;
};

static struct walk walk_start(const struct pass *p, const struct axis_class *row,
                              const struct axis_class *column)
{
    size_t source_line = p->source.w * p->source.channels, target_line = p->target.w * p->target.channels;
    struct walk w = {
        .columns = column->count,
        .rows = row->count,
        .source = row->source * source_line + column->source * p->source.channels,
        .source_pixel = column->source_step * p->source.channels,
        .target = row->first * target_line + column->first * p->target.channels,
        .target_pixel = column->step * p->target.channels,
    };
    w.source_row = row->source_step * source_line - (w.columns - 1) * w.source_pixel;
    w.target_row = row->step * target_line - (w.columns - 1) * w.target_pixel;
    w.source_image = p->source.h * source_line - (w.rows - 1) * row->source_step * source_line -
                     (w.columns - 1) * w.source_pixel;
    w.target_image =
        p->target.h * target_line - (w.rows - 1) * row->step * target_line - (w.columns - 1) * w.target_pixel;
    return w;
}

static inline void walk_next(struct walk *w)
{
    if (++w->x < w->columns) {
        w->source += w->source_pixel;
        w->target += w->target_pixel;
        return;
    }
    w->x = 0;
    if (++w->y < w->rows) {
        w->source += w->source_row;
        w->target += w->target_row;
        return;
    }
    w->y = 0;
    w->source += w->source_image;
    w->target += w->target_image;
}

struct tile {
    size_t count;
    const float *a[TILE_ROWS_MAX];
    float *c[TILE_ROWS_MAX];
};

static void tile_walk(const struct task *t, struct walk *walk, size_t count, struct tile *tile)
{
    tile->count = count;
    for (size_t m = 0; m < count; m++) {
        tile->a[m] = t->source + walk->source;
        tile->c[m] = t->target + walk->target;
        walk_next(walk);
    }
}

/* What a tile will write of a block. */
static void prefetch_targets(const struct tile *tile, size_t offset, size_t columns)
{
    for (size_t m = 0; m < tile->count; m++)
        for (size_t i = 0; i < columns; i += LINE_FLOATS)
            __builtin_prefetch(tile->c[m] + offset + i, 1);
}

/* `next`: its inputs are asked for with the last block. */
static void tile_compute(const struct pass *p, const struct task *t, struct tile_product *product,
                         struct tile *tile, const struct tile *next)
{
    for (size_t block = t->first_block; block < t->last_block; block++) {
        if (block + 1 < t->last_block)
            prefetch_targets(tile, p->block_width, block_columns(p, block + 1));
        if (p->has_bias)
            product->bias = p->bias + (t->group * p->blocks + block) * p->block_width;
        product->ahead_rows = next && block + 1 == t->last_block ? next->a : NULL;
        p->kernel->product(product, tile->count, block_columns(p, block), tile->a,
                           block_weights(p, t->group, block), tile->c);
        for (size_t m = 0; m < tile->count; m++)
            tile->c[m] += p->block_width;
    }
}

static void class_compute(const struct pass *p, const struct task *t, const struct axis_class *row,
                          const struct axis_class *column, struct tile_run *runs)
{
    size_t pixels = t->images * row->count * column->count, tiles = size_divide_up(pixels, p->tile_rows);
    size_t columns = block_columns(p, t->first_block), width = tile_width(p->kernel, columns);
    struct tile_product product = {.runs = runs,
                                   .run_count = class_runs(p, row, column, width, runs),
                                   .a_step = 1,
                                   .b_step = width,
                                   .relu = p->relu,
                                   .relu_output = p->relu_output,
                                   .origin = p->origin};
    struct walk walk = walk_start(p, row, column);
    struct tile now, next = {0};
    tile_walk(t, &walk, size_cut(pixels, tiles, 1), &next);
    for (size_t tile = 0; tile < tiles; tile++) {
        now = next;
        if (tile + 1 < tiles) {
            tile_walk(t, &walk, size_cut(pixels, tiles, tile + 2) - size_cut(pixels, tiles, tile + 1), &next);
            prefetch_targets(&next, 0, columns);
        }
        /* of one channel: pixels of a class rise, so that those between are neighbours where the ends are */
        product.adjacent = p->source.channels == 1 && now.a[now.count - 1] == now.a[0] + now.count - 1;
        tile_compute(p, t, &product, &now, tile + 1 < tiles && p->depth <= TILE_DEPTH ? &next : NULL);
    }
}

/* Targets without a source, as inputs that no output reads, between those of a stride: `count` columns,
 * first, first + step ..., of some rows. */
static void targets_clear(const struct pass *p, const struct task *t, const struct axis_class *row,
                          size_t first, size_t step, size_t count)
{
    size_t channels = p->target.channels, line = p->target.w * channels,
           width = size_min(t->last_block * p->block_width, p->width) - t->first_block * p->block_width;
    bool together = step == 1 && width == channels;
    size_t runs = together ? 1 : count, bytes = (together ? count : 1) * width * sizeof(float);
    for (size_t i = 0; i < t->images * row->count; i++) {
        size_t image = i / row->count, y = row->first + i % row->count * row->step;
        float *to = t->target + (image * p->target.h + y) * line + first * channels;
        for (size_t k = 0; k < runs; k++)
            memset(to + k * step * channels, 0, bytes);
    }
}

static void task_compute(const struct pass *p, const struct task *t, struct tile_run *runs)
{
    for (size_t i = 0; i < p->row_classes; i++) {
        struct axis_class row = axis_clip(&p->rows[i], t->first_row, t->last_row);
        bool clear = row.taps == 0 && !p->has_bias;
        if (clear)
            targets_clear(p, t, &row, 0, 1, p->target.w);
        for (size_t k = 0; k < p->column_classes && row.count && !clear; k++) {
            const struct axis_class *column = &p->columns[k];
            if (column->taps == 0 && !p->has_bias)
                targets_clear(p, t, &row, column->first, column->step, column->count);
            else
                class_compute(p, t, &row, column, runs);
        }
    }
}

static void task_run(const void *work, size_t index, size_t thread)
{
    const struct pass *p = work;
    struct task t;
    size_t groups_of_blocks = size_divide_up(p->blocks, p->task_blocks);
    t.first_block = index % groups_of_blocks * p->task_blocks;
    t.last_block = size_min(t.first_block + p->task_blocks, p->blocks);
    index /= groups_of_blocks;
    t.group = index % p->groups;
    index /= p->groups;
    t.first_row = index % p->bands * p->band_rows;
    t.last_row = size_min(t.first_row + p->band_rows, p->target.h);
    t.image = index / p->bands * p->task_images;
    t.images = size_min(p->task_images, p->n - t.image);
    t.source = p->from + t.image * p->source.h * p->source.w * p->source.channels + t.group * p->depth;
    t.target = p->to + t.image * p->target.h * p->target.w * p->target.channels + t.group * p->width +
               t.first_block * p->block_width;
    task_compute(p, &t, p->runs + thread * p->taps_h * p->taps_w);
}

static void block_pack(const void *work, size_t index, size_t thread)
{
    const struct pass *p = work;
    (void)thread;
    p->pack(p, p->weight, index / p->blocks, index % p->blocks);
}

static void pass_run(struct pass *p, size_t n, const float *source, const float *weight,
                     void (*pack)(const struct pass *p, const float *weight, size_t group, size_t block),
                     float *target, int threads)
{
    size_t blocks = p->groups * p->blocks;
    plan_tasks(p, n, threads);
    p->n = n;
    p->from = source;
    p->weight = weight;
    p->to = target;
    p->pack = pack;
    parallel_for(blocks, threads, block_pack, p);
    size_t tasks =
        size_divide_up(n, p->task_images) * p->bands * p->groups * size_divide_up(p->blocks, p->task_blocks);
    parallel_for(tasks, threads, task_run, p);
}

void conv2d_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                    const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads)
{
    size_t bytes;
    if (g->winograd) {
        conv2d_winograd_forward(g, n, x, weight, epilogue, y, workspace, threads);
        return;
    }
    if (g->bf16) {
        conv2d_bf16_forward(g, n, x, weight, epilogue, y, workspace, threads);
        return;
    }
    if (conv2d_planar_fits(g)) {
        conv2d_planar_forward(g, n, x, weight, epilogue, y, workspace, threads);
        return;
    }
    struct pass p = pass_init(g, false, threads, workspace, &bytes);
    p.row_classes = axis_forward(&g->h, p.rows);
    p.column_classes = axis_forward(&g->w, p.columns);
    p.has_bias = epilogue->bias != NULL;
    p.relu = epilogue->relu;
    if (p.has_bias)
        pack_bias(&p, epilogue->bias);
    pass_run(&p, n, x, weight, pack_forward, y, threads);
}

void conv2d_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                           const float *relu_output, float *dx, void *workspace, int threads)
{
    size_t bytes;
    if (g->winograd) {
        conv2d_winograd_backward_input(g, n, dy, weight, relu_output, dx, workspace, threads);
        return;
    }
    if (g->bf16) {
        conv2d_bf16_backward_input(g, n, dy, weight, relu_output, dx, workspace, threads);
        return;
    }
    if (conv2d_narrow_fits(g)) {
        conv2d_narrow_backward_input(g, n, dy, weight, relu_output, dx, workspace, threads);
        return;
    }
    struct pass p = pass_init(g, true, threads, workspace, &bytes);
    p.row_classes = axis_backward(&g->h, p.rows);
    p.column_classes = axis_backward(&g->w, p.columns);
    p.relu_output = relu_output;
    p.origin = dx;
    pass_run(&p, n, dy, weight, pack_backward, dx, threads);
}
