#include "core/kernels/dense.h"

#include "core/kernels/gemm.h"

#include <string.h>

enum { ROWS = 64, OUTS = 32, INS = 256 }; /* of a block */

static size_t blocks(size_t count, size_t size)
{
    return (count + size - 1) / size;
}

static size_t block_size(size_t count, size_t size, size_t block)
{
    return block * size + size < count ? size : count - block * size;
}

void dense_forward(size_t n, size_t in, size_t out, const float *x, const float *weight, const float *bias,
                   float *y, int threads)
{
    size_t out_blocks = blocks(out, OUTS), tasks = blocks(n, ROWS) * out_blocks;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t task = 0; task < tasks; task++) {
        size_t row = task / out_blocks, rows = block_size(n, ROWS, row), first = task % out_blocks * OUTS;
        size_t outs = block_size(out, OUTS, task % out_blocks);
        float *to = y + row * ROWS * out + first;
        for (size_t r = 0; bias && r < rows; r++)
            memcpy(to + r * out, bias + first, outs * sizeof *bias);
        gemm(false, true, rows, outs, in, x + row * ROWS * in, in, weight + first * in, in, bias ? 1 : 0, to,
             out);
    }
}

void dense_backward_input(size_t n, size_t in, size_t out, const float *dy, const float *weight, float *dx,
                          int threads)
{
    size_t in_blocks = blocks(in, INS), tasks = blocks(n, ROWS) * in_blocks;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t task = 0; task < tasks; task++) {
        size_t row = task / in_blocks, rows = block_size(n, ROWS, row), first = task % in_blocks * INS;
        gemm(false, false, rows, block_size(in, INS, task % in_blocks), out, dy + row * ROWS * out, out,
             weight + first, in, 0, dx + row * ROWS * in + first, in);
    }
}

void dense_backward_weight(size_t n, size_t in, size_t out, const float *x, const float *dy, float *dweight,
                           float *dbias, int threads)
{
    size_t in_blocks = blocks(in, INS), tasks = blocks(out, OUTS) * in_blocks;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t task = 0; task < tasks; task++) {
        size_t block = task / in_blocks, outs = block_size(out, OUTS, block), first = task % in_blocks * INS;
        gemm(true, false, outs, block_size(in, INS, task % in_blocks), n, dy + block * OUTS, out, x + first,
             in, 1, dweight + block * OUTS * in + first, in);
        if (dbias && first == 0)
            for (size_t i = 0; i < n; i++)
                for (size_t o = 0; o < outs; o++)
                    dbias[block * OUTS + o] += dy[i * out + block * OUTS + o];
    }
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
