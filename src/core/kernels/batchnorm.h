#pragma once
/* Batch normalisation over `rows` rows of `c` channels (NHWC: samples, height and width together), as Ioffe
 * and Szegedy 2015: y = (x - mean) / sqrt(variance + eps) * weight + bias, each channel for itself. Work is
 * cut by rows and channels alone, whatever the number of threads. */
#include <stdbool.h>
#include <stddef.h>

/* Bytes of workspace of the functions that take one. */
size_t batchnorm_workspace(size_t rows, size_t c);

/* Mean and sum of squared deviations of each channel: (c), rows >= 1. */
void batchnorm_moments(size_t rows, size_t c, const float *x, double *mean, double *squares, void *workspace,
                       int threads);

/* y = (x - mean) * scale + bias, each of them (c) and given; `relu`: and then the greater of y and 0. */
void batchnorm_apply(size_t rows, size_t c, const float *x, const float *mean, const float *scale,
                     const float *bias, bool relu, float *y, int threads);

/* What backward is about. */
struct batchnorm_backward {
    size_t rows, c;
    float *dy;                /* only read where the next two are NULL */
    const float *more, *relu; /* not NULL: dy is made whole first, in place: `more` is added to it, then it
                                 becomes 0 where `relu`, a relu's output, is 0 or less */
    const float *x, *mean, *inverse, *weight; /* weight: NULL: 1 */
    bool fixed; /* mean and inverse are given numbers, and not x's own: nothing flows back through them */
    const double *sums; /* not NULL: dy is whole, and mean and inverse are of `sum_rows` rows, of which x's
                           are a part; batchnorm_sums of all of them (2, c) */
    size_t sum_rows;
};

/* Makes dy whole; sums of dy, and of dy * (x - mean): (2, c). */
void batchnorm_sums(const struct batchnorm_backward *b, double *sums, void *workspace, int threads);

/* dx (overwritten; may be dy; NULL: not wanted) and the gradients dweight, dbias (added to; NULL: not
 * wanted). Goes through memory twice; once with `sums`, which are of more than this part, so that dweight and
 * dbias must be NULL. */
void batchnorm_backward(const struct batchnorm_backward *b, float *dx, float *dweight, float *dbias,
                        void *workspace, int threads);
