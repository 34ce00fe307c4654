/* softmax and linear: types that only end a network. (sigmoid, which also stands within, is in
 * layer_activation.c.) The gradient of what they are fed with comes from the loss, so that they have no
 * backward. */
#include "core/layer.h"

#include <math.h>
#include <string.h>

static void softmax_forward(const struct layer *layer, const struct pass *pass)
{
    size_t k = layer->out.c;
#pragma omp parallel for num_threads(pass->threads) schedule(static) if (pass->n * k > 4096)
    for (size_t i = 0; i < pass->n; i++) {
        const float *x = layer->x[0] + i * k;
        float *y = layer->y + i * k, largest = x[0], sum = 0;
        for (size_t j = 1; j < k; j++)
            largest = x[j] > largest ? x[j] : largest;
        for (size_t j = 0; j < k; j++) {
            y[j] = expf(x[j] - largest);
            sum += y[j];
        }
        for (size_t j = 0; j < k; j++)
            y[j] /= sum;
    }
}

static void softmax_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                              const double *const x[], double *y)
{
    size_t k = layer->out.c;
    (void)parameters;
    for (size_t i = 0; i < pass->n; i++) {
        double largest = -INFINITY, sum = 0;
        for (size_t j = 0; j < k; j++)
            largest = fmax(largest, x[0][i * k + j]);
        for (size_t j = 0; j < k; j++)
            sum += exp(x[0][i * k + j] - largest);
        for (size_t j = 0; j < k; j++)
            y[i * k + j] = exp(x[0][i * k + j] - largest) / sum;
    }
}

static void linear_forward(const struct layer *layer, const struct pass *pass)
{
    memcpy(layer->y, layer->x[0], pass->n * shape_count(layer->out) * sizeof *layer->y);
}

static void linear_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                             const double *const x[], double *y)
{
    (void)parameters;
    memcpy(y, x[0], pass->n * shape_count(layer->out) * sizeof *y);
}

const struct layer_ops layer_softmax = {
    .type = "softmax",
    .help = "last layer: class probabilities; labels: class index, cross-entropy",
    .input_min = 1,
    .input_max = 1,
    .loss = LOSS_CROSS_ENTROPY,
    .last_only = true,
    .flat_input = true,
    .forward = softmax_forward,
    .reference = softmax_reference,
};

const struct layer_ops layer_linear = {
    .type = "linear",
    .help = "last layer: values as they are; labels: float, mean squared error",
    .input_min = 1,
    .input_max = 1,
    .loss = LOSS_MEAN_SQUARED_ERROR,
    .last_only = true,
    .flat_input = true,
    .forward = linear_forward,
    .reference = linear_reference,
};
