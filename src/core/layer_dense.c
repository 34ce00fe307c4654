#include "core/kernels/dense.h"
#include "core/layer.h"

struct options {
    size_t units;
    bool bias;
    int init; /* enum layer_init */
};

static const struct option options[] = {
    {NULL, "units", OPTION_SIZE, offsetof(struct options, units), NULL, 1, 1 << 24, NULL, "outputs"},
    {NULL, "bias", OPTION_BOOL, offsetof(struct options, bias), "yes", 0, 0, NULL, "add a number per output"},
    {NULL, "init", OPTION_CHOICE, offsetof(struct options, init), "he", 0, 0, "he|glorot", "initial weights"},
};

static enum status plan(struct layer *layer)
{
    const struct options *o = layer->options;
    layer->out = (struct shape){1, 1, o->units};
    layer_add_parameter(layer, "weight", true, 2, (size_t[]){o->units, layer->in[0].c});
    if (o->bias)
        layer_add_parameter(layer, "bias", false, 1, &o->units);
    layer->multiply_adds = (double)layer->parameters[0].count;
    return STATUS_OK;
}

static void init(const struct layer *layer, uint64_t seed, float *parameters)
{
    const struct options *o = layer->options;
    layer_init_weight(layer, seed, parameters, 0, (enum layer_init)o->init, layer->in[0].c, o->units);
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    dense_forward(pass->n, layer->in[0].c, layer->out.c, layer->x[0],
                  layer_parameter(layer, pass->parameters, 0), layer_parameter(layer, pass->parameters, 1),
                  layer->y, pass->threads);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    size_t in = layer->in[0].c, out = layer->out.c;
    if (layer->dx[0])
        dense_backward_input(pass->n, in, out, layer->dy, layer_parameter(layer, pass->parameters, 0),
                             layer->dx[0], pass->threads);
    if (pass->gradients)
        dense_backward_weight(pass->n, in, out, layer->x[0], layer->dy,
                              layer_gradient(layer, pass->gradients, 0),
                              layer_gradient(layer, pass->gradients, 1), pass->threads);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    dense_reference(pass->n, layer->in[0].c, layer->out.c, x[0], parameters + layer->parameters[0].offset,
                    layer->parameter_count > 1 ? parameters + layer->parameters[1].offset : NULL, y);
}

const struct layer_ops layer_dense = {
    .type = "dense",
    .help = "full connection; its input must be flat",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .flat_input = true,
    .plan = plan,
    .init = init,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
