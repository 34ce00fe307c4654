#include "core/optimizer.h"

#include <math.h>

/* Elements that one thread works on at a time, and that one partial sum of the norm covers. */
enum { BLOCK = 4096 };

/* As torch.optim.SGD: v = momentum * v + g; w -= rate * v, or with Nesterov w -= rate * (g + momentum * v),
 * where g = dw + decay * w. */
static void sgd_update(const struct optimizer_settings *settings, double rate, float factor, float decay,
                       size_t first, size_t count, float *w, const float *dw, float *const slots[])
{
    float lr = (float)rate, momentum = (float)settings->momentum, *v = slots[0];
    for (size_t i = first; i < first + count; i++) {
        float g = dw[i] * factor + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= lr * (settings->nesterov ? g + momentum * v[i] : v[i]);
    }
}

static const struct optimizer_ops sgd = {"sgd", 1, {"momentum"}, sgd_update};

const struct optimizer_ops *const optimizer_types[] = {&sgd};

enum status optimizer_create(struct optimizer *optimizer, const struct optimizer_ops *ops,
                             const struct optimizer_settings *settings, size_t parameter_count)
{
    *optimizer = (struct optimizer){.ops = ops, .settings = *settings};
    size_t bytes = parameter_count * sizeof(float);
    enum status status =
        arena_create(&optimizer->arena, ops->slot_count * arena_round(bytes), "optimizer slots");
    for (size_t i = 0; i < ops->slot_count && !status; i++)
        optimizer->slots[i] = arena_alloc(&optimizer->arena, bytes);
    return status;
}

void optimizer_destroy(struct optimizer *optimizer)
{
    arena_destroy(&optimizer->arena);
    *optimizer = (struct optimizer){0};
}

/* Of up to BLOCK floats. Eight running sums, so that the compiler may use vectors. */
static double block_squares(const float *values, size_t count)
{
    double lanes[8] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t lane = 0; lane < 8; lane++)
            lanes[lane] += (double)values[i + lane] * (double)values[i + lane];
    for (; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    for (size_t lane = 0; lane < 8; lane++)
        sum += lanes[lane];
    return sum;
}

double optimizer_norm(const float *values, size_t count, int threads)
{
    /* Blocks are summed in parallel a few thousand at a time, their sums always in the same order. */
    enum { BATCH = 1024 };
    double total = 0, sums[BATCH];
    for (size_t start = 0; start < count; start += (size_t)BATCH * BLOCK) {
        size_t left = (count - start + BLOCK - 1) / BLOCK, blocks = left < BATCH ? left : BATCH;
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t b = 0; b < blocks; b++) {
            size_t first = start + b * BLOCK;
            sums[b] = block_squares(values + first, count - first < BLOCK ? count - first : BLOCK);
        }
        for (size_t b = 0; b < blocks; b++)
            total += sums[b];
    }
    return sqrt(total);
}

void optimizer_step(struct optimizer *optimizer, struct network *network, const float *gradients, double rate,
                    double norm, double clip_norm)
{
    float factor = clip_norm > 0 && clip_norm / (norm + 1e-6) < 1 ? (float)(clip_norm / (norm + 1e-6)) : 1;
    for (size_t i = 0; i < network->layer_count; i++) {
        for (size_t p = 0; p < network->layers[i].parameter_count; p++) {
            const struct parameter *parameter = &network->layers[i].parameters[p];
            float decay = parameter->decay ? (float)optimizer->settings.weight_decay : 0;
#pragma omp parallel for num_threads(network->threads) schedule(static) if (parameter->count > BLOCK)
            for (size_t first = 0; first < parameter->count; first += BLOCK) {
                size_t left = parameter->count - first;
                optimizer->ops->update(&optimizer->settings, rate, factor, decay, parameter->offset + first,
                                       left < BLOCK ? left : BLOCK, network->parameters, gradients,
                                       optimizer->slots);
            }
        }
    }
}
