/* add: the sum of two or more outputs of the same shape, as residual networks have it. */
#include "core/layer.h"

#include <string.h>

static enum status plan(struct layer *layer)
{
    layer->out = layer->in[0];
    for (size_t k = 1; k < layer->input_count; k++) {
        char a[64], b[64];
        if (!shape_equal(layer->in[0], layer->in[k]))
            return status_set(STATUS_USAGE, "inputs of different shapes cannot be added: %s and %s",
                              shape_text(a, layer->in[0]), shape_text(b, layer->in[k]));
    }
    return STATUS_OK;
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    size_t count = pass->n * shape_count(layer->out);
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t i = 0; i < count; i++) {
        float sum = layer->x[0][i];
        for (size_t k = 1; k < layer->input_count; k++)
            sum += layer->x[k][i];
        layer->y[i] = sum;
    }
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    for (size_t k = 0; k < layer->input_count; k++)
        if (layer->dx[k])
            memcpy(layer->dx[k], layer->dy, pass->n * shape_count(layer->out) * sizeof *layer->dy);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < pass->n * shape_count(layer->out); i++) {
        y[i] = 0;
        for (size_t k = 0; k < layer->input_count; k++)
            y[i] += x[k][i];
    }
}

const struct layer_ops layer_add = {
    .type = "add",
    .help = "sum of the outputs that from=a,b names",
    .input_min = 2,
    .input_max = LAYER_INPUTS_MAX,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
