#include "core/kernels/axis.h"
#include "core/kernels/bf16.h"
#include "core/kernels/conv2d.h"
#include "core/kernels/conv2d_weight_few.h"
#include "core/kernels/conv2d_winograd.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"
#include "core/kernels/pixels.h"
#include "core/kernels/transpose.h"

#include <stdint.h>
#include <string.h>

enum {
    CHUNK_PIXELS = 128, /* output pixels at one go */
    TASKS = 16,         /* wanted */
    PART_PIXELS = 512,  /* at least, where the images are divided */
    TASK_BYTES =
        256 * 1024, /* of sums that a task adds to, if it can be cut so far: a quarter of a cache of 1 MiB */
    UNIT_CHANNELS = 16, /* input channels that are handed over at a time */
};

/* The work is cut into tasks: a part of the images, one group, a slice of its input channels, a strip of its
 * blocks of output channels. A task goes through its part in chunks, and for each of them through its blocks,
 * while what the next chunk reads is asked for, as far as there are products to do so, and comes from memory.
 *
 * A task's sums are (block, tap, channel of the slice, tile_width) and bias (block, block_width). Where there
 * is one part, they are handed over to the weight gradients at once, as long as they are in the cache. */
struct pass {
    const struct conv2d *g;
    const float *x, *dy;
    float *dweight, *dbias;
    const struct tile_kernel *kernel;
    size_t n;
    size_t depth, width; /* input and output channels of a group */
    size_t blocks, block_width, taps;
    size_t slices, strips, pieces;                 /* in a group; in all */
    size_t slice_depth, strip_blocks;              /* the most channels and blocks in one */
    size_t chunk_images, bands, band_rows, chunks; /* a chunk: images, or a band of output rows of one */
    size_t parts;
    struct window_range *tap_rows, *tap_columns; /* outputs that a kernel position is inside for */
    float *sums;                                 /* (task), or where there is one part (thread) */
    float *outputs;                              /* (thread): a copy of output gradients of a block */
    float *input_slots;    /* (thread): of bfloat16, pairs of a chunk's pixels (pairs, slot_step) */
    float *output_slots;   /* and of a block's output gradients (pairs, block_width) */
    struct tile_run *runs; /* (thread, tap, run_count) */
    size_t *run_counts;    /* (thread, tap) */
    size_t block_floats, sum_floats, output_floats, run_count;
    size_t pairs, slot_step; /* most in a chunk; from one to the next */
};

/* What a task works on, but for the images: some input channels of a group, some blocks of its outputs. */
struct piece {
    size_t group, first_channel, last_channel, first_block, last_block;
};

/* The images, or the rows of one, that a task is at, and the block. */
struct chunk {
    const struct piece *piece;
    size_t image, images, first_row, last_row; /* of outputs */
    size_t block, columns, width;              /* columns that are real, and that a register makes of them */
    const float *x;                            /* the first image, the piece's first channel */
    const float *dy;                           /* first pixel, first channel of the block */
    size_t dy_pixel, dy_image;
    float *slots;          /* of bfloat16, or NULL: the piece's inputs */
    struct tile_run *runs; /* (tap): what its products go through; how many */
    size_t *run_counts;
    bool has_next;
    ptrdiff_t x_ahead, dy_ahead; /* from here to the next chunk, if there is one */
    bool is_first;               /* of the task: its sums start here */
};

/* How the work is cut, in this and the next three functions: by the shapes, n and the registers only, for the
 * order of the sums depends on it. Fewer images never need more memory. */
static void plan_chunks(struct pass *p)
{
    const struct conv2d *g = p->g;
    size_t pixels = g->h.out * g->w.out;
    p->chunk_images = size_max(1, size_min(CHUNK_PIXELS / pixels, p->n));
    p->bands = size_divide_up(g->h.out, size_max(1, CHUNK_PIXELS / g->w.out));
    p->band_rows = size_divide_up(g->h.out, p->bands);
    p->bands = size_divide_up(g->h.out, p->band_rows);
    p->chunks = size_divide_up(p->n, p->chunk_images) * p->bands;
}

