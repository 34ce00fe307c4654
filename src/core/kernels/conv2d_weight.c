#include "core/kernels/axis.h"
#include "core/kernels/conv2d.h"
#include "core/kernels/conv2d_weight_few.h"
#include "core/kernels/conv2d_winograd.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

#include <string.h>

enum {
    CHUNK_PIXELS = 128,      /* output pixels at one go, so that they stay in the first-level cache */
    TASKS = 16,              /* wanted */
    TASK_BYTES = 512 * 1024, /* of sums that a task adds to: half a cache of 1 MiB */
    FETCH_LINES = 16,        /* of the next chunk, asked for at each product */
    LINE_FLOATS = 16,        /* of a cache line */
    UNIT_CHANNELS = 16,      /* input channels that are handed over at a time */
};

/* The work is cut into tasks: a part of the images, one group, some blocks of its output channels. A task
 * goes through its part in chunks, and for each of them through its blocks. */
struct pass {
    const struct conv2d *g;
    const float *x, *dy;
    float *dweight, *dbias;
    const struct tile_kernel *kernel;
    size_t n;
    size_t depth, width; /* input and output channels of a group */
    size_t blocks, block_width, taps;
    size_t task_blocks, group_tasks;               /* blocks of a task; tasks of a group and part */
    size_t chunk_images, bands, band_rows, chunks; /* a chunk: images, or a band of output rows of one */
    size_t parts, part_chunks;
    struct window_range *tap_rows, *tap_columns; /* outputs that a kernel position is inside for */
    float *sums; /* (part, group, block): weights (tap, depth, tile_width), then bias (block_width) */
    float *inputs, *outputs; /* (thread): copies of a chunk's inputs, and output gradients of a block */
    struct tile_run *runs;   /* (thread) */
    size_t sum_floats, input_floats, output_floats, run_count;
    size_t copied_rows, copied_width,
        copied_pixel; /* of the inputs' copy: rows, pixels in one, floats apart */
};

/* What a task is working on. Its inputs and output gradients lie in the batch's arrays, or in copies. */
struct chunk {
    size_t image, images, first_row, last_row; /* of outputs */
    size_t columns, width;                     /* of the block */
    const float *x;     /* the first image's first input row, or first row of the copy; first channel */
    size_t first_input; /* number of that row */
    size_t x_pixel, x_row, x_image; /* floats from one to the next */
    const float *dy;                /* first pixel, first channel of the block */
    size_t dy_pixel, dy_image;
    float *sum;
    struct tile_run *runs;
    const float *ahead[2],
        *ahead_end[2]; /* of the next chunk, inputs and output gradients: still to be fetched */
};

/* How the work is cut: by the shapes and n only, for the order of the sums depends on it. Fewer images never
 * need more memory. */
static void plan_chunks(struct pass *p)
{
    const struct conv2d *g = p->g;
    size_t pixels = g->h.out * g->w.out;
    p->chunk_images = size_max(1, size_min(CHUNK_PIXELS / pixels, p->n));
    p->band_rows = pixels <= CHUNK_PIXELS ? g->h.out : size_max(1, CHUNK_PIXELS / g->w.out);
    p->bands = size_divide_up(g->h.out, p->band_rows);
    p->chunks = size_divide_up(p->n, p->chunk_images) * p->bands;
    p->task_blocks = size_max(1, size_min(TASK_BYTES / (p->sum_floats * sizeof(float)), p->blocks));
    p->group_tasks = size_divide_up(p->blocks, p->task_blocks);
}

static void plan_parts(struct pass *p, size_t most)
{
    p->part_chunks = size_divide_up(p->chunks, size_min(most, p->chunks));
    p->parts = size_divide_up(p->chunks, p->part_chunks);
}

