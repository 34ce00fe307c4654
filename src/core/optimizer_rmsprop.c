/* torch.optim.RMSprop: s is a running mean of g^2, v = momentum * v + g / (sqrt(s) + eps), w -= rate * v,
 * where g = dw + decay * w. */
#include "core/optimizer.h"

#include <math.h>

static void update(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    float *restrict x = w + first, *restrict s = slots[0] + first, *restrict v = slots[1] + first;
    const float *restrict dx = dw + first;
    float lr = (float)shared->rate, factor = shared->factor, decay = shared->decay;
    float momentum = (float)settings->momentum, eps = (float)settings->eps;
    float keep = (float)settings->alpha, take = (float)(1 - settings->alpha);
    for (size_t i = 0; i < count; i++) {
        float g = dx[i] * factor + decay * x[i];
        s[i] = keep * s[i] + take * (g * g);
        v[i] = momentum * v[i] + g / (sqrtf(s[i]) + eps);
        x[i] -= lr * v[i];
    }
}

const struct optimizer_ops optimizer_rmsprop = {"rmsprop", 2, {"square_avg", "momentum"}, update, NULL, NULL};