/* Parts that there are images for. */
static size_t parts_most(const struct pass *p)
{
    const struct conv2d *g = p->g;
    size_t parts = size_min(p->n * g->h.out * g->w.out / PART_PIXELS, p->chunks);
    return g->is_part ? 1 : size_max(1, parts);
}

/* Slices and strips about as wide as each other: the inputs are read once for each strip, the output
 * gradients once for each slice. As many as make enough tasks, with parts. */
static void plan_slices(struct pass *p)
{
    p->slices = p->strips = 1;
    for (;;) {
        p->pieces = p->g->groups * p->slices * p->strips;
        p->slice_depth = size_divide_up(p->depth, p->slices);
        p->strip_blocks = size_divide_up(p->blocks, p->strips);
        size_t width = p->strip_blocks * p->block_width,
               bytes = p->taps * p->slice_depth * width * sizeof *p->sums;
        bool can_slice = p->slice_depth >= 2 * p->block_width, can_strip = p->strip_blocks > 1,
             are_enough = p->g->is_part || p->pieces * parts_most(p) >= TASKS;
        if ((bytes <= TASK_BYTES && are_enough) || !(can_slice || can_strip))
            return;
        if (can_slice && (p->slice_depth >= width || !can_strip))
            p->slices *= 2;
        else
            p->strips = size_min(p->strips * 2, p->blocks);
    }
}

static void plan_parts(struct pass *p)
{
    p->parts = size_max(1, size_min(TASKS / p->pieces, parts_most(p)));
}

static bool is_copied(const struct pass *p, size_t columns)
{
    return columns % p->kernel->vector != 0; /* products read whole registers */
}

static struct pass pass_init(const struct conv2d *g, size_t n, int threads, void *workspace, size_t *bytes)
{
    struct pass p = {.g = g,
                     .kernel = g->bf16 ? g->bf16 : g->kernel,
                     .n = n,
                     .depth = g->c / g->groups,
                     .width = g->oc / g->groups,
                     .block_width = 2 * (g->bf16 ? g->bf16 : g->kernel)->vector,
                     .taps = g->h.kernel * g->w.kernel};
    p.blocks = size_divide_up(p.width, p.block_width);
    plan_chunks(&p);
    plan_slices(&p);
    plan_parts(&p);
    p.block_floats = (p.taps * p.slice_depth + 1) * p.block_width;
    p.sum_floats = p.strip_blocks * p.block_floats;
    p.run_count = p.chunk_images * p.band_rows;
    p.output_floats = !g->bf16 && is_copied(&p, p.width) ? p.run_count * g->w.out * p.block_width : 0;
    p.pairs = g->bf16 ? size_divide_up(p.run_count * g->w.out, 2) : 0;
    p.slot_step = (size_divide_up(p.slice_depth, LINE_FLOATS) | 1) * LINE_FLOATS;
    struct workspace w = {.memory = workspace};
    p.tap_rows = workspace_take(&w, g->h.kernel * sizeof *p.tap_rows);
    p.tap_columns = workspace_take(&w, g->w.kernel * sizeof *p.tap_columns);
    size_t sums = size_max((size_t)threads, p.parts > 1 ? p.parts * p.pieces : 0);
    p.sums = workspace_take(&w, sums * p.sum_floats * sizeof *p.sums);
    p.outputs = workspace_take(&w, (size_t)threads * p.output_floats * sizeof *p.outputs);
    p.input_slots = workspace_take(&w, (size_t)threads * p.pairs * p.slot_step * sizeof *p.input_slots);
    p.output_slots = workspace_take(&w, (size_t)threads * p.pairs * p.block_width * sizeof *p.output_slots);
    p.runs = workspace_take(&w, (size_t)threads * p.taps * p.run_count * sizeof *p.runs);
    p.run_counts = workspace_take(&w, (size_t)threads * p.taps * sizeof *p.run_counts);
    *bytes = w.used;
    return p;
}

