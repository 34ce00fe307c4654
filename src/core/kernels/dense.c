#include "core/kernels/dense.h"

#include "core/kernels/activation.h"
#include "core/kernels/cut.h"
#include "core/kernels/gemm.h"
#include "core/kernels/parallel.h"

#include <string.h>

enum {
    OWN_WEIGHTS = 1024 * 1024, /* more are OpenBLAS's: 4 MiB */
    ROWS = 64,
    OUTS = 32,
    INS = 256,     /* of a block there */
    SAMPLES = 128, /* of a weight gradient's product */
    COLUMNS_MAX = 2 * TILE_VECTOR_MAX,
};

static bool is_large(const struct dense *g)
{
    return g->in * g->out > OWN_WEIGHTS && !g->bf16;
}

/* One pixel. */
static struct conv2d convolution(const struct dense *g)
{
    struct window one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    return (struct conv2d){
        .h = one, .w = one, .c = g->in, .oc = g->out, .groups = 1, .kernel = g->kernel, .bf16 = g->bf16};
}

size_t dense_workspace(const struct dense *g, size_t n, int threads)
{
    struct conv2d c = convolution(g);
    return is_large(g) ? 0 : conv2d_data_workspace(&c, n, threads);
}

static size_t block_size(size_t count, size_t size, size_t block)
{
    return size_min(size, count - block * size);
}

/* A large product's tasks: blocks of samples' rows, and of columns. */
struct large {
    size_t n, in, out, columns; /* blocks of columns */
    const float *from, *weight, *bias;
    float *to;
};

static void forward_task(const void *work, size_t task, size_t thread)
{
    const struct large *g = work;
    size_t row = task / g->columns, rows = block_size(g->n, ROWS, row), column = task % g->columns,
           first = column * OUTS, outs = block_size(g->out, OUTS, column);
    float *to = g->to + row * ROWS * g->out + first;
    (void)thread;
    for (size_t r = 0; g->bias && r < rows; r++)
        memcpy(to + r * g->out, g->bias + first, outs * sizeof *g->bias);
    gemm(false, true, rows, outs, g->in, g->from + row * ROWS * g->in, g->in, g->weight + first * g->in,
         g->in, g->bias ? 1 : 0, to, g->out);
}

static void large_forward(size_t n, size_t in, size_t out, const float *x, const float *weight,
                          const float *bias, float *y, int threads)
{
    struct large g = {.n = n,
                      .in = in,
                      .out = out,
                      .columns = size_divide_up(out, OUTS),
                      .from = x,
                      .weight = weight,
                      .bias = bias,
                      .to = y};
    parallel_for(size_divide_up(n, ROWS) * g.columns, threads, forward_task, &g);
}

void dense_forward(const struct dense *g, size_t n, const float *x, const float *weight,
                   const struct conv2d_epilogue *epilogue, float *y, void *workspace, int threads)
{
    struct conv2d c = convolution(g);
    if (!is_large(g)) {
        conv2d_forward(&c, n, x, weight, epilogue, y, workspace, threads);
        return;
    }
    large_forward(n, g->in, g->out, x, weight, epilogue->bias, y, threads);
    if (epilogue->relu)
        relu_forward(n * g->out, y, y, threads);
}

static void backward_input_task(const void *work, size_t task, size_t thread)
{
    const struct large *g = work;
    size_t row = task / g->columns, rows = block_size(g->n, ROWS, row), column = task % g->columns,
           first = column * INS;
    (void)thread;
    gemm(false, false, rows, block_size(g->in, INS, column), g->out, g->from + row * ROWS * g->out, g->out,
         g->weight + first, g->in, 0, g->to + row * ROWS * g->in + first, g->in);
}

static void large_backward_input(size_t n, size_t in, size_t out, const float *dy, const float *weight,
                                 float *dx, int threads)
{
    struct large g = {.n = n,
                      .in = in,
                      .out = out,
                      .columns = size_divide_up(in, INS),
                      .from = dy,
                      .weight = weight,
                      .to = dx};
    parallel_for(size_divide_up(n, ROWS) * g.columns, threads, backward_input_task, &g);
}

void dense_backward_input(const struct dense *g, size_t n, const float *dy, const float *weight,
                          const float *relu_output, float *dx, void *workspace, int threads)
{
    struct conv2d c = convolution(g);
    if (!is_large(g)) {
        conv2d_backward_input(&c, n, dy, weight, relu_output, dx, workspace, threads);
        return;
    }
    large_backward_input(n, g->in, g->out, dy, weight, dx, threads);
    if (relu_output)
        relu_backward(n * g->in, relu_output, dx, dx, threads);
}

/* dweight of inputs first .. first+columns-1 from some samples: tiles of a few outputs' rows, where they
 * lie. */
static void columns_backward_weight(const struct dense *g, size_t n, const float *x, const float *dy,
                                    size_t first, size_t columns, float *dweight)
{
    float copy[SAMPLES * COLUMNS_MAX] = {0};
    size_t width = tile_width(g->kernel, columns), tiles = size_divide_up(g->out, g->kernel->rows);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < columns; k++)
            copy[i * width + k] = x[i * g->in + first + k];
    struct tile_run run = {.length = n};
    struct tile_product product = {.runs = &run,
                                   .run_count = 1,
                                   .a_step = g->out,
                                   .b_step = width,
                                   .adjacent = true,
                                   .accumulate = true};
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t o = size_cut(g->out, tiles, tile), count = size_cut(g->out, tiles, tile + 1) - o;
        const float *a = dy + o;
        float *c[TILE_ROWS_MAX];
        for (size_t m = 0; m < count; m++)
            c[m] = dweight + (o + m) * g->in + first;
        g->kernel->product(&product, count, columns, &a, copy, c);
    }
}

struct weight_gradient {
    const struct dense *g;
    size_t n, width; /* of a task, in inputs */
    const float *x, *dy;
    float *dweight;
};

static void backward_weight_task(const void *work, size_t task, size_t thread)
{
    const struct weight_gradient *p = work;
    const struct dense *g = p->g;
    size_t first = task * p->width;
    (void)thread;
    for (size_t i = 0; i < p->n; i += SAMPLES)
        columns_backward_weight(g, size_min(SAMPLES, p->n - i), p->x + i * g->in, p->dy + i * g->out, first,
                                size_min(p->width, g->in - first), p->dweight);
}

void dense_backward_weight(const struct dense *g, size_t n, const float *x, const float *dy, float *dweight,
                           float *dbias, int threads)
{
    struct weight_gradient p = {g, n, 2 * g->kernel->vector, x, dy, dweight};
    parallel_for(size_divide_up(g->in, p.width), threads, backward_weight_task, &p);
    if (!dbias)
        return;
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < g->out; o++)
            dbias[o] += dy[i * g->out + o];
}

void dense_reference(size_t n, size_t in, size_t out, const double *x, const double *weight,
                     const double *bias, double *y)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        for (size_t o = 0; o < out; o++) {
            double sum = bias ? bias[o] : 0;
            for (size_t k = 0; k < in; k++)
                sum += x[i * in + k] * weight[o * in + k];
            y[i * out + o] = sum;
        }
    }
}
