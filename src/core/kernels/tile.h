#pragma once
/* The one innermost loop behind convolutions and dense layers: a small matrix product whose result stays in
 * registers while sums over many short runs are added to it (a batch-reduce product: Georganas et al. 2019,
 * arXiv 1906.06440).
 *
 *   c[m][j] = start[j] + sum over runs r, over i < length[r] of
 *                          a[m][r.a + i*a_step] * b[r.b + i*b_step + j]      m < rows, j < columns
 *
 * Every row of a and c has an address of its own: rows are pixels anywhere in an image (then a run goes over
 * neighbouring channels), or rows of a weight (then it goes over pixels). Each c[m][j] is one chain of fused
 * multiply-adds in the order of the runs, so that its bits do not depend on how rows are put together.
 *
 * Written once (tile.c) with the compiler's vector extensions, compiled for several instruction sets. */
#include <stdbool.h>
#include <stddef.h>

struct winograd;
struct bf16;

struct tile_run {
    size_t a, b, length; /* offsets in floats */
};

struct tile_product {
    const struct tile_run *runs;
    size_t run_count;
    size_t a_step, b_step;
    const float *bias; /* start, a multiple of the vector long; NULL: zeros */
    bool adjacent;     /* a[m] is a[0] + m for all rows: only a[0] is looked at */
    /* Adjacent rows: at each step, one cache line of what a later product reads is asked for, so that memory
     * works while the processor computes: the line at ahead[r.a + i*a_step], or with `ahead_b` at
     * ahead[r.b + i*b_step]. It is only asked for: it may lie outside of any array. NULL: none, or rather the
     * one that is about to be read. */
    const float *ahead;
    bool ahead_b;
    size_t ahead_step; /* floats from one such line to the next; 0: a_step, or b_step. Kernels for slots ask
                          for two at a step, half of this apart */
    /* The same for rows anywhere whose runs go over neighbouring floats: the rows of the next product, as
     * many as this one has, of which the last run's lines are asked for, as the others have mostly been read.
     * Where the next one has fewer, those behind them may be anything that is an address. NULL: none. */
    const float *const *ahead_rows;
    bool accumulate; /* start from c itself, in place of bias */
    bool relu;       /* negative results become 0 */
    /* The gradient of a relu: a result c[m][j] becomes 0 where the relu's output, which is as far from
     * `relu_output` as c[m] + j from `origin`, is not positive. NULL: not wanted. */
    const float *relu_output, *origin;
};

/* rows 1 .. tile_kernel.rows, columns 1 .. 2 * tile_kernel.vector. Of b, whole vectors are read; of c only
 * the columns are written. */
typedef void tile_function(const struct tile_product *product, size_t rows, size_t columns,
                           const float *const *a, const float *b, float *const *c);

enum { TILE_ROWS_MAX = 16, TILE_VECTOR_MAX = 16 };

struct tile_kernel {
    const char *name;
    size_t vector; /* floats in a register */
    size_t rows;   /* most rows of a product */
    tile_function *product;

    /* Multiply-adds that need no memory, `count` times; returns the floating-point operations done. For
     * measuring the processor's peak. */
    double (*peak)(size_t count);

    const struct winograd *winograd; /* core/kernels/winograd.h, for the same registers; or, of a kernel for
                                        slots, NULL, and */
    const struct bf16 *bf16;         /* core/kernels/bf16.h */
};

/* Columns that are computed for `columns` wanted: one vector or two. */
static inline size_t tile_width(const struct tile_kernel *kernel, size_t columns)
{
    return columns > kernel->vector ? 2 * kernel->vector : kernel->vector;
}
