#include "core/kernels/conv2d_bf16.h"

#include "core/kernels/bf16.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"
#include "core/kernels/transpose.h"

#include <string.h>

enum {
    TASK_BYTES = 512 * 1024,    /* of sources and targets, half a cache of 1 MiB */
    TASK_WEIGHTS = 1024 * 1024, /* bytes that stay near while a task goes through its pixels */
};

/* Pixels of a side of the convolution: those of the outputs, or the inputs that outputs read. */
struct side {
    size_t channels, pixel, row, image; /* floats from one to the next */
};

struct pass {
    const struct tile_kernel *kernel;
    struct side source, target;
    size_t h, w, pixels;        /* outputs of an image; of all */
    size_t slots, slot_step;    /* of a source pixel; from one rounded pixel to the next */
    size_t blocks, block_width; /* of target channels */
    size_t strips;              /* of blocks, whose weights stay near */
    size_t tasks;               /* of pixels */
    float *packed, *bias;       /* (block, slots, block_width); (block, block_width) */
    float *tiles;               /* (thread): rounded pixels (rows, slot_step), or weights to be packed */
    bool has_bias, relu, backward;
    const float *relu_output;
    const float *from, *weight;
    float *to;
};

bool conv2d_bf16_can(const struct conv2d *g)
{
    return g->groups == 1 && g->h.kernel == 1 && g->w.kernel == 1 && g->h.pad == 0 && g->h.pad_end == 0 &&
           g->w.pad == 0 && g->w.pad_end == 0;
}

static size_t thread_floats(const struct pass *p)
{
    return size_max(p->kernel->rows, p->block_width) * p->slot_step;
}

static struct pass pass_init(const struct conv2d *g, bool backward, int threads, void *workspace,
                             size_t *bytes)
{
    struct side in = {g->c, g->w.stride * g->c, g->h.stride * g->w.in * g->c, g->h.in * g->w.in * g->c},
                out = {g->oc, g->oc, g->w.out * g->oc, g->h.out * g->w.out * g->oc};
    struct pass p = {.kernel = g->bf16,
                     .source = backward ? out : in,
                     .target = backward ? in : out,
                     .h = g->h.out,
                     .w = g->w.out,
                     .backward = backward};
    p.slots = size_divide_up(p.source.channels, 2);
    p.slot_step = (size_divide_up(p.slots, LINE_FLOATS) | 1) * LINE_FLOATS;
    p.block_width = 2 * p.kernel->vector;
    p.blocks = size_divide_up(p.target.channels, p.block_width);
    size_t weights = p.blocks * p.slots * p.block_width * sizeof(float);
    p.strips = size_min(size_divide_up(weights, TASK_WEIGHTS), p.blocks);
    struct workspace w = {.memory = workspace};
    p.packed = workspace_take(&w, weights);
    p.bias = workspace_take(&w, p.blocks * p.block_width * sizeof *p.bias);
    p.tiles = workspace_take(&w, (size_t)threads * thread_floats(&p) * sizeof *p.tiles);
    *bytes = w.used;
    return p;
}

size_t conv2d_bf16_data_workspace(const struct conv2d *g, int threads)
{
    size_t forward, backward;
    pass_init(g, false, threads, NULL, &forward);
    pass_init(g, true, threads, NULL, &backward);
    return size_max(forward, backward);
}

static size_t block_columns(const struct pass *p, size_t block)
{
    return size_min(p->block_width, p->target.channels - block * p->block_width);
}

/* Forward: weight (target, source); backward: (source, target). To (slots, block_width) of a block. */
static void block_pack(const void *work, size_t block, size_t thread)
{
    const struct pass *p = work;
    size_t first = block * p->block_width, columns = block_columns(p, block), depth = p->source.channels;
    float *to = p->packed + block * p->slots * p->block_width, *lines = p->tiles + thread * thread_floats(p);
    if (columns < p->block_width)
        memset(to, 0, p->slots * p->block_width * sizeof *to);
    if (!p->backward) {
        for (size_t j = 0; j < columns; j++)
            p->kernel->bf16->neighbours(p->weight + (first + j) * depth, depth, lines + j * p->slot_step);
        transpose(lines, p->slot_step, 1, to, p->block_width, columns, p->slots);
        return;
    }
    for (size_t i = 0; i < p->slots; i++) {
        const float *line = p->weight + 2 * i * p->target.channels + first;
        p->kernel->bf16->lines(line, 2 * i + 1 < depth ? line + p->target.channels : NULL, columns,
                               to + i * p->block_width);
    }
}

static size_t pixel_offset(const struct pass *p, const struct side *side, size_t pixel)
{
    return pixel / (p->h * p->w) * side->image + pixel / p->w % p->h * side->row + pixel % p->w * side->pixel;
}

