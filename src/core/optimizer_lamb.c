/* You et al. 2020 (arXiv 1904.00962), algorithm 2: m, v, M, V as Adam's; u = M / (sqrt(V) + eps) + decay * w;
 * w -= rate * |w| / |u| * u. Where a norm is zero, the quotient is 1. */
#include "core/optimizer.h"

#include <math.h>

static inline float direction(float w, float m, float v, float first, float root, float eps, float decay)
{
    return m * first / (sqrtf(v) * root + eps) + decay * w;
}

/* Moves the running means on, as `update` finds them. */
static void measure(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                    size_t first, size_t count, const float *w, const float *dw, float *const slots[],
                    double sums[2])
{
    enum { LANES = 512 };
    float u[LANES], *restrict m = slots[0] + first, *restrict v = slots[1] + first;
    const float *restrict x = w + first, *restrict dx = dw + first;
    float keep2 = (float)settings->beta2, take1 = (float)(1 - settings->beta1),
          take2 = (float)(1 - settings->beta2), eps = (float)settings->eps;
    float unbias = (float)(1 / shared->correction1), root = (float)(1 / sqrt(shared->correction2));
    float factor = shared->factor, decay = shared->decay;
    sums[0] = optimizer_squares(x, count);
    sums[1] = 0;
    for (size_t start = 0; start < count; start += LANES) {
        size_t n = count - start < LANES ? count - start : LANES;
        for (size_t i = 0; i < n; i++) {
            float g = dx[start + i] * factor;
            m[start + i] += take1 * (g - m[start + i]);
            v[start + i] = keep2 * v[start + i] + take2 * (g * g);
            u[i] = direction(x[start + i], m[start + i], v[start + i], unbias, root, eps, decay);
        }
        sums[1] += optimizer_squares(u, n);
    }
}

static double trust(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                    const double sums[2])
{
    (void)settings;
    (void)shared;
    return sums[0] > 0 && sums[1] > 0 ? sqrt(sums[0] / sums[1]) : 1;
}

static void update(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    (void)dw;
    float *restrict x = w + first;
    const float *restrict m = slots[0] + first, *restrict v = slots[1] + first;
    float lr = (float)shared->rate, eps = (float)settings->eps, decay = shared->decay;
    float unbias = (float)(1 / shared->correction1), root = (float)(1 / sqrt(shared->correction2));
    for (size_t i = 0; i < count; i++)
        x[i] -= lr * direction(x[i], m[i], v[i], unbias, root, eps, decay);
}

const struct optimizer_ops optimizer_lamb = {"lamb", 2, {"exp_avg", "exp_avg_sq"}, update, measure, trust};