size_t conv2d_backward_weight_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t most = 0;
    for (int is_part = 0; is_part < 2; is_part++) { /* its pieces are larger */
        struct conv2d either = *g;
        size_t bytes;
        either.is_part = is_part;
        if (g->winograd)
            bytes = conv2d_winograd_weight_workspace(&either, n, threads);
        else
            pass_init(&either, n, threads, NULL, &bytes);
        if (!g->winograd && !g->bf16 && conv2d_weight_few_fits(g))
            bytes = size_max(bytes, conv2d_weight_few_workspace(&either, n, threads));
        most = size_max(most, bytes);
    }
    return most;
}

static struct piece piece_at(const struct pass *p, size_t i)
{
    size_t strip = i % p->strips, slice = i / p->strips % p->slices;
    return (struct piece){.group = i / p->strips / p->slices,
                          .first_channel = size_cut(p->depth, p->slices, slice),
                          .last_channel = size_cut(p->depth, p->slices, slice + 1),
                          .first_block = size_cut(p->blocks, p->strips, strip),
                          .last_block = size_cut(p->blocks, p->strips, strip + 1)};
}

static size_t piece_depth(const struct piece *piece)
{
    return piece->last_channel - piece->first_channel;
}

/* Real columns of a block. */
static size_t block_columns(const struct pass *p, size_t block)
{
    return size_min(p->block_width, p->width - block * p->block_width);
}

/* The chunk's pixels that a kernel position reads an input for, as runs; those that go on where the last one
 * ends are joined. */
static size_t tap_runs(const struct pass *p, const struct chunk *c, size_t ky, size_t kx,
                       struct tile_run *runs)
{
    const struct conv2d *g = p->g;
    struct window_range rows = p->tap_rows[ky], columns = p->tap_columns[kx];
    size_t first = size_max(rows.first, c->first_row), last = size_min(rows.last, c->last_row),
           length = columns.last - columns.first, row = g->w.in * g->c, step = g->w.stride * g->c, count = 0;
    if (length == 0)
        return 0;
    for (size_t image = 0; image < c->images; image++) {
        for (size_t y = first; y < last; y++) {
            size_t a = (image * g->h.in + window_input(&g->h, y, ky)) * row +
                       window_input(&g->w, columns.first, kx) * g->c;
            size_t b = image * c->dy_image + ((y - c->first_row) * g->w.out + columns.first) * c->dy_pixel;
            struct tile_run *before = count ? &runs[count - 1] : NULL;
            if (before && a == before->a + before->length * step &&
                b == before->b + before->length * c->dy_pixel)
                before->length += length;
            else
                runs[count++] = (struct tile_run){a, b, length};
        }
    }
    return count;
}

static void find_runs(const struct pass *p, struct chunk *c)
{
    for (size_t tap = 0; tap < p->taps; tap++)
        c->run_counts[tap] =
            tap_runs(p, c, tap / p->g->w.kernel, tap % p->g->w.kernel, c->runs + tap * p->run_count);
}

static const float *outputs_at(const struct pass *p, const struct chunk *c, size_t block)
{
    const struct conv2d *g = p->g;
    return p->dy + (c->image * g->h.out + c->first_row) * g->w.out * g->oc + c->piece->group * p->width +
           block * p->block_width;
}

/* May lie outside of the array: the next chunk may be shorter. */
static const float *address(const float *from, ptrdiff_t floats)
{
    return (const float *)((uintptr_t)from + (uintptr_t)floats * sizeof *from);
}

/* Lets a product ask for one line of each pixel of the next chunk: the first tiles' products for the lines of
 * inputs, the further ones' for those of output gradients. `tile`: counted through all blocks of the piece.
 */
