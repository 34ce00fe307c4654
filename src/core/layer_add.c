/* add: the sum of two or more outputs of the same shape, as residual networks have it. */
#include "core/kernels/sum.h"
#include "core/layer.h"

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
    struct sum_input inputs[LAYER_INPUTS_MAX];
    for (size_t k = 0; k < layer->input_count; k++)
        inputs[k] = (struct sum_input){layer->x[k], layer->affine[k]};
    sum_forward(pass->n * layer->out.h * layer->out.w, layer->out.c, inputs, layer->input_count,
                layer->output_relu, layer->y, pass->threads);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    size_t count = pass->n * shape_count(layer->out);
    const float *relu = layer->output_relu_backward ? layer->y : layer->dy_relu;
    if (layer->dy_more || relu)
        sum_complete(count, layer->dy_more, relu, layer->dy, pass->threads);
    for (size_t k = 0; k < layer->input_count; k++)
        if (layer->dx[k] && layer->dx[k] != layer->dy)
            sum_copy(count, layer->dy, layer->dx[k], pass->threads);
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
    .completes_gradient = true,
    .takes_affine = true,
    .takes_output_relu = true,
    .takes_output_relu_backward = true,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