/* The copy leaves out what no output reads of 1-wide kernels. */
static void plan_copies(struct pass *p)
{
    const struct conv2d *g = p->g;
    p->copied_rows = g->h.kernel == 1
                         ? p->band_rows
                         : size_min(g->h.in, (p->band_rows - 1) * g->h.stride + window_span(&g->h));
    p->copied_width = g->w.kernel == 1 ? g->w.out : g->w.in;
    p->copied_pixel = (size_divide_up(p->depth, LINE_FLOATS) | 1) * LINE_FLOATS;
    p->input_floats = p->chunk_images * p->copied_rows * p->copied_width * p->copied_pixel;
    p->output_floats = p->chunk_images * p->band_rows * g->w.out * p->block_width;
    p->run_count = p->chunk_images * p->band_rows;
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
    p.blocks = size_divide_up(p.width, p.block_width);
    p.sum_floats = (p.taps * p.depth + 1) * p.block_width;
    plan_chunks(&p);
    plan_copies(&p);
    size_t parts_most = g->is_part ? 1 : size_max(1, TASKS / (g->groups * p.group_tasks));
    plan_parts(&p, parts_most);
    struct workspace w = {.memory = workspace};
    p.tap_rows = workspace_take(&w, g->h.kernel * sizeof *p.tap_rows);
    p.tap_columns = workspace_take(&w, g->w.kernel * sizeof *p.tap_columns);
    p.sums = workspace_take(&w, size_min(parts_most, n * p.bands) * g->groups * p.blocks * p.sum_floats *
                                    sizeof *p.sums);
    p.inputs = workspace_take(&w, (size_t)threads * p.input_floats * sizeof *p.inputs);
    p.outputs = workspace_take(&w, (size_t)threads * p.output_floats * sizeof *p.outputs);
    p.runs = workspace_take(&w, (size_t)threads * p.run_count * sizeof *p.runs);
    *bytes = w.used;
    return p;
}

size_t conv2d_backward_weight_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t bytes;
    if (g->winograd)
        return conv2d_winograd_weight_workspace(g, n, threads);
    pass_init(g, n, threads, NULL, &bytes);
    return conv2d_weight_few_fits(g) ? size_max(bytes, conv2d_weight_few_workspace(g, n, threads)) : bytes;
}

static float *sums_at(const struct pass *p, size_t part, size_t group, size_t block)
{
    return p->sums + ((part * p->g->groups + group) * p->blocks + block) * p->sum_floats;
}

/* Outputs that are inside the image with a kernel position, and the position. */
struct patch {
    size_t first_row, last_row, first_column, last_column;
    size_t tap_y, tap_x;
};

/* What output (y, x) of the first image reads at kernel position (ky, kx), as an offset into c->x. */
static size_t input_offset(const struct pass *p, const struct chunk *c, size_t y, size_t x, size_t ky,
                           size_t kx)
{
    const struct conv2d *g = p->g;
    size_t row = g->h.kernel == 1 ? y - c->first_row : window_input(&g->h, y, ky) - c->first_input;
    size_t column = g->w.kernel == 1 ? x : window_input(&g->w, x, kx);
    return row * c->x_row + column * c->x_pixel;
}

/* The pixels of a patch within a chunk, as runs; those that go on where the last one ends are joined. */
static size_t patch_runs(const struct pass *p, const struct chunk *c, const struct patch *patch,
                         size_t a_step)
{
    size_t count = 0, length = patch->last_column - patch->first_column;
    size_t first = size_max(patch->first_row, c->first_row), last = size_min(patch->last_row, c->last_row);
    if (length == 0)
        return 0;
    for (size_t image = 0; image < c->images; image++) {
        for (size_t y = first; y < last; y++) {
            size_t a =
                image * c->x_image + input_offset(p, c, y, patch->first_column, patch->tap_y, patch->tap_x);
            size_t b =
                image * c->dy_image + ((y - c->first_row) * p->g->w.out + patch->first_column) * c->dy_pixel;
            struct tile_run *before = count ? &c->runs[count - 1] : NULL;
            if (before && a == before->a + before->length * a_step &&
                b == before->b + before->length * c->dy_pixel)
                before->length += length;
            else
                c->runs[count++] = (struct tile_run){a, b, length};
        }
    }
    return count;
}

