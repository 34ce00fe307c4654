#include "core/kernels/conv2d_winograd.h"

#include "core/kernels/axis.h"
#include "core/kernels/conv2d_winograd_tile.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"
#include "core/kernels/winograd.h"

#include <string.h>

enum {
    CHANNELS_MIN = 12, /* of both sides, which pay for the transforms */
    WORTH = 3,         /* halves of a direct multiplication that one of these takes */
    BLOCK_BYTES =
        640 * 1024,      /* of a block's transformed inputs and products: they stay in a cache of 1 MiB */
    BLOCK_TILES_MIN = 4, /* times the rows of a product */
    BLOCK_TILES_MAX = 16,
    FETCH_FLOATS = 64, /* of each pixel of the next tile, at most */
};

/* Forward, or the input gradient. */
struct pass {
    const struct tile_kernel *kernel;
    const struct winograd *winograd;
    struct side source, target;
    size_t pad_h, pad_w; /* a tile's first source row is its first target row less pad_h */
    size_t tiles_h, tiles_w, n;
    bool turned; /* the weights are (depth, width) and turned around */

    size_t depth_step;          /* source channels, to whole registers */
    size_t block_width, blocks; /* of target channels */
    size_t weight_step;         /* floats from one position's weights to the next */
    size_t tiles;               /* of a task */
    size_t source_step,
        target_step;     /* floats from one position's transformed inputs, or products, to the next */
    float *weights;      /* (position, block, depth, block_width) */
    float *sources;      /* (thread, position, tile, depth_step) */
    float *products;     /* (thread, position, tile, block_width) */
    float *bias, *zeros; /* (blocks * block_width), (depth_step) */

    const float *from, *weight;
    float *to;
    struct winograd_epilogue epilogue;
};

bool conv2d_winograd_can(const struct conv2d *g)
{
    const struct window *h = &g->h, *w = &g->w;
    return h->kernel == 3 && w->kernel == 3 && h->stride == 1 && w->stride == 1 && h->dilation == 1 &&
           w->dilation == 1 && h->pad <= 2 && w->pad <= 2 && g->groups == 1;
}

/* Kernel positions inside the image, of all outputs along an axis. */
static size_t taps_inside(const struct window *w)
{
    size_t count = 0;
    for (size_t k = 0; k < w->kernel; k++) {
        struct window_range outputs = axis_outputs(w, k);
        count += outputs.last - outputs.first;
    }
    return count;
}

bool conv2d_winograd_fits(const struct conv2d *g)
{
    if (!conv2d_winograd_can(g) || g->c < CHANNELS_MIN || g->oc < CHANNELS_MIN)
        return false;
    size_t direct = taps_inside(&g->h) * taps_inside(&g->w);
    return WORTH * WINOGRAD_POSITIONS * winograd_tiles(g->h.out) * winograd_tiles(g->w.out) <= 2 * direct;
}

static size_t tiles_max(const struct pass *p, size_t n, int threads)
{
    size_t rows = p->kernel->rows, all = n * p->tiles_h * p->tiles_w;
    size_t tile = WINOGRAD_POSITIONS * (p->depth_step + p->block_width) * sizeof(float);
    size_t tiles = size_min(size_max(BLOCK_BYTES / tile / rows, BLOCK_TILES_MIN), BLOCK_TILES_MAX) * rows;
    size_t tasks = parallel_enough(threads);
    return size_min(tiles, size_divide_up(size_divide_up(all, tasks), rows) * rows);
}

static struct pass pass_init(const struct conv2d *g, bool backward, size_t n, int threads, void *workspace,
                             size_t *bytes)
{
    struct side in = {g->h.in, g->w.in, g->c}, out = {g->h.out, g->w.out, g->oc};
    struct pass p = {.kernel = g->kernel,
                     .winograd = g->kernel->winograd,
                     .source = backward ? out : in,
                     .target = backward ? in : out,
                     .pad_h = backward ? 2 - g->h.pad : g->h.pad,
                     .pad_w = backward ? 2 - g->w.pad : g->w.pad,
                     .turned = backward,
                     .n = n};
    p.tiles_h = winograd_tiles(p.target.h);
    p.tiles_w = winograd_tiles(p.target.w);
    p.depth_step = size_divide_up(p.source.channels, p.kernel->vector) * p.kernel->vector;
    p.block_width = tile_width(p.kernel, p.target.channels);
    p.blocks = size_divide_up(p.target.channels, p.block_width);
    p.weight_step = p.blocks * p.source.channels * p.block_width + LINE_FLOATS;
    p.tiles = tiles_max(&p, n, threads);
    p.source_step = p.tiles * p.depth_step + LINE_FLOATS;
    p.target_step = p.tiles * p.block_width + LINE_FLOATS;
    struct workspace w = {.memory = workspace};
    p.weights = workspace_take(&w, WINOGRAD_POSITIONS * p.weight_step * sizeof *p.weights);
    p.sources = workspace_take(&w, (size_t)threads * WINOGRAD_POSITIONS * p.source_step * sizeof *p.sources);
    p.products =
        workspace_take(&w, (size_t)threads * WINOGRAD_POSITIONS * p.target_step * sizeof *p.products);
    p.bias = workspace_take(&w, p.blocks * p.block_width * sizeof *p.bias);
    p.zeros = workspace_take(&w, p.depth_step * sizeof *p.zeros);
    *bytes = w.used;
    return p;
}

size_t conv2d_winograd_data_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t forward, backward;
    pass_init(g, false, n, threads, NULL, &forward);
    pass_init(g, true, n, threads, NULL, &backward);
    return size_max(forward, backward);
}

