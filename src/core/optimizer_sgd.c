/* torch.optim.SGD: v = momentum * v + g; w -= rate * v, or with Nesterov w -= rate * (g + momentum * v),
 * where g = dw + decay * w. */
#include "core/optimizer.h"

static void update(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    float lr = (float)shared->rate, momentum = (float)settings->momentum, *v = slots[0];
    float factor = shared->factor, decay = shared->decay;
    for (size_t i = first; i < first + count; i++) {
        float g = dw[i] * factor + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= lr * (settings->nesterov ? g + momentum * v[i] : v[i]);
    }
}

const struct optimizer_ops optimizer_sgd = {"sgd", 1, {"momentum"}, update, NULL, NULL};
