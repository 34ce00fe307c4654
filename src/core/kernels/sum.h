#pragma once
/* Sums of arrays (rows, c), number by number. What a sum adds may be the affine step of a normalisation that
 * has not been done yet, and a relu may be done in passing: memory is gone through once. */
#include <stdbool.h>
#include <stddef.h>

struct sum_input {
    const float *x;
    const float *affine; /* not NULL: mean, scale and bias (3, c), and (x - mean) * scale + bias is added */
};

/* y = the sum of the inputs, at least two, from the first to the last; `relu`: then the greater of it and 0.
 */
void sum_forward(size_t rows, size_t c, const struct sum_input *inputs, size_t count, bool relu, float *y,
                 int threads);

/* dy += more, then 0 where y, a relu's output, is 0 or less; `more` and `y` may be NULL. */
void sum_complete(size_t count, const float *more, const float *y, float *dy, int threads);

void sum_copy(size_t count, const float *from, float *to, int threads);