/* Asks for some lines of the next chunk, so that memory is read while the processor computes. */
static void fetch_ahead(struct chunk *c)
{
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < FETCH_LINES && c->ahead[k] < c->ahead_end[k]; i++, c->ahead[k] += LINE_FLOATS)
            __builtin_prefetch(c->ahead[k], 0, 2);
}

/* Rows first .. first+count-1 of a patch's weights: one tile. */
static void tile_add(const struct pass *p, struct chunk *c, const struct patch *patch, size_t first,
                     size_t count)
{
    const struct conv2d *g = p->g;
    size_t a_step = (g->w.kernel == 1 ? 1 : g->w.stride) * c->x_pixel;
    struct tile_product product = {.runs = c->runs,
                                   .run_count = patch_runs(p, c, patch, a_step),
                                   .a_step = a_step,
                                   .b_step = c->dy_pixel,
                                   .adjacent = true,
                                   .accumulate = true};
    if (product.run_count == 0)
        return;
    const float *a = c->x + first;
    float *to[TILE_ROWS_MAX],
        *sum = c->sum + (patch->tap_y * g->w.kernel + patch->tap_x) * p->depth * c->width;
    for (size_t m = 0; m < count; m++)
        to[m] = sum + (first + m) * c->width;
    fetch_ahead(c);
    p->kernel->product(&product, count, c->columns, &a, c->dy, to);
}

/* Some channels for one kernel position after the other: they stay in the first-level cache. */
static void add_by_tap(const struct pass *p, struct chunk *c)
{
    size_t tiles = size_divide_up(p->depth, p->kernel->rows);
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t first = size_cut(p->depth, tiles, tile), count = size_cut(p->depth, tiles, tile + 1) - first;
        for (size_t ky = 0; ky < p->g->h.kernel; ky++) {
            for (size_t kx = 0; kx < p->g->w.kernel; kx++) {
                struct window_range y = p->tap_rows[ky], x = p->tap_columns[kx];
                tile_add(p, c, &(struct patch){y.first, y.last, x.first, x.last, ky, kx}, first, count);
            }
        }
    }
}