static void ask_ahead(const struct pass *p, const struct chunk *c, size_t tile, size_t tap,
                      struct tile_product *product)
{
    const struct piece *piece = c->piece;
    size_t lines = size_divide_up(piece_depth(piece), LINE_FLOATS);
    if (!c->has_next)
        return;
    if (tile < lines) {
        if (c->slots && p->g->h.stride * p->g->w.stride > 1) /* no even step leads from pair to pair */
            return;
        size_t rows =
            c->slots ? c->first_row * p->g->w.in * p->g->c : 0; /* which runs of float32 begin with */
        product->ahead = address(c->x, c->x_ahead + (ptrdiff_t)(rows + tile * LINE_FLOATS));
        product->ahead_step = c->slots ? 2 * p->g->c : 0;
        return;
    }
    size_t column = ((tile - lines) * p->taps + tap) * LINE_FLOATS;
    if (column < (piece->last_block - piece->first_block) * p->block_width && !is_copied(p, c->columns)) {
        product->ahead = address(outputs_at(p, c, piece->first_block), c->dy_ahead + (ptrdiff_t)column);
        product->ahead_b = true;
        product->ahead_step = c->slots ? 2 * p->g->oc : 0;
    }
}

/* The block's weights, a tile of channels for one kernel position after the other: its inputs stay in the
 * cache. `sums`: (tap, channel of the slice, width). */
static void add_weights(const struct pass *p, const struct chunk *c, float *sums)
{
    const struct piece *piece = c->piece;
    size_t depth = piece_depth(piece), tiles = size_divide_up(depth, p->kernel->rows),
           tiles_before = (c->block - piece->first_block) * tiles;
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t first = size_cut(depth, tiles, tile), count = size_cut(depth, tiles, tile + 1) - first;
        const float *a = (c->slots ? c->slots : c->x) + first;
        for (size_t tap = 0; tap < p->taps; tap++) {
            struct tile_product product = {.runs = c->runs + tap * p->run_count,
                                           .run_count = c->run_counts[tap],
                                           .a_step = c->slots ? p->slot_step : p->g->w.stride * p->g->c,
                                           .b_step = c->dy_pixel,
                                           .adjacent = true,
                                           .accumulate = !c->is_first};
            float *to[TILE_ROWS_MAX];
            for (size_t m = 0; m < count; m++)
                to[m] = sums + (tap * depth + first + m) * c->width;
            ask_ahead(p, c, tiles_before + tile, tap, &product);
            p->kernel->product(&product, count, c->width, &a, c->dy, to);
        }
    }
}

/* Output gradients of a block, put together: whole registers, pixel after pixel. */
static void copy_outputs(const struct pass *p, struct chunk *c, float *copy)
{
    size_t pixels = (c->last_row - c->first_row) * p->g->w.out, image_step = c->dy_image, step = c->dy_pixel;
    const float *from = c->dy;
    c->dy = copy;
    c->dy_pixel = c->width;
    c->dy_image = pixels * c->width;
    for (size_t image = 0; image < c->images; image++)
        for (size_t i = 0; i < pixels; i++, copy += c->width)
            memcpy(copy, from + image * image_step + i * step, c->columns * sizeof *copy);
}

/* The block's bias gradients: a product with a row of ones. With bfloat16, pixels lie where they were, and no
 * more than their channels are read. */
static void add_bias(const struct pass *p, const struct chunk *c, float *sums)
{
    const struct tile_kernel *kernel = p->g->kernel; /* not the one for slots */
    size_t pixels = (c->last_row - c->first_row) * p->g->w.out,
           whole = p->g->bf16 ? size_min(c->columns, 2 * kernel->vector) / kernel->vector * kernel->vector
                              : c->columns;
    static const float one = 1;
    const float *a = &one;
    struct tile_run run = {.length = pixels};
    struct tile_product product = {
        .runs = &run, .run_count = 1, .b_step = c->dy_pixel, .adjacent = true, .accumulate = true};
    if (c->is_first)
        memset(sums, 0, p->block_width * sizeof *sums);
    for (size_t image = 0; image < c->images; image++) {
        const float *from = c->dy + image * c->dy_image;
        if (whole)
            kernel->product(&product, 1, whole, &a, from, &sums);
        for (size_t o = whole; o < c->columns; o++)
            for (size_t i = 0; i < pixels; i++)
                sums[o] += from[i * c->dy_pixel + o];
    }
}

