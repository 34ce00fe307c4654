#pragma once
/* Functions of one number, over `count` of them; x and y, dy and dx may be the same array. Derivatives are
 * taken from the output y. A NaN stays one. */
#include <stddef.h>

void relu_forward(size_t count, const float *x, float *y, int threads);
void relu_backward(size_t count, const float *y, const float *dy, float *dx, int threads);

/* slope * x where x < 0; slope >= 0 */
void leaky_relu_forward(size_t count, float slope, const float *x, float *y, int threads);
void leaky_relu_backward(size_t count, float slope, const float *y, const float *dy, float *dx, int threads);

/* 1 / (1 + exp(-x)), without overflow */
void sigmoid_forward(size_t count, const float *x, float *y, int threads);
void sigmoid_backward(size_t count, const float *y, const float *dy, float *dx, int threads);

void tanh_forward(size_t count, const float *x, float *y, int threads);
void tanh_backward(size_t count, const float *y, const float *dy, float *dx, int threads);