/* A block's weights (width, depth, 3x3), or turned (depth, width, 3x3), to all positions. */
static void weights_transform(const void *work, size_t block, size_t thread)
{
    const struct pass *p = work;
    (void)thread;
    size_t depth = p->source.channels, width = p->target.channels, first = block * p->block_width;
    size_t columns = size_min(p->block_width, width - first);
    float taps[WINOGRAD_TAPS * 2 * TILE_VECTOR_MAX] = {0};
    for (size_t i = 0; i < depth; i++) {
        for (size_t j = 0; j < columns; j++) {
            size_t o = first + j;
            const float *from = p->weight + (p->turned ? i * width + o : o * depth + i) * WINOGRAD_TAPS;
            for (size_t k = 0; k < WINOGRAD_TAPS; k++)
                taps[(p->turned ? WINOGRAD_TAPS - 1 - k : k) * p->block_width + j] = from[k];
        }
        p->winograd->weight(p->block_width, taps, p->block_width,
                            p->weights + (block * depth + i) * p->block_width, p->weight_step);
    }
}

/* One position's product of a block of target channels. */
static void multiply(const struct pass *p, size_t position, size_t block, size_t count, const float *sources,
                     float *products)
{
    size_t depth = p->source.channels, parts = size_divide_up(count, p->kernel->rows);
    struct tile_run run = {.length = depth};
    struct tile_product product = {.runs = &run, .run_count = 1, .a_step = 1, .b_step = p->block_width};
    size_t columns = tile_width(p->kernel, p->target.channels - block * p->block_width);
    const float *b = p->weights + position * p->weight_step + block * depth * p->block_width;
    for (size_t part = 0; part < parts; part++) {
        size_t first = size_cut(count, parts, part), rows = size_cut(count, parts, part + 1) - first;
        const float *a[TILE_ROWS_MAX];
        float *c[TILE_ROWS_MAX];
        for (size_t m = 0; m < rows; m++) {
            a[m] = sources + position * p->source_step + (first + m) * p->depth_step;
            c[m] = products + position * p->target_step + (first + m) * p->block_width;
        }
        p->kernel->product(&product, rows, columns, a, b, c);
    }
}

/* A block of target channels goes out. */
static void block_finish(const struct pass *p, size_t first, size_t count, size_t block,
                         const float *products)
{
    size_t channel = block * p->block_width, columns = size_min(p->block_width, p->target.channels - channel);
    struct winograd_epilogue epilogue = p->epilogue;
    if (epilogue.bias)
        epilogue.bias += channel;
    for (size_t t = 0; t < count; t++) {
        const float *target[WINOGRAD_PIXELS];
        float *pixel[WINOGRAD_PIXELS];
        winograd_outputs(&p->target, winograd_place(p->tiles_h, p->tiles_w, first + t), p->to, NULL, target);
        for (size_t i = 0; i < WINOGRAD_PIXELS; i++)
            pixel[i] = target[i] ? p->to + (target[i] - p->to) + channel : NULL;
        p->winograd->output(&epilogue, columns, products + t * p->block_width, p->target_step, pixel);
    }
}

static void source_pixels(const struct pass *p, size_t tile, const float **pixel)
{
    winograd_inputs(&p->source, winograd_place(p->tiles_h, p->tiles_w, tile), p->pad_h, p->pad_w, p->from,
                    p->zeros, pixel);
}

static void task_run(const void *work, size_t index, size_t thread)
{
    const struct pass *p = work;
    float *sources = p->sources + thread * WINOGRAD_POSITIONS * p->source_step,
          *products = p->products + thread * WINOGRAD_POSITIONS * p->target_step;
    size_t first = index * p->tiles, count = size_min(p->tiles, p->n * p->tiles_h * p->tiles_w - first);
    const float *pixel[2][WINOGRAD_POSITIONS];
    source_pixels(p, first, pixel[0]);
    for (size_t t = 0; t < count; t++) {
        if (t + 1 < count) {
            source_pixels(p, first + t + 1, pixel[(t + 1) % 2]);
            winograd_fetch(pixel[(t + 1) % 2], WINOGRAD_POSITIONS,
                           size_min(p->source.channels, FETCH_FLOATS));
        }
        p->winograd->input(p->source.channels, pixel[t % 2], sources + t * p->depth_step, p->source_step);
    }
    for (size_t block = 0; block < p->blocks; block++) {
        for (size_t position = 0; position < WINOGRAD_POSITIONS; position++)
            multiply(p, position, block, count, sources, products);
        block_finish(p, first, count, block, products);
    }
}

static void pass_run(struct pass *p, const float *source, const float *weight, float *target, int threads)
{
    p->from = source;
    p->weight = weight;
    p->to = target;
    memset(p->zeros, 0, p->depth_step * sizeof *p->zeros);
    parallel_for(p->blocks, threads, weights_transform, p);
    parallel_for(size_divide_up(p->n * p->tiles_h * p->tiles_w, p->tiles), threads, task_run, p);
}

void conv2d_winograd_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                             const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads)
{
    size_t bytes;
    struct pass p = pass_init(g, false, n, threads, workspace, &bytes);
    p.epilogue.relu = epilogue->relu;
    if (epilogue->bias) {
        memset(p.bias, 0, p.blocks * p.block_width * sizeof *p.bias);
        memcpy(p.bias, epilogue->bias, g->oc * sizeof *p.bias);
        p.epilogue.bias = p.bias;
    }
    pass_run(&p, x, weight, y, threads);
}

void conv2d_winograd_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                                    const float *relu_output, float *dx, void *workspace, int threads)
{
    size_t bytes;
    struct pass p = pass_init(g, true, n, threads, workspace, &bytes);
    p.epilogue.relu_output = relu_output;
    p.epilogue.origin = dx;
    pass_run(&p, dy, weight, dx, threads);
}
