#include "core/kernels/conv2d_winograd.h"

#include "core/kernels/conv2d_winograd_tile.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"
#include "core/kernels/winograd.h"

#include <string.h>

enum {
    PARTS = 16,                    /* wanted, where their sums are small: */
    PART_SUM_BYTES = 256 * 1024,   /* at most, of one part */
    PART_TILES = 64,               /* at least */
    PART_CHUNK_BYTES = 512 * 1024, /* of transformed tiles, which stay in a cache of 1 MiB */
    CHUNK_BYTES =
        8 * 1024 * 1024, /* else; much more than the sums, which are read and written once for each */
    TASK_TILES = 16,     /* transformed at a time */
    UNIT_CHANNELS = 16,  /* input channels that are handed over at a time */
    FETCH_FLOATS = 64,   /* of each pixel of the next tile, at most */
};

/* Tiles of inputs and output gradients are transformed, a chunk of them, and then their products added to the
 * sums of all positions. Where these are small, the tiles are cut into parts that have sums of their own,
 * each worked off by one thread. Else all threads share a chunk, tiles at first and then positions, so that
 * each sum is one chain over all tiles. */
struct pass {
    const struct tile_kernel *kernel;
    const struct winograd *winograd;
    const struct conv2d *g;
    struct side in, out;
    size_t tiles_h, tiles_w, tiles;
    size_t depth_step, block_width, blocks, width; /* input channels; output channels in all blocks */
    size_t parts, part_tiles, chunk_tiles;         /* a multiple of TASK_TILES */
    size_t input_step, output_step, sum_step;      /* floats from one position to the next */
    float *inputs;                                 /* (thread, position, tile, depth_step) */
    float *outputs;                                /* (thread, position, block, tile, block_width) */
    float *sums;                                   /* (part, position, block, depth, block_width) */
    float *task_bias, *bias;                       /* (thread, task, width), (part, width) */
    float *zeros;
    const float *x, *dy;
    float *dweight, *dbias;
};

/* By the shapes and n only, for the order of the sums depends on it. */
static void plan_parts(struct pass *p, bool is_part)
{
    size_t sum_bytes = WINOGRAD_POSITIONS * p->sum_step * sizeof(float), bytes = PART_CHUNK_BYTES;
    p->parts = 1;
    if (sum_bytes > (is_part ? 2 * PART_SUM_BYTES : PART_SUM_BYTES))
        bytes = CHUNK_BYTES;
    else if (!is_part)
        p->parts = size_max(1, size_min(p->tiles / PART_TILES, PARTS));
    p->part_tiles = size_divide_up(size_divide_up(p->tiles, p->parts), TASK_TILES) * TASK_TILES;
    p->parts = size_divide_up(p->tiles, p->part_tiles);
    size_t tile = WINOGRAD_POSITIONS * (p->depth_step + p->width) * sizeof(float);
    size_t all = size_divide_up(p->tiles, TASK_TILES), most = size_max(1, bytes / tile / TASK_TILES);
    p->chunk_tiles = size_min(all, most) * TASK_TILES;
}

/* Threads that have a part at a time, each with memory for a chunk. */
static size_t chunks_at_work(int threads)
{
    return size_min((size_t)threads, PARTS);
}

static struct pass pass_init(const struct conv2d *g, size_t n, int threads, void *workspace, size_t *bytes)
{
    struct pass p = {.kernel = g->kernel,
                     .winograd = g->kernel->winograd,
                     .g = g,
                     .in = {g->h.in, g->w.in, g->c},
                     .out = {g->h.out, g->w.out, g->oc},
                     .tiles_h = winograd_tiles(g->h.out),
                     .tiles_w = winograd_tiles(g->w.out)};
    p.tiles = n * p.tiles_h * p.tiles_w;
    p.depth_step = size_divide_up(g->c, p.kernel->vector) * p.kernel->vector;
    p.block_width = tile_width(p.kernel, g->oc);
    p.blocks = size_divide_up(g->oc, p.block_width);
    p.width = p.blocks * p.block_width;
    p.sum_step = g->c * p.width + LINE_FLOATS;
    plan_parts(&p, g->is_part);
    p.input_step = p.chunk_tiles * p.depth_step + LINE_FLOATS;
    p.output_step = p.chunk_tiles * p.width + LINE_FLOATS;
    size_t chunks = p.parts > 1 ? chunks_at_work(threads) : 1;
    size_t parts = p.parts > 1 ? PARTS : 1; /* a few parts need no less memory than many */
    struct workspace w = {.memory = workspace};
    p.inputs = workspace_take(&w, chunks * WINOGRAD_POSITIONS * p.input_step * sizeof *p.inputs);
    p.outputs = workspace_take(&w, chunks * WINOGRAD_POSITIONS * p.output_step * sizeof *p.outputs);
    p.sums = workspace_take(&w, parts * WINOGRAD_POSITIONS * p.sum_step * sizeof *p.sums);
    p.task_bias = workspace_take(&w, chunks * p.chunk_tiles / TASK_TILES * p.width * sizeof *p.task_bias);
    p.bias = workspace_take(&w, parts * p.width * sizeof *p.bias);
    p.zeros = workspace_take(&w, size_max(p.depth_step, p.width) * sizeof *p.zeros);
    *bytes = w.used;
    return p;
}

