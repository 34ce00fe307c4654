/* scale: the input times a fixed number, or each channel times a weight that is learned. */
#include "core/kernels/channel.h"
#include "core/layer.h"

struct options {
    double factor;
    bool learned;
};

static const struct option options[] = {
    {NULL, "factor", OPTION_REAL, offsetof(struct options, factor), "1", -1e9, 1e9, NULL,
     "the number; where it is learned, the weights' first value"},
    {NULL, "learned", OPTION_BOOL, offsetof(struct options, learned), "no", 0, 0, NULL,
     "a weight per channel, which is trained without weight decay"},
};

static enum status plan(struct layer *layer)
{
    const struct options *o = layer->options;
    if (o->learned)
        layer_add_parameter(layer, "weight", false, 1, &layer->in[0].c);
    return STATUS_OK;
}

static void init(const struct layer *layer, uint64_t seed, float *parameters, float *buffers)
{
    const struct options *o = layer->options;
    (void)seed;
    (void)buffers;
    for (size_t i = 0; o->learned && i < layer->in[0].c; i++)
        parameters[layer->parameters[0].offset + i] = (float)o->factor;
}

static size_t rows(const struct layer *layer, const struct pass *pass)
{
    return pass->n * layer->in[0].h * layer->in[0].w;
}

/* to = from times the factor, or the weight of each channel */
static void multiply(const struct layer *layer, const struct pass *pass, const float *from, float *to)
{
    const struct options *o = layer->options;
    const float *weight = layer_parameter(layer, pass->parameters, 0);
    size_t c = layer->in[0].c;
    float factor = (float)o->factor;
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t r = 0; r < rows(layer, pass); r++) {
        const float *x = from + r * c;
        float *y = to + r * c;
        for (size_t i = 0; i < c; i++)
            y[i] = x[i] * (weight ? weight[i] : factor);
    }
}

/* Rows whose products are summed by one task. */
enum { PART = 1024 };

static size_t parts(const struct layer *layer, size_t n)
{
    return (n * layer->in[0].h * layer->in[0].w + PART - 1) / PART;
}

/* For the weights' gradient: zeros as long as the channels, then two sums per part and channel. */
static size_t workspace(const struct layer *layer, size_t n, int threads)
{
    const struct options *o = layer->options;
    (void)threads;
    return o->learned ? layer->in[0].c * sizeof(double) * (1 + 2 * parts(layer, n)) : 0;
}

static void add_gradient(const struct layer *layer, const struct pass *pass, float *gradient)
{
    size_t c = layer->in[0].c, count = parts(layer, pass->n), all = rows(layer, pass);
    double *sums = (double *)pass->workspace + c, *products = sums + count * c;
    float *zeros = pass->workspace;
    for (size_t i = 0; i < c; i++)
        zeros[i] = 0;
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t p = 0; p < count; p++) {
        size_t first = p * PART, left = all - first;
        channel_products(layer->dy + first * c, layer->x[0] + first * c, left < PART ? left : PART, c, c,
                         zeros, sums + p * c, products + p * c);
    }
    for (size_t i = 0; i < c; i++) {
        double sum = 0;
        for (size_t p = 0; p < count; p++)
            sum += products[p * c + i];
        gradient[i] += (float)sum;
    }
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    multiply(layer, pass, layer->x[0], layer->y);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    float *gradient = layer_gradient(layer, pass->gradients, 0);
    if (gradient)
        add_gradient(layer, pass, gradient);
    if (layer->dx[0])
        multiply(layer, pass, layer->dy, layer->dx[0]);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c;
    for (size_t i = 0; i < rows(layer, pass) * c; i++)
        y[i] = x[0][i] * (o->learned ? parameters[layer->parameters[0].offset + i % c] : o->factor);
}

const struct layer_ops layer_scale = {
    .type = "scale",
    .help = "times a fixed number, or a learned one per channel",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .input_needed = true,
    .plan = plan,
    .init = init,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
