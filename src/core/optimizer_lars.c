/* You, Gitman and Ginsburg 2017 (arXiv 1708.03888), algorithm 1: every weight array has a rate of its own,
 * local = eta * |w| / (|dw| + decay * |w|); v = momentum * v + rate * local * (dw + decay * w); w -= v. Where
 * a norm is zero, local = 1. */
#include "core/optimizer.h"

#include <math.h>

static void measure(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                    size_t first, size_t count, const float *w, const float *dw, float *const slots[],
                    double sums[2])
{
    (void)settings;
    (void)shared;
    (void)slots;
    sums[0] = optimizer_squares(w + first, count);
    sums[1] = optimizer_squares(dw + first, count);
}

static double trust(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                    const double sums[2])
{
    double weight = sqrt(sums[0]), gradient = sqrt(sums[1]) * (double)shared->factor;
    if (weight == 0 || gradient == 0)
        return 1;
    return settings->trust * weight / (gradient + (double)shared->decay * weight);
}

static void update(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    float *restrict x = w + first, *restrict v = slots[0] + first;
    const float *restrict dx = dw + first;
    float lr = (float)shared->rate, momentum = (float)settings->momentum;
    float factor = shared->factor, decay = shared->decay;
    for (size_t i = 0; i < count; i++) {
        v[i] = momentum * v[i] + lr * (dx[i] * factor + decay * x[i]);
        x[i] -= v[i];
    }
}

const struct optimizer_ops optimizer_lars = {"lars", 1, {"momentum"}, update, measure, trust};
