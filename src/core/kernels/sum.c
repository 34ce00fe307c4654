#include "core/kernels/sum.h"

#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

enum {
    PIECE = 4 * 1024, /* numbers that one task goes through: their inputs and output fit in a cache */
};

/* Inlined with constants for what is NULL. */
static inline __attribute__((always_inline)) void add_rows(size_t rows, size_t c, const float *a,
                                                           const float *a_affine, const float *b,
                                                           const float *b_affine, bool relu, float *y)
{
    for (size_t r = 0; r < rows; r++, a += c, b += c, y += c)
#pragma omp simd
        for (size_t i = 0; i < c; i++) {
            float p = a_affine ? (a[i] - a_affine[i]) * a_affine[c + i] + a_affine[2 * c + i] : a[i];
            float q = b_affine ? (b[i] - b_affine[i]) * b_affine[c + i] + b_affine[2 * c + i] : b[i];
            float sum = p + q;
            y[i] = relu && sum < 0 ? 0 : sum;
        }
}

/* y = a + b, where y may be a. */
static void add_two(size_t rows, size_t c, struct sum_input a, struct sum_input b, bool relu, float *y)
{
    if (a.affine && b.affine)
        add_rows(rows, c, a.x, a.affine, b.x, b.affine, relu, y);
    else if (a.affine)
        add_rows(rows, c, a.x, a.affine, b.x, NULL, relu, y);
    else if (b.affine)
        add_rows(rows, c, a.x, NULL, b.x, b.affine, relu, y);
    else /* rows do not matter */
        add_rows(1, rows * c, a.x, NULL, b.x, NULL, relu, y);
}

static struct sum_input from_row(struct sum_input input, size_t offset)
{
    return (struct sum_input){input.x + offset, input.affine};
}

void sum_forward(size_t rows, size_t c, const struct sum_input *inputs, size_t count, bool relu, float *y,
                 int threads)
{
    size_t step = size_max(1, PIECE / c);
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * c >= PARALLEL_MIN)
    for (size_t r = 0; r < rows; r += step) {
        size_t n = size_min(step, rows - r), at = r * c;
        struct sum_input sum = from_row(inputs[0], at);
        for (size_t k = 1; k < count; k++) {
            add_two(n, c, sum, from_row(inputs[k], at), relu && k + 1 == count, y + at);
            sum = (struct sum_input){y + at, NULL};
        }
    }
}

void sum_complete(size_t count, const float *more, const float *y, float *dy, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++) {
        float sum = more ? dy[i] + more[i] : dy[i];
        dy[i] = y && y[i] <= 0 ? 0 : sum;
    }
}

void sum_copy(size_t count, const float *from, float *to, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}
