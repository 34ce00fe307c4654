/* Kingma and Ba 2015, algorithm 1, and Loshchilov and Hutter 2019, algorithm 2, as torch.optim.Adam and AdamW
 * have them: m and v are running means of g and g^2, M and V the same without the bias of their start at
 * zero, w -= rate * M / (sqrt(V) + eps). Adam's decay is part of g; AdamW's takes another rate * decay * w
 * from w. */
#include "core/optimizer.h"

#include <math.h>

static inline void step(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                        float decay, float decoupled, size_t count, float *restrict w,
                        const float *restrict dw, float *restrict m, float *restrict v)
{
    float factor = shared->factor, eps = (float)settings->eps;
    float keep2 = (float)settings->beta2, take1 = (float)(1 - settings->beta1),
          take2 = (float)(1 - settings->beta2);
    float lr = (float)(shared->rate / shared->correction1);
    float root = (float)(1 / sqrt(shared->correction2));
    for (size_t i = 0; i < count; i++) {
        float g = dw[i] * factor + decay * w[i];
        m[i] += take1 * (g - m[i]);
        v[i] = keep2 * v[i] + take2 * (g * g);
        w[i] -= decoupled * w[i] + lr * (m[i] / (sqrtf(v[i]) * root + eps));
    }
}

static void update(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                   size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    step(settings, shared, shared->decay, 0, count, w + first, dw + first, slots[0] + first,
         slots[1] + first);
}

static void update_decoupled(const struct optimizer_settings *settings, const struct optimizer_shared *shared,
                             size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    float decoupled = (float)(shared->rate * (double)shared->decay);
    step(settings, shared, 0, decoupled, count, w + first, dw + first, slots[0] + first, slots[1] + first);
}

const struct optimizer_ops optimizer_adam = {"adam", 2, {"exp_avg", "exp_avg_sq"}, update, NULL, NULL};
const struct optimizer_ops optimizer_adamw = {"adamw",          2,    {"exp_avg", "exp_avg_sq"},
                                              update_decoupled, NULL, NULL};
