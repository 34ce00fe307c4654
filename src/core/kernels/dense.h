#pragma once
/* Full connection: y = x w^T + b. Cut into blocks whose sizes depend on the shapes only. */
#include <stddef.h>

/* x (n, in), weight (out, in), bias (out) or NULL, y (n, out). */
void dense_forward(size_t n, size_t in, size_t out, const float *x, const float *weight, const float *bias,
                   float *y, int threads);

/* dx (n, in), overwritten, from dy (n, out). */
void dense_backward_input(size_t n, size_t in, size_t out, const float *dy, const float *weight, float *dx,
                          int threads);

/* Adds to dweight and, where not NULL, to dbias. */
void dense_backward_weight(size_t n, size_t in, size_t out, const float *x, const float *dy, float *dweight,
                           float *dbias, int threads);

/* The formula in double. */
void dense_reference(size_t n, size_t in, size_t out, const double *x, const double *weight,
                     const double *bias, double *y);