/* memcpy, for a few cache lines. */
static inline void copy_floats(float *to, const float *from, size_t count)
{
    for (; count >= LINE_FLOATS; count -= LINE_FLOATS, to += LINE_FLOATS, from += LINE_FLOATS)
        memcpy(to, from, LINE_FLOATS * sizeof *to);
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

/* Where the copy of inputs is worth it: many uses of each, and memory is read in order, once. `x`: the
 * chunk's first image, first channel of the group. */
static void copy_inputs(const struct pass *p, struct chunk *c, const float *x, float *copy)
{
    const struct conv2d *g = p->g;
    const struct window *h = &g->h, *w = &g->w;
    size_t line = w->in * g->c, image_rows = h->in * line;
    c->x_pixel = p->copied_pixel;
    c->x_row = p->copied_width * c->x_pixel;
    c->x_image = p->copied_rows * c->x_row;
    c->x = copy;
    size_t begin = c->first_row * h->stride, end = (c->last_row - 1) * h->stride + window_span(h);
    c->first_input = begin > h->pad ? size_min(begin - h->pad, h->in) : 0;
    size_t last_input = end > h->pad ? size_min(end - h->pad, h->in) : 0;
    bool sparse_rows = h->kernel == 1, sparse = w->kernel == 1;
    size_t first = sparse ? p->tap_columns[0].first : 0, last = sparse ? p->tap_columns[0].last : w->in;
    for (size_t image = 0; image < c->images; image++) {
        size_t from_row = sparse_rows ? size_max(c->first_row, p->tap_rows[0].first) : c->first_input;
        size_t to_row = sparse_rows ? size_min(c->last_row, p->tap_rows[0].last) : last_input;
        for (size_t y = from_row; y < to_row; y++) {
            const float *from = x + image * image_rows + (sparse_rows ? window_input(h, y, 0) : y) * line;
            float *to =
                copy + image * c->x_image + (y - (sparse_rows ? c->first_row : c->first_input)) * c->x_row;
            for (size_t i = first; i < last; i++)
                copy_floats(to + i * c->x_pixel, from + (sparse ? window_input(w, i, 0) : i) * g->c,
                            p->depth);
        }
    }
}

/* Output gradients of a block, put together: whole registers, pixel after pixel. */
static void copy_outputs(const struct pass *p, struct chunk *c, const float *dy, float *copy)
{
    size_t pixels = (c->last_row - c->first_row) * p->g->w.out, oc = p->g->oc;
    c->dy = copy;
    c->dy_pixel = c->width;
    c->dy_image = pixels * c->width;
    for (size_t image = 0; image < c->images; image++) {
        const float *from = dy + image * p->g->h.out * p->g->w.out * oc;
        for (size_t i = 0; i < pixels; i++, from += oc, copy += c->width)
            copy_floats(copy, from, c->columns);
    }
}

/* The chunk's bias gradients: its output gradients times a row of ones. */
static void add_bias(const struct pass *p, const struct chunk *c, float *dbias)
{
    static const float one = 1;
    size_t pixels = (c->last_row - c->first_row) * p->g->w.out;
    for (size_t image = 0; image < c->images; image++)
        c->runs[image] = (struct tile_run){0, image * c->dy_image, pixels};
    struct tile_product product = {
        .runs = c->runs, .run_count = c->images, .b_step = c->dy_pixel, .adjacent = true, .accumulate = true};
    p->kernel->product(&product, 1, c->columns, (const float *[]){&one}, c->dy, (float *[]){dbias});
}

static void chunk_compute(const struct pass *p, struct chunk *c, size_t part, size_t group, size_t block,
                          float *copy)
{
    const struct conv2d *g = p->g;
    c->columns = size_min(p->block_width, p->width - block * p->block_width);
    c->width = tile_width(p->kernel, c->columns);
    c->sum = sums_at(p, part, group, block);
    c->dy_pixel = g->oc;
    c->dy_image = g->h.out * g->w.out * g->oc;
    c->dy = p->dy + c->image * c->dy_image + c->first_row * g->w.out * g->oc + group * p->width +
            block * p->block_width;
    copy_outputs(p, c, c->dy, copy);
    if (p->dbias)
        add_bias(p, c, c->sum + p->taps * p->depth * p->block_width);
    add_by_tap(p, c);
}

static struct chunk chunk_at(const struct pass *p, size_t i)
{
    const struct conv2d *g = p->g;
    struct chunk c = {.image = i / p->bands * p->chunk_images,
                      .first_row = i % p->bands * p->band_rows,
                      .x_pixel = g->c,
                      .x_row = g->w.in * g->c,
                      .x_image = g->h.in * g->w.in * g->c};
    c.last_row = size_min(c.first_row + p->band_rows, g->h.out);
    c.images = size_min(p->chunk_images, p->n - c.image);
    return c;
}

/* Marks what chunk `next` reads as what to fetch. */
static void plan_ahead(const struct pass *p, struct chunk *c, size_t next)
{
    const struct conv2d *g = p->g;
    struct chunk n = chunk_at(p, next);
    size_t row = g->w.out * g->oc, first = size_min(n.first_row * g->h.stride, g->h.in),
           last = size_min(n.last_row * g->h.stride, g->h.in);
    c->ahead[0] = p->x + n.image * n.x_image + first * n.x_row;
    c->ahead_end[0] = p->x + (n.image + n.images - 1) * n.x_image + last * n.x_row;
    c->ahead[1] = p->dy + (n.image * g->h.out + n.first_row) * row;
    c->ahead_end[1] = p->dy + ((n.image + n.images - 1) * g->h.out + n.last_row) * row;
}

static void task_compute(const void *work, size_t task, size_t thread)
{
    const struct pass *p = work;
    const struct conv2d *g = p->g;
    size_t part = task / p->group_tasks / g->groups, group = task / p->group_tasks % g->groups,
           first = task % p->group_tasks * p->task_blocks, last = size_min(first + p->task_blocks, p->blocks),
           stop = size_min((part + 1) * p->part_chunks, p->chunks);
    memset(sums_at(p, part, group, first), 0, (last - first) * p->sum_floats * sizeof *p->sums);
    for (size_t i = part * p->part_chunks; i < stop; i++) {
        struct chunk c = chunk_at(p, i);
        c.runs = p->runs + thread * p->run_count;
        c.x = p->x + c.image * c.x_image + group * p->depth;
        if (i + 1 < stop && g->groups == 1)
            plan_ahead(p, &c, i + 1);
        copy_inputs(p, &c, c.x, p->inputs + thread * p->input_floats);
        for (size_t block = first; block < last; block++)
            chunk_compute(p, &c, part, group, block, p->outputs + thread * p->output_floats);
    }
}

/* Adds the parts' sums of some input channels to the first part's, and those to the weight gradients
 * (width, depth, taps) of the group. */
static void hand_over(const void *work, size_t index, size_t thread)
{
    const struct pass *p = work;
    size_t units = size_divide_up(p->depth, UNIT_CHANNELS), first = index % units * UNIT_CHANNELS,
           group = index / units / p->blocks, block = index / units % p->blocks;
    (void)thread;
    size_t columns = size_min(p->block_width, p->width - block * p->block_width),
           width = tile_width(p->kernel, columns), last = size_min(first + UNIT_CHANNELS, p->depth);
    float *sum = sums_at(p, 0, group, block);
    for (size_t part = 1; part < p->parts; part++) {
        const float *other = sums_at(p, part, group, block);
        for (size_t k = 0; k < p->taps; k++)
            for (size_t e = (k * p->depth + first) * width; e < (k * p->depth + last) * width; e++)
                sum[e] += other[e];
    }
    float *to = p->dweight + (group * p->width + block * p->block_width) * p->depth * p->taps;
    for (size_t o = 0; o < columns; o++)
        for (size_t i = first; i < last; i++)
            for (size_t k = 0; k < p->taps; k++)
                to[(o * p->depth + i) * p->taps + k] += sum[(k * p->depth + i) * width + o];
}

static void hand_over_bias(const struct pass *p)
{
    for (size_t group = 0; group < p->g->groups; group++) {
        for (size_t o = 0; o < p->width; o++) {
            size_t block = o / p->block_width, at = p->taps * p->depth * p->block_width + o % p->block_width;
            float sum = 0;
            for (size_t part = 0; part < p->parts; part++)
                sum += sums_at(p, part, group, block)[at];
            p->dbias[group * p->width + o] += sum;
        }
    }
}

void conv2d_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads)
{
    size_t bytes;
    if (g->winograd) {
        conv2d_winograd_backward_weight(g, n, x, dy, dweight, dbias, workspace, threads);
        return;
    }
    if (conv2d_weight_few_fits(g) && conv2d_weight_few(g, n, x, dy, dweight, dbias, workspace, threads))
        return;
    struct pass p = pass_init(g, n, threads, workspace, &bytes);
    for (size_t k = 0; k < g->h.kernel; k++)
        p.tap_rows[k] = axis_outputs(&g->h, k);
    for (size_t k = 0; k < g->w.kernel; k++)
        p.tap_columns[k] = axis_outputs(&g->w, k);
    p.x = x;
    p.dy = dy;
    p.dweight = dweight;
    p.dbias = dbias;
    parallel_for(p.parts * g->groups * p.group_tasks, threads, task_compute, &p);
    parallel_for(g->groups * p.blocks * size_divide_up(p.depth, UNIT_CHANNELS), threads, hand_over, &p);
    if (dbias)
        hand_over_bias(&p);
}