/* The block's output gradients, and with the first block its inputs, in bfloat16: one run of slots. */
static void pair_all(const struct pass *p, struct chunk *c, size_t thread)
{
    const struct conv2d *g = p->g;
    float *outputs = p->output_slots + thread * p->pairs * p->block_width;
    struct pixels pixels = {.images = c->images,
                            .rows = c->last_row - c->first_row,
                            .columns = g->w.out,
                            .image_step = c->dy_image,
                            .row_step = g->w.out * c->dy_pixel,
                            .column_step = c->dy_pixel};
    pixels_pair(p->kernel->bf16, &pixels, c->dy, c->columns, outputs, c->width);
    c->dy = outputs;
    c->dy_pixel = c->width;
    c->run_counts[0] = 1;
    c->runs[0] = (struct tile_run){.length = size_divide_up(pixels.images * pixels.rows * pixels.columns, 2)};
    if (c->block > c->piece->first_block)
        return;
    pixels.image_step = g->h.in * g->w.in * g->c;
    pixels.row_step = g->h.stride * g->w.in * g->c;
    pixels.column_step = g->w.stride * g->c;
    c->slots = p->input_slots + thread * p->pairs * p->slot_step;
    pixels_pair(p->kernel->bf16, &pixels, c->x + c->first_row * pixels.row_step, piece_depth(c->piece),
                c->slots, p->slot_step);
}

static void block_compute(const struct pass *p, struct chunk *c, size_t block, float *sums, size_t thread)
{
    const struct conv2d *g = p->g;
    c->block = block;
    c->columns = block_columns(p, block);
    c->width = tile_width(p->kernel, c->columns);
    c->dy = outputs_at(p, c, block);
    c->dy_pixel = g->oc;
    c->dy_image = g->h.out * g->w.out * g->oc;
    if (is_copied(p, c->columns) && !g->bf16)
        copy_outputs(p, c, p->outputs + thread * p->output_floats);
    if (p->dbias && c->piece->first_channel == 0)
        add_bias(p, c, sums + p->taps * p->slice_depth * p->block_width);
    if (g->bf16)
        pair_all(p, c, thread);
    else if (block == c->piece->first_block || is_copied(p, c->columns))
        find_runs(p, c);
    add_weights(p, c, sums);
}

/* To chunk i. */
static void chunk_move(const struct pass *p, struct chunk *c, size_t i)
{
    const struct conv2d *g = p->g;
    c->image = i / p->bands * p->chunk_images;
    c->images = size_min(p->chunk_images, p->n - c->image);
    c->first_row = i % p->bands * p->band_rows;
    c->last_row = size_min(c->first_row + p->band_rows, g->h.out);
    c->x = p->x + c->image * g->h.in * g->w.in * g->c + c->piece->group * p->depth + c->piece->first_channel;
}

/* How far it is to chunk `next`. */
static void chunk_look_ahead(const struct pass *p, struct chunk *c, size_t next)
{
    const struct conv2d *g = p->g;
    struct chunk n = *c;
    chunk_move(p, &n, next);
    c->x_ahead = (n.x - c->x) + ((ptrdiff_t)n.first_row - (ptrdiff_t)c->first_row) *
                                    (ptrdiff_t)(g->h.stride * g->w.in * g->c);
    c->dy_ahead = outputs_at(p, &n, 0) - outputs_at(p, c, 0);
}