size_t conv2d_winograd_weight_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t bytes;
    pass_init(g, n, threads, NULL, &bytes);
    return bytes;
}

/* Tiles first .. first+count-1, and where they go. */
struct chunk {
    const struct pass *p;
    size_t first, count;
    float *inputs, *outputs, *sums, *task_bias;
};

struct tile_pixels {
    const float *input[WINOGRAD_POSITIONS], *output[WINOGRAD_PIXELS];
};

static void tile_pixels(const struct pass *p, size_t tile, struct tile_pixels *pixels)
{
    struct winograd_place at = winograd_place(p->tiles_h, p->tiles_w, tile);
    winograd_inputs(&p->in, at, p->g->h.pad, p->g->w.pad, p->x, p->zeros, pixels->input);
    winograd_outputs(&p->out, at, p->dy, p->zeros, pixels->output);
}

/* TASK_TILES tiles, inputs and output gradients, and their part of the bias gradients. */
static void tiles_transform(const void *work, size_t task, size_t thread)
{
    const struct chunk *c = work;
    const struct pass *p = c->p;
    (void)thread;
    float *bias = p->dbias ? c->task_bias + task * p->width : NULL;
    if (bias)
        memset(bias, 0, p->width * sizeof *bias);
    size_t first = task * TASK_TILES, last = size_min(first + TASK_TILES, c->count);
    struct tile_pixels pixels[2];
    tile_pixels(p, c->first + first, &pixels[first % 2]);
    for (size_t t = first; t < last; t++) {
        const float **output = pixels[t % 2].output;
        if (t + 1 < last) {
            tile_pixels(p, c->first + t + 1, &pixels[(t + 1) % 2]);
            winograd_fetch(pixels[(t + 1) % 2].input, WINOGRAD_POSITIONS, size_min(p->g->c, FETCH_FLOATS));
            winograd_fetch(pixels[(t + 1) % 2].output, WINOGRAD_PIXELS, size_min(p->g->oc, FETCH_FLOATS));
        }
        p->winograd->input(p->g->c, pixels[t % 2].input, c->inputs + t * p->depth_step, p->input_step);
        for (size_t block = 0; block < p->blocks; block++) {
            size_t channel = block * p->block_width;
            p->winograd->gradient(size_min(p->block_width, p->g->oc - channel), output,
                                  c->outputs + (block * p->chunk_tiles + t) * p->block_width, p->output_step,
                                  bias ? bias + channel : NULL);
            for (size_t i = 0; i < WINOGRAD_PIXELS; i++)
                output[i] += output[i] == p->zeros ? 0 : p->block_width;
        }
    }
}

/* The product of one position and block of output channels. */
static void position_add(const void *work, size_t index, size_t thread)
{
    const struct chunk *c = work;
    const struct pass *p = c->p;
    (void)thread;
    size_t position = index / p->blocks, block = index % p->blocks, depth = p->g->c,
           parts = size_divide_up(depth, p->kernel->rows);
    size_t columns = tile_width(p->kernel, size_min(p->block_width, p->g->oc - block * p->block_width));
    struct tile_run run = {.length = c->count};
    struct tile_product product = {.runs = &run,
                                   .run_count = 1,
                                   .a_step = p->depth_step,
                                   .b_step = p->block_width,
                                   .adjacent = true,
                                   .accumulate = true};
    const float *b = c->outputs + position * p->output_step + block * p->chunk_tiles * p->block_width;
    for (size_t part = 0; part < parts; part++) {
        size_t first = size_cut(depth, parts, part), rows = size_cut(depth, parts, part + 1) - first;
        const float *a = c->inputs + position * p->input_step + first;
        float *to[TILE_ROWS_MAX];
        for (size_t m = 0; m < rows; m++)
            to[m] = c->sums + position * p->sum_step + (block * depth + first + m) * p->block_width;
        p->kernel->product(&product, rows, columns, &a, b, to);
    }
}

