#include "core/kernels/activation.h"

#include "core/kernels/elementary.h"
#include "core/kernels/parallel.h"

#include <math.h>

void relu_forward(size_t count, const float *x, float *y, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

void relu_backward(size_t count, const float *y, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] <= 0 ? 0 : dy[i];
}

void leaky_relu_forward(size_t count, float slope, const float *x, float *y, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? slope * x[i] : x[i];
}

void leaky_relu_backward(size_t count, float slope, const float *y, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] <= 0 ? slope * dy[i] : dy[i];
}

static float sigmoid(float x)
{
    float e = expf(-fabsf(x));
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

void sigmoid_forward(size_t count, const float *x, float *y, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        y[i] = sigmoid(x[i]);
}

void sigmoid_backward(size_t count, const float *y, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * y[i] * (1 - y[i]);
}

void tanh_forward(size_t count, const float *x, float *y, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        y[i] = tanhf(x[i]);
}

void tanh_backward(size_t count, const float *y, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        dx[i] = dy[i] * (1 - y[i] * y[i]);
}

void elu_forward(size_t count, float alpha, const float *x, float *y, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++) {
        /* near nought exp(x) - 1 would lose digits: two terms more of its series are exact to float there */
        float e = x[i] > -0x1p-10f ? x[i] + 0.5f * x[i] * x[i] : elementary_exp(x[i]) - 1;
        y[i] = x[i] < 0 ? alpha * e : x[i];
    }
}

void elu_backward(size_t count, float alpha, const float *y, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] <= 0 ? dy[i] * (y[i] + alpha) : dy[i];
}

void silu_forward(size_t count, const float *x, float *y, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < -100 ? 0 : x[i] * elementary_sigmoid(x[i]);
}

void silu_backward(size_t count, const float *x, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++) {
        float near = x[i] > 100 ? 100 : x[i] < -100 ? -100 : x[i], s = elementary_sigmoid(near);
        dx[i] = dy[i] * (s * (1 + near * (1 - s)));
    }
}

#define SQRT_HALF 0.707106781f
#define SQRT_TWO_PI 2.50662827f

void gelu_forward(size_t count, const float *x, float *y, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < -6 ? 0 : 0.5f * x[i] * (1 + elementary_erf(x[i] * SQRT_HALF));
}

void gelu_backward(size_t count, const float *x, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++) {
        float near = x[i] > 20 ? 20 : x[i] < -20 ? -20 : x[i];
        float density = elementary_exp(-0.5f * near * near) / SQRT_TWO_PI;
        dx[i] = dy[i] * (0.5f * (1 + elementary_erf(near * SQRT_HALF)) + near * density);
    }
}

#define SQRT_TWO_OVER_PI 0.797884561f
#define CUBE 0.044715f

/* (1 + tanh(u)) / 2 = sigmoid(2 u) */
void gelu_tanh_forward(size_t count, const float *x, float *y, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++) {
        float near = x[i] > 20 ? 20 : x[i] < -20 ? -20 : x[i];
        float s = elementary_sigmoid(2 * SQRT_TWO_OVER_PI * (near + CUBE * near * near * near));
        y[i] = x[i] < -20 ? 0 : x[i] * s;
    }
}

void gelu_tanh_backward(size_t count, const float *x, const float *dy, float *dx, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count >= PARALLEL_MIN)
    for (size_t i = 0; i < count; i++) {
        float near = x[i] > 20 ? 20 : x[i] < -20 ? -20 : x[i];
        float s = elementary_sigmoid(2 * SQRT_TWO_OVER_PI * (near + CUBE * near * near * near));
        float slope = 2 * SQRT_TWO_OVER_PI * (1 + 3 * CUBE * near * near);
        dx[i] = dy[i] * (s + near * s * (1 - s) * slope);
    }
}
