#include "core/kernels/dense.h"
#include "core/layer.h"
#include "core/layer_isa.h"

struct options {
    size_t units;
    bool bias;
    int init;              /* enum layer_init */
    struct dense geometry; /* planned */
};

static const struct option options[] = {
    {NULL, "units", OPTION_SIZE, offsetof(struct options, units), NULL, 1, 1 << 24, NULL, "outputs"},
    {NULL, "bias", OPTION_BOOL, offsetof(struct options, bias), "yes", 0, 0, NULL, "add a number per output"},
    {NULL, "init", OPTION_CHOICE, offsetof(struct options, init), "he", 0, 0, "he|glorot|uniform",
     "initial weights; uniform: PyTorch's of weights and biases"},
};

static enum status plan(struct layer *layer)
{
    struct options *o = layer->options;
    o->geometry = (struct dense){.in = layer->in[0].c, .out = o->units};
    enum status status = layer_choose_isa(&o->geometry.kernel);
    if (status)
        return status;
    layer->out = (struct shape){1, 1, o->units};
    layer_add_parameter(layer, "weight", true, 2, (size_t[]){o->units, layer->in[0].c});
    if (o->bias)
        layer_add_parameter(layer, "bias", false, 1, &o->units);
    layer->multiply_adds = (double)layer->parameters[0].count;
    return STATUS_OK;
}

static void init(const struct layer *layer, uint64_t seed, float *parameters, float *buffers)
{
    (void)buffers;
    const struct options *o = layer->options;
    layer_init_weight(layer, seed, parameters, 0, (enum layer_init)o->init, layer->in[0].c, o->units);
    if (o->bias && o->init == LAYER_INIT_UNIFORM)
        layer_init_weight(layer, seed, parameters, 1, LAYER_INIT_UNIFORM, layer->in[0].c, o->units);
}

static struct dense geometry(const struct layer *layer)
{
    const struct options *o = layer->options;
    struct dense g = o->geometry;
    g.bf16 = layer->bf16;
    return g;
}

static size_t workspace(const struct layer *layer, size_t n, int threads)
{
    struct dense g = geometry(layer);
    return dense_workspace(&g, n, threads);
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    struct dense g = geometry(layer);
    struct conv2d_epilogue epilogue = {.bias = layer_parameter(layer, pass->parameters, 1),
                                       .relu = layer->output_relu};
    dense_forward(&g, pass->n, layer->x[0], layer_parameter(layer, pass->parameters, 0), &epilogue, layer->y,
                  pass->workspace, pass->threads);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    struct dense g = geometry(layer);
    if (layer->dx[0])
        dense_backward_input(&g, pass->n, layer->dy, layer_parameter(layer, pass->parameters, 0),
                             layer->input_relu ? layer->x[0] : NULL, layer->dx[0], pass->workspace,
                             pass->threads);
    if (pass->gradients)
        dense_backward_weight(&g, pass->n, layer->x[0], layer->dy, layer_gradient(layer, pass->gradients, 0),
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
    .input_needed = true,
    .takes_output_relu = true,
    .takes_input_relu = LAYER_RELU_BACKWARD,
    .plan = plan,
    .init = init,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
