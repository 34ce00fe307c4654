#pragma once
/* Sums over rows for each of some channels that lie side by side: what normalisations need. Row r of `x`
 * begins at x + r * stride and has `width` channels that count. Sums of a few rows are taken in float, of
 * such sums in double, always in the order of the rows, so that bits depend on the shapes alone. On one
 * thread. */
#include <stddef.h>

/* mean (width) and squares (width), the sum of (x - mean)^2; rows >= 1. In one pass over x less the mean of
 * the first rows, which is near enough to the mean of all: with f of the rows among them, the error of the
 * squares is at most about 2^-24 / f of them, however large the mean is (Chan, Golub and LeVeque, "Algorithms
 * for computing the sample variance", 1983, on shifted data). */
void channel_moments(const float *x, size_t rows, size_t stride, size_t width, double *mean, double *squares);

/* sum (width) of dy, and product (width) of dy * (x - mean). */
void channel_products(const float *dy, const float *x, size_t rows, size_t stride, size_t width,
                      const float *mean, double *sum, double *product);

/* The same of a gradient that is not whole yet, and is made so in place: `more` is added to it where that is
 * not NULL, then it becomes 0 where `relu` is not NULL and 0 or less. */
void channel_products_completed(float *dy, const float *more, const float *relu, const float *x, size_t rows,
                                size_t stride, size_t width, const float *mean, double *sum, double *product);

/* sum (width) of x. */
void channel_sums(const float *x, size_t rows, size_t stride, size_t width, double *sum);
