/* relu, leaky_relu, tanh and sigmoid: functions of one number, whose derivative follows from their output. */
#include "core/kernels/activation.h"
#include "core/layer.h"

#include <math.h>

static size_t count(const struct layer *layer, const struct pass *pass)
{
    return pass->n * shape_count(layer->out);
}

static void relu_layer_forward(const struct layer *layer, const struct pass *pass)
{
    relu_forward(count(layer, pass), layer->x[0], layer->y, pass->threads);
}

static void relu_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        relu_backward(count(layer, pass), layer->y, layer->dy, layer->dx[0], pass->threads);
}

static void relu_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                           const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++)
        y[i] = x[0][i] < 0 ? 0 : x[0][i];
}

struct leaky_options {
    double slope;
};

static const struct option leaky_options[] = {
    {NULL, "slope", OPTION_REAL, offsetof(struct leaky_options, slope), "0.01", 0, 1, NULL,
     "factor below zero"},
};

static double slope(const struct layer *layer)
{
    const struct leaky_options *o = layer->options;
    return o->slope;
}

static void leaky_layer_forward(const struct layer *layer, const struct pass *pass)
{
    leaky_relu_forward(count(layer, pass), (float)slope(layer), layer->x[0], layer->y, pass->threads);
}

static void leaky_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        leaky_relu_backward(count(layer, pass), (float)slope(layer), layer->y, layer->dy, layer->dx[0],
                            pass->threads);
}

static void leaky_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                            const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++)
        y[i] = x[0][i] < 0 ? slope(layer) * x[0][i] : x[0][i];
}

static void tanh_layer_forward(const struct layer *layer, const struct pass *pass)
{
    tanh_forward(count(layer, pass), layer->x[0], layer->y, pass->threads);
}

static void tanh_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        tanh_backward(count(layer, pass), layer->y, layer->dy, layer->dx[0], pass->threads);
}

static void tanh_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                           const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++)
        y[i] = tanh(x[0][i]);
}

static void sigmoid_layer_forward(const struct layer *layer, const struct pass *pass)
{
    sigmoid_forward(count(layer, pass), layer->x[0], layer->y, pass->threads);
}

static void sigmoid_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        sigmoid_backward(count(layer, pass), layer->y, layer->dy, layer->dx[0], pass->threads);
}

static void sigmoid_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                              const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++)
        y[i] = 1 / (1 + exp(-x[0][i]));
}

const struct layer_ops layer_relu = {
    .type = "relu",
    .help = "max(x, 0)",
    .input_min = 1,
    .input_max = 1,
    .in_place = true,
    .by_image = true,
    .is_relu = true,
    .output_needed = true,
    .forward = relu_layer_forward,
    .backward = relu_layer_backward,
    .reference = relu_reference,
};

const struct layer_ops layer_leaky_relu = {
    .type = "leaky_relu",
    .help = "x, or slope * x below zero",
    .options_size = sizeof(struct leaky_options),
    .options = leaky_options,
    .option_count = OPTION_COUNT(leaky_options),
    .input_min = 1,
    .input_max = 1,
    .in_place = true,
    .by_image = true,
    .output_needed = true,
    .forward = leaky_layer_forward,
    .backward = leaky_layer_backward,
    .reference = leaky_reference,
};

const struct layer_ops layer_tanh = {
    .type = "tanh",
    .help = "hyperbolic tangent",
    .input_min = 1,
    .input_max = 1,
    .in_place = true,
    .by_image = true,
    .output_needed = true,
    .forward = tanh_layer_forward,
    .backward = tanh_layer_backward,
    .reference = tanh_reference,
};

const struct layer_ops layer_sigmoid = {
    .type = "sigmoid",
    .help = "1 / (1 + exp(-x)); as last layer: labels 0 or 1, binary cross-entropy",
    .input_min = 1,
    .input_max = 1,
    .loss = LOSS_BINARY_CROSS_ENTROPY,
    .in_place = true,
    .by_image = true,
    .output_needed = true,
    .forward = sigmoid_layer_forward,
    .backward = sigmoid_layer_backward,
    .reference = sigmoid_reference,
};
