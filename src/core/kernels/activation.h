#pragma once
/* Functions of one number, over `count` of them; x and y, dy and dx may be the same array. Derivatives are
 * taken from the output y but where it says otherwise. A NaN stays one. */
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

/* alpha * (exp(x) - 1) where x < 0; alpha >= 0 */
void elu_forward(size_t count, float alpha, const float *x, float *y, int threads);
void elu_backward(size_t count, float alpha, const float *y, const float *dy, float *dx, int threads);

/* The derivatives of these are taken from the input x. */

/* x / (1 + exp(-x)) */
void silu_forward(size_t count, const float *x, float *y, int threads);
void silu_backward(size_t count, const float *x, const float *dy, float *dx, int threads);

/* x * (1 + erf(x / sqrt(2))) / 2 */
void gelu_forward(size_t count, const float *x, float *y, int threads);
void gelu_backward(size_t count, const float *x, const float *dy, float *dx, int threads);

/* x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2 */
void gelu_tanh_forward(size_t count, const float *x, float *y, int threads);
void gelu_tanh_backward(size_t count, const float *x, const float *dy, float *dx, int threads);