/* Adds a block's sums of some channels, a unit, to the weight gradients (width, depth, taps), and the bias
 * with the first channels of all. `sums`: the piece's, of the first part. */
static void hand_over(const struct pass *p, const struct piece *piece, size_t block, size_t unit,
                      const float *sums)
{
    size_t depth = piece_depth(piece), first = unit * UNIT_CHANNELS,
           out = piece->group * p->width + block * p->block_width;
    struct transposed_sums t = {.parts = p->parts,
                                .from_part = p->pieces * p->sum_floats,
                                .to_row = p->depth * p->taps,
                                .to_step = p->taps,
                                .outputs = block_columns(p, block),
                                .inputs = size_min(UNIT_CHANNELS, depth - first)};
    t.from_row = tile_width(p->kernel, t.outputs);
    sums += (block - piece->first_block) * p->block_floats;
    for (size_t tap = 0; tap < p->taps; tap++) {
        t.from = sums + (tap * depth + first) * t.from_row;
        t.to = p->dweight + (out * p->depth + piece->first_channel + first) * p->taps + tap;
        transposed_sums_add(&t);
    }
    if (!p->dbias || piece->first_channel + first > 0)
        return;
    t.from = sums + p->taps * p->slice_depth * p->block_width;
    t.to = p->dbias + out;
    t.to_row = t.inputs = 1;
    transposed_sums_add(&t);
}

static void task_compute(const void *work, size_t task, size_t thread)
{
    const struct pass *p = work;
    struct piece piece = piece_at(p, task % p->pieces);
    struct chunk c = {.piece = &piece,
                      .runs = p->runs + thread * p->taps * p->run_count,
                      .run_counts = p->run_counts + thread * p->taps};
    float *sums = p->sums + (p->parts == 1 ? thread : task) * p->sum_floats;
    size_t first = size_cut(p->chunks, p->parts, task / p->pieces),
           stop = size_cut(p->chunks, p->parts, task / p->pieces + 1);
    for (size_t i = first; i < stop; i++) {
        chunk_move(p, &c, i);
        c.is_first = i == first;
        c.has_next = i + 1 < stop;
        if (c.has_next)
            chunk_look_ahead(p, &c, i + 1);
        for (size_t block = piece.first_block; block < piece.last_block; block++)
            block_compute(p, &c, block, sums + (block - piece.first_block) * p->block_floats, thread);
    }
    if (p->parts > 1)
        return;
    for (size_t block = piece.first_block; block < piece.last_block; block++)
        for (size_t unit = 0; unit * UNIT_CHANNELS < piece_depth(&piece); unit++)
            hand_over(p, &piece, block, unit, sums);
}

/* Where there are several parts. */
static void unit_hand_over(const void *work, size_t index, size_t thread)
{
    const struct pass *p = work;
    size_t units = size_divide_up(p->slice_depth, UNIT_CHANNELS), unit = index % units,
           i = index / units / p->strip_blocks;
    struct piece piece = piece_at(p, i);
    size_t block = piece.first_block + index / units % p->strip_blocks;
    (void)thread;
    if (block < piece.last_block && unit * UNIT_CHANNELS < piece_depth(&piece))
        hand_over(p, &piece, block, unit, p->sums + i * p->sum_floats);
}

void conv2d_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy, float *dweight,
                            float *dbias, void *workspace, int threads)
{
    size_t bytes;
    if (g->winograd) {
        conv2d_winograd_backward_weight(g, n, x, dy, dweight, dbias, workspace, threads);
        return;
    }
    if (!g->bf16 && conv2d_weight_few_fits(g) &&
        conv2d_weight_few(g, n, x, dy, dweight, dbias, workspace, threads))
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
    parallel_for(p.parts * p.pieces, threads, task_compute, &p);
    if (p.parts > 1)
        parallel_for(p.pieces * p.strip_blocks * size_divide_up(p.slice_depth, UNIT_CHANNELS), threads,
                     unit_hand_over, &p);
}