static void part_compute(const struct pass *p, size_t part, size_t thread, int threads)
{
    struct chunk c = {.p = p,
                      .inputs = p->inputs + thread * WINOGRAD_POSITIONS * p->input_step,
                      .outputs = p->outputs + thread * WINOGRAD_POSITIONS * p->output_step,
                      .sums = p->sums + part * WINOGRAD_POSITIONS * p->sum_step,
                      .task_bias = p->task_bias + thread * p->chunk_tiles / TASK_TILES * p->width};
    size_t last = size_min((part + 1) * p->part_tiles, p->tiles);
    float *bias = p->bias + part * p->width;
    memset(c.sums, 0, WINOGRAD_POSITIONS * p->sum_step * sizeof *c.sums);
    memset(bias, 0, p->width * sizeof *bias);
    for (c.first = part * p->part_tiles; c.first < last; c.first += p->chunk_tiles) {
        c.count = size_min(p->chunk_tiles, last - c.first);
        size_t tasks = size_divide_up(c.count, TASK_TILES);
        parallel_for(tasks, threads, tiles_transform, &c);
        parallel_for(WINOGRAD_POSITIONS * p->blocks, threads, position_add, &c);
        for (size_t i = 0; p->dbias && i < tasks * p->width; i++)
            bias[i % p->width] += c.task_bias[i];
    }
}

static void part_run(const void *work, size_t part, size_t thread)
{
    part_compute(work, part, thread, 1);
}

/* Some input channels of a block: the parts' sums together, back to 3x3 taps, and added to the weight
 * gradients (oc, c, 3x3). */
static void hand_over(const void *work, size_t index, size_t thread)
{
    const struct pass *p = work;
    (void)thread;
    size_t depth = p->g->c, units = size_divide_up(depth, UNIT_CHANNELS), block = index / units,
           first = index % units * UNIT_CHANNELS, last = size_min(first + UNIT_CHANNELS, depth);
    size_t channel = block * p->block_width, columns = size_min(p->block_width, p->g->oc - channel);
    float taps[WINOGRAD_TAPS * 2 * TILE_VECTOR_MAX];
    for (size_t part = 1; part < p->parts; part++)
        for (size_t position = 0; position < WINOGRAD_POSITIONS; position++) {
            size_t from = position * p->sum_step + block * depth * p->block_width;
            const float *other = p->sums + part * WINOGRAD_POSITIONS * p->sum_step;
            for (size_t e = from + first * p->block_width; e < from + last * p->block_width; e++)
                p->sums[e] += other[e];
        }
    for (size_t i = first; i < last; i++) {
        p->winograd->weight_gradient(columns, p->sums + (block * depth + i) * p->block_width, p->sum_step,
                                     taps, p->block_width);
        for (size_t o = 0; o < columns; o++) {
            float *to = p->dweight + ((channel + o) * depth + i) * WINOGRAD_TAPS;
            for (size_t k = 0; k < WINOGRAD_TAPS; k++)
                to[k] += taps[k * p->block_width + o];
        }
    }
}

void conv2d_winograd_backward_weight(const struct conv2d *g, size_t n, const float *x, const float *dy,
                                     float *dweight, float *dbias, void *workspace, int threads)
{
    size_t bytes;
    struct pass p = pass_init(g, n, threads, workspace, &bytes);
    p.x = x;
    p.dy = dy;
    p.dweight = dweight;
    p.dbias = dbias;
    memset(p.zeros, 0, size_max(p.depth_step, p.width) * sizeof *p.zeros);
    if (p.parts > 1)
        parallel_for(p.parts, (int)chunks_at_work(threads), part_run, &p);
    else
        part_compute(&p, 0, 0, threads);
    parallel_for(p.blocks * size_divide_up(g->c, UNIT_CHANNELS), threads, hand_over, &p);
    for (size_t part = 0; dbias && part < p.parts; part++)
        for (size_t o = 0; o < g->oc; o++)
            dbias[o] += p.bias[part * p.width + o];
}
