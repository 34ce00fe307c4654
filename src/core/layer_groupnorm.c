/* groupnorm: groups of channels of each sample brought to mean 0 and variance 1, in training as in
 * evaluation, then scaled and shifted channel by channel (Wu and He 2018; torch.nn.GroupNorm). */
#include "core/kernels/channel.h"
#include "core/layer.h"

#include <math.h>

struct options {
    size_t groups;
    double eps;
    bool affine;
};

static const struct option options[] = {
    {NULL, "groups", OPTION_SIZE, offsetof(struct options, groups), NULL, 1, 1 << 20, NULL,
     "number of groups that the channels are dealt out to, in order"},
    {NULL, "eps", OPTION_REAL, offsetof(struct options, eps), "1e-05", 1e-12, 1, NULL,
     "added to the variance"},
    {NULL, "affine", OPTION_BOOL, offsetof(struct options, affine), "yes", 0, 0, NULL,
     "a weight and a bias per channel that are learned, 1 and 0 at first"},
};

/* The cache, per sample: mean and 1 / sqrt(variance + eps) of the group of each channel. */
static enum status plan(struct layer *layer)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c;
    if (c % o->groups)
        return status_set(STATUS_USAGE, "groups = %zu does not divide the %zu channels of the input",
                          o->groups, c);
    if (o->affine) {
        layer_add_parameter(layer, "weight", false, 1, &c);
        layer_add_parameter(layer, "bias", false, 1, &c);
    }
    layer->cache_bytes = 2 * c * sizeof(float);
    return STATUS_OK;
}

static void init(const struct layer *layer, uint64_t seed, float *parameters, float *buffers)
{
    const struct options *o = layer->options;
    (void)seed;
    (void)buffers;
    for (size_t i = 0; o->affine && i < layer->in[0].c; i++)
        parameters[layer->parameters[0].offset + i] = 1;
}

/* Two numbers per channel of each sample. */
static size_t workspace(const struct layer *layer, size_t n, int threads)
{
    (void)threads;
    return 2 * n * layer->in[0].c * sizeof(double);
}

/* One sample's groups into its cache; `mean` and `squares` (c): scratch */
static void measure(const struct layer *layer, const float *x, float *cache, double *mean, double *squares)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c, pixels = layer->in[0].h * layer->in[0].w, size = c / o->groups;
    channel_moments(x, pixels, c, c, mean, squares);
    for (size_t first = 0; first < c; first += size) {
        double all = 0, square = 0;
        for (size_t i = first; i < first + size; i++)
            all += mean[i] / (double)size;
        for (size_t i = first; i < first + size; i++)
            square += squares[i] + (mean[i] - all) * (mean[i] - all) * (double)pixels;
        for (size_t i = first; i < first + size; i++) {
            cache[i] = (float)all;
            cache[c + i] = (float)(1 / sqrt(square / (double)(pixels * size) + o->eps));
        }
    }
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    size_t c = layer->in[0].c, pixels = layer->in[0].h * layer->in[0].w;
    const float *weight = layer_parameter(layer, pass->parameters, 0),
                *bias = layer_parameter(layer, pass->parameters, 1);
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t s = 0; s < pass->n; s++) {
        double *scratch = (double *)pass->workspace + 2 * s * c;
        float *mean = (float *)layer->cache + 2 * s * c, *inverse = mean + c;
        measure(layer, layer->x[0] + s * pixels * c, mean, scratch, scratch + c);
        for (size_t r = s * pixels; r < (s + 1) * pixels; r++)
            for (size_t i = 0; i < c; i++) {
                float hat = (layer->x[0][r * c + i] - mean[i]) * inverse[i];
                layer->y[r * c + i] = weight ? hat * weight[i] + bias[i] : hat;
            }
    }
}

/* dx = inverse * (g - mean of g - hat * mean of g hat), means over the group, where g = weight * dy; `sum`
 * and `product` (c) are those of the sample's channels */
static void backward_sample(const struct layer *layer, const float *weight, size_t s, const double *sum,
                            const double *product)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c, pixels = layer->in[0].h * layer->in[0].w, size = c / o->groups;
    const float *mean = (const float *)layer->cache + 2 * s * c, *inverse = mean + c;
    for (size_t first = 0; first < c; first += size) {
        double g = 0, g_hat = 0, count = (double)(pixels * size);
        for (size_t i = first; i < first + size; i++) {
            g += sum[i] * (weight ? (double)weight[i] : 1) / count;
            g_hat += product[i] * (double)inverse[i] * (weight ? (double)weight[i] : 1) / count;
        }
        for (size_t r = s * pixels; r < (s + 1) * pixels; r++)
            for (size_t i = first; i < first + size; i++) {
                float hat = (layer->x[0][r * c + i] - mean[i]) * inverse[i];
                float dy = weight ? layer->dy[r * c + i] * weight[i] : layer->dy[r * c + i];
                layer->dx[0][r * c + i] = inverse[i] * (dy - (float)g - hat * (float)g_hat);
            }
    }
}

/* Samples are added in their order. */
static void add_gradients(const struct layer *layer, const struct pass *pass, const double *sums)
{
    size_t c = layer->in[0].c;
    float *dweight = layer_gradient(layer, pass->gradients, 0),
          *dbias = layer_gradient(layer, pass->gradients, 1);
    for (size_t i = 0; dweight && i < c; i++) {
        double weight = 0, bias = 0;
        for (size_t s = 0; s < pass->n; s++) {
            bias += sums[2 * s * c + i];
            weight += sums[(2 * s + 1) * c + i] * (double)((const float *)layer->cache)[(2 * s + 1) * c + i];
        }
        dweight[i] += (float)weight;
        dbias[i] += (float)bias;
    }
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    size_t c = layer->in[0].c, pixels = layer->in[0].h * layer->in[0].w;
    const float *weight = layer_parameter(layer, pass->parameters, 0);
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t s = 0; s < pass->n; s++) {
        double *sum = (double *)pass->workspace + 2 * s * c;
        channel_products(layer->dy + s * pixels * c, layer->x[0] + s * pixels * c, pixels, c, c,
                         (const float *)layer->cache + 2 * s * c, sum, sum + c);
        if (layer->dx[0])
            backward_sample(layer, weight, s, sum, sum + c);
    }
    add_gradients(layer, pass, pass->workspace);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c, sample = shape_count(layer->in[0]), size = c / o->groups;
    for (size_t g = 0; g < pass->n * o->groups; g++) {
        const double *from = x[0] + g / o->groups * sample;
        size_t first = g % o->groups * size;
        double mean = 0, variance = 0, count = (double)(sample / o->groups);
        for (size_t i = 0; i < sample; i++)
            mean += i % c / size == g % o->groups ? from[i] / count : 0;
        for (size_t i = 0; i < sample; i++)
            variance += i % c / size == g % o->groups ? (from[i] - mean) * (from[i] - mean) / count : 0;
        for (size_t i = 0; i < sample; i++) {
            size_t channel = i % c;
            if (channel < first || channel >= first + size)
                continue;
            double weight = o->affine ? parameters[layer->parameters[0].offset + channel] : 1;
            double bias = o->affine ? parameters[layer->parameters[1].offset + channel] : 0;
            y[g / o->groups * sample + i] = (from[i] - mean) / sqrt(variance + o->eps) * weight + bias;
        }
    }
}

const struct layer_ops layer_groupnorm = {
    .type = "groupnorm",
    .help = "groups of channels of each sample to mean 0 and variance 1",
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
