/* elu, silu and gelu: smooth relatives of relu. */
#include "core/kernels/activation.h"
#include "core/layer.h"

#include <math.h>

static size_t count(const struct layer *layer, const struct pass *pass)
{
    return pass->n * shape_count(layer->out);
}

struct elu_options {
    double alpha;
};

static const struct option elu_options[] = {
    {NULL, "alpha", OPTION_REAL, offsetof(struct elu_options, alpha), "1", 0, 1e6, NULL,
     "minus what it tends to far below zero"},
};

static double alpha(const struct layer *layer)
{
    const struct elu_options *o = layer->options;
    return o->alpha;
}

static void elu_layer_forward(const struct layer *layer, const struct pass *pass)
{
    elu_forward(count(layer, pass), (float)alpha(layer), layer->x[0], layer->y, pass->threads);
}

static void elu_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        elu_backward(count(layer, pass), (float)alpha(layer), layer->y, layer->dy, layer->dx[0],
                     pass->threads);
}

static void elu_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                          const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++)
        y[i] = x[0][i] < 0 ? alpha(layer) * expm1(x[0][i]) : x[0][i];
}

static void silu_layer_forward(const struct layer *layer, const struct pass *pass)
{
    silu_forward(count(layer, pass), layer->x[0], layer->y, pass->threads);
}

static void silu_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        silu_backward(count(layer, pass), layer->x[0], layer->dy, layer->dx[0], pass->threads);
}

static void silu_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                           const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++)
        y[i] = x[0][i] / (1 + exp(-x[0][i]));
}

enum approximate { APPROXIMATE_NONE, APPROXIMATE_TANH };

struct gelu_options {
    int approximate; /* enum approximate */
};

static const struct option gelu_options[] = {
    {NULL, "approximate", OPTION_CHOICE, offsetof(struct gelu_options, approximate), "none", 0, 0,
     "none|tanh", "by the error function, or by a tanh that comes near to it"},
};

static bool by_tanh(const struct layer *layer)
{
    const struct gelu_options *o = layer->options;
    return o->approximate == APPROXIMATE_TANH;
}

static void gelu_layer_forward(const struct layer *layer, const struct pass *pass)
{
    (by_tanh(layer) ? gelu_tanh_forward : gelu_forward)(count(layer, pass), layer->x[0], layer->y,
                                                        pass->threads);
}

static void gelu_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        (by_tanh(layer) ? gelu_tanh_backward : gelu_backward)(count(layer, pass), layer->x[0], layer->dy,
                                                              layer->dx[0], pass->threads);
}

static void gelu_reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                           const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < count(layer, pass); i++) {
        double v = x[0][i];
        y[i] = by_tanh(layer) ? v * (1 + tanh(sqrt(2 / acos(-1)) * (v + 0.044715 * v * v * v))) / 2
                              : v * (1 + erf(v / sqrt(2))) / 2;
    }
}

const struct layer_ops layer_elu = {
    .type = "elu",
    .help = "x, or alpha * (exp(x) - 1) below zero",
    .options_size = sizeof(struct elu_options),
    .options = elu_options,
    .option_count = OPTION_COUNT(elu_options),
    .input_min = 1,
    .input_max = 1,
    .in_place = true,
    .output_needed = true,
    .forward = elu_layer_forward,
    .backward = elu_layer_backward,
    .reference = elu_reference,
};

const struct layer_ops layer_silu = {
    .type = "silu",
    .help = "x / (1 + exp(-x)), also called swish",
    .input_min = 1,
    .input_max = 1,
    .input_needed = true,
    .forward = silu_layer_forward,
    .backward = silu_layer_backward,
    .reference = silu_reference,
};

const struct layer_ops layer_gelu = {
    .type = "gelu",
    .help = "x times the share of a normal distribution that lies below x",
    .options_size = sizeof(struct gelu_options),
    .options = gelu_options,
    .option_count = OPTION_COUNT(gelu_options),
    .input_min = 1,
    .input_max = 1,
    .input_needed = true,
    .forward = gelu_layer_forward,
    .backward = gelu_layer_backward,
    .reference = gelu_reference,
};
