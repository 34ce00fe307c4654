#include "core/kernels/activation.h"

#include <math.h>

/* Below so many numbers a parallel region costs more than it saves. */
enum { PARALLEL_MIN = 16 * 1024 };

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