/* Goes through the blocks of a strip with some pixels, and asks for the next tile's meanwhile. */
static void tile_compute(const struct pass *p, size_t first_block, size_t last_block, size_t pixel,
                         size_t count, size_t next, float *rounded)
{
    const float *a[TILE_ROWS_MAX], *ahead[TILE_ROWS_MAX];
    float *c[TILE_ROWS_MAX];
    struct tile_run run = {.length = p->slots};
    struct tile_product product = {.runs = &run,
                                   .run_count = 1,
                                   .a_step = 1,
                                   .b_step = p->block_width,
                                   .relu = p->relu,
                                   .relu_output = p->relu_output,
                                   .origin = p->to};
    for (size_t m = 0; m < count; m++) {
        p->kernel->bf16->neighbours(p->from + pixel_offset(p, &p->source, pixel + m), p->source.channels,
                                    rounded + m * p->slot_step);
        a[m] = rounded + m * p->slot_step;
        ahead[m] = p->from + pixel_offset(p, &p->source, size_min(next + m, p->pixels - 1));
        c[m] = p->to + pixel_offset(p, &p->target, pixel + m) + first_block * p->block_width;
    }
    for (size_t block = first_block; block < last_block; block++) {
        size_t columns = block_columns(p, block);
        for (size_t m = 0; block + 1 < last_block && m < count; m++)
            for (size_t i = 0; i < block_columns(p, block + 1); i += LINE_FLOATS)
                __builtin_prefetch(c[m] + p->block_width + i, 1);
        if (p->has_bias)
            product.bias = p->bias + block * p->block_width;
        product.ahead_rows = block + 1 == last_block ? ahead : NULL;
        p->kernel->product(&product, count, columns, a, p->packed + block * p->slots * p->block_width, c);
        for (size_t m = 0; m < count; m++)
            c[m] += p->block_width;
    }
}

static void task_compute(const void *work, size_t task, size_t thread)
{
    const struct pass *p = work;
    size_t strip = task % p->strips, first = size_cut(p->pixels, p->tasks, task / p->strips),
           pixels = size_cut(p->pixels, p->tasks, task / p->strips + 1) - first,
           tiles = size_divide_up(pixels, p->kernel->rows);
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t pixel = first + size_cut(pixels, tiles, tile),
               next = first + size_cut(pixels, tiles, tile + 1);
        tile_compute(p, size_cut(p->blocks, p->strips, strip), size_cut(p->blocks, p->strips, strip + 1),
                     pixel, next - pixel, next, p->tiles + thread * thread_floats(p));
    }
}

static void pass_run(struct pass *p, size_t n, const float *from, const float *weight, float *to, int threads)
{
    p->from = from;
    p->weight = weight;
    p->to = to;
    p->pixels = n * p->h * p->w;
    size_t bytes = p->pixels * (p->source.channels + p->target.channels / p->strips) * sizeof(float),
           wanted = parallel_enough(threads);
    p->tasks = size_max(size_divide_up(bytes, TASK_BYTES), size_divide_up(wanted, p->strips));
    p->tasks = size_min(p->tasks, size_divide_up(p->pixels, p->kernel->rows));
    parallel_for(p->blocks, threads, block_pack, p);
    parallel_for(p->tasks * p->strips, threads, task_compute, p);
}

void conv2d_bf16_forward(const struct conv2d *g, size_t n, const float *x, const float *weight,
                         const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads)
{
    size_t bytes;
    struct pass p = pass_init(g, false, threads, workspace, &bytes);
    p.has_bias = epilogue->bias != NULL;
    p.relu = epilogue->relu;
    memset(p.bias, 0, p.blocks * p.block_width * sizeof *p.bias);
    if (p.has_bias)
        memcpy(p.bias, epilogue->bias, g->oc * sizeof *p.bias);
    pass_run(&p, n, x, weight, y, threads);
}

/* Inputs that no output reads. */
static void image_clear(const void *work, size_t image, size_t thread)
{
    const struct pass *p = work;
    (void)thread;
    memset(p->to + image * p->target.image, 0, p->target.image * sizeof *p->to);
}

void conv2d_bf16_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                                const float *relu_output, float *dx, void *workspace, int threads)
{
    size_t bytes;
    struct pass p = pass_init(g, true, threads, workspace, &bytes);
    p.relu_output = relu_output;
    p.to = dx;
    if (g->h.out * g->w.out < g->h.in * g->w.in)
        parallel_for(n, threads, image_clear, &p);
    pass_run(&p, n, dy, weight, dx, threads);
}
