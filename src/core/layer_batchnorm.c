/* batchnorm: every channel brought to mean 0 and variance 1 over the samples that are computed together
 * (Ioffe and Szegedy 2015), then scaled and shifted. In evaluation with running means of the batches'
 * statistics. As torch.nn.BatchNorm2d and BatchNorm1d: the variance that normalises is divided by the number
 * of values, the one that is kept by one less. */
#include "core/kernels/batchnorm.h"
#include "core/layer.h"

#include <math.h>

enum scope { SCOPE_SHARD, SCOPE_GLOBAL };

struct options {
    double momentum, eps;
    bool scale, shift;
    int scope; /* enum scope */
};

static const struct option options[] = {
    {NULL, "momentum", OPTION_REAL, offsetof(struct options, momentum), "0.1", 0, 1, NULL,
     "share of a step's statistics in the running ones"},
    {NULL, "eps", OPTION_REAL, offsetof(struct options, eps), "1e-05", 1e-12, 1, NULL,
     "added to the variance"},
    {NULL, "scale", OPTION_BOOL, offsetof(struct options, scale), "yes", 0, 0, NULL,
     "multiply each channel with a weight that is learned, 1 at first"},
    {NULL, "shift", OPTION_BOOL, offsetof(struct options, shift), "yes", 0, 0, NULL,
     "add a bias to each channel that is learned, 0 at first"},
    {NULL, "scope", OPTION_CHOICE, offsetof(struct options, scope), "shard", 0, 0, "shard|global",
     "statistics of each shard alone, or of the whole batch, for which all ranks wait at this layer"},
};

enum { RUNNING_MEAN, RUNNING_VAR };

static enum status plan(struct layer *layer)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c;
    if (o->scale)
        layer_add_parameter(layer, "weight", false, 1, &c);
    if (o->shift)
        layer_add_parameter(layer, "bias", false, 1, &c);
    layer_add_buffer(layer, "running_mean", 1, &c);
    layer_add_buffer(layer, "running_var", 1, &c);
    layer->cache_fixed = 4 * c * sizeof(float);
    layer->statistics_over = layer->in[0].h * layer->in[0].w;
    layer->statistics_global = o->scope == SCOPE_GLOBAL;
    return STATUS_OK;
}

static void init(const struct layer *layer, uint64_t seed, float *parameters, float *buffers)
{
    const struct options *o = layer->options;
    (void)seed;
    for (size_t i = 0; i < layer->in[0].c; i++) {
        if (o->scale)
            parameters[layer->parameters[0].offset + i] = 1;
        buffers[layer->buffers[RUNNING_VAR].offset + i] = 1;
    }
}

/* Where an array that may not be there stands among the parameters; SIZE_MAX: it is not. */
static size_t weight_index(const struct layer *layer)
{
    const struct options *o = layer->options;
    return o->scale ? 0 : SIZE_MAX;
}

static size_t bias_index(const struct layer *layer)
{
    const struct options *o = layer->options;
    return o->shift ? o->scale : SIZE_MAX;
}

static size_t rows(const struct layer *layer, const struct pass *pass)
{
    return pass->n * layer->in[0].h * layer->in[0].w;
}

static size_t workspace(const struct layer *layer, size_t n, int threads)
{
    size_t c = layer->in[0].c;
    (void)threads;
    return batchnorm_workspace(n * layer->in[0].h * layer->in[0].w, c) + 2 * c * sizeof(double);
}

/* The cache: y = (x - mean) * scale + bias, and 1 / sqrt(variance + eps); (c) each. */
enum { MEAN, SCALE, BIAS, INVERSE };

static float *cached(const struct layer *layer, size_t i)
{
    return (float *)layer->cache + i * layer->in[0].c;
}

static const float *affine(const struct layer *layer)
{
    return cached(layer, MEAN);
}

/* Whether the pass has a part of what the statistics are of. */
static bool has_part(const struct layer *layer, const struct pass *pass)
{
    return layer->statistics_global && pass->sums;
}

/* Values of the whole batch that a channel has. */
static size_t batch_rows(const struct layer *layer, const struct pass *pass)
{
    return pass->batch * layer->in[0].h * layer->in[0].w;
}

/* Sums of x and of its squares: (2, c). A double has more than twice the digits of a float: what squares lose
 * in it is less than what the rounding of x has done to its variance. */
static void forward_sums(const struct layer *layer, const struct pass *pass, double *sums)
{
    size_t c = layer->in[0].c, count = rows(layer, pass);
    double *mean = pass->workspace, *squares = mean + c;
    batchnorm_moments(count, c, layer->x[0], mean, squares, squares + c, pass->threads);
    for (size_t i = 0; i < c; i++) {
        sums[i] = mean[i] * (double)count;
        sums[c + i] = squares[i] + mean[i] * sums[i];
    }
}

/* The whole batch's moments, as batchnorm_moments has them. */
static void take_sums(const struct layer *layer, const struct pass *pass, double *mean, double *squares)
{
    size_t c = layer->in[0].c;
    for (size_t i = 0; i < c; i++) {
        mean[i] = pass->sums[i] / (double)batch_rows(layer, pass);
        squares[i] = pass->sums[c + i] - mean[i] * pass->sums[i];
        squares[i] = squares[i] < 0 ? 0 : squares[i]; /* a NaN stays one */
    }
}

/* The batch's own statistics into the cache, and for the running ones. */
static void measure(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    bool part = has_part(layer, pass);
    size_t c = layer->in[0].c, count = part ? batch_rows(layer, pass) : rows(layer, pass);
    double *mean = pass->workspace, *squares = mean + c;
    if (part)
        take_sums(layer, pass, mean, squares);
    else
        batchnorm_moments(count, c, layer->x[0], mean, squares, squares + c, pass->threads);
    for (size_t i = 0; i < c; i++) {
        cached(layer, MEAN)[i] = (float)mean[i];
        cached(layer, INVERSE)[i] = (float)(1 / sqrt(squares[i] / (double)count + o->eps));
        if (!pass->statistics)
            continue;
        pass->statistics[layer->buffers[RUNNING_MEAN].offset + i] = (float)mean[i];
        pass->statistics[layer->buffers[RUNNING_VAR].offset + i] =
            (float)(squares[i] / (count > 1 ? (double)(count - 1) : 1));
    }
}

static void take_running(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    for (size_t i = 0; i < layer->in[0].c; i++) {
        double variance = pass->buffers[layer->buffers[RUNNING_VAR].offset + i];
        cached(layer, MEAN)[i] = pass->buffers[layer->buffers[RUNNING_MEAN].offset + i];
        cached(layer, INVERSE)[i] = (float)(1 / sqrt(variance + o->eps));
    }
}

static void derive_affine(const struct layer *layer, const struct pass *pass)
{
    const float *weight = layer_parameter(layer, pass->parameters, weight_index(layer)),
                *bias = layer_parameter(layer, pass->parameters, bias_index(layer));
    for (size_t i = 0; i < layer->in[0].c; i++) {
        float inverse = cached(layer, INVERSE)[i];
        cached(layer, SCALE)[i] = weight ? inverse * weight[i] : inverse;
        cached(layer, BIAS)[i] = bias ? bias[i] : 0;
    }
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    if (pass->training)
        measure(layer, pass);
    else
        take_running(layer, pass);
    derive_affine(layer, pass);
    if (!layer->hands_affine_on)
        batchnorm_apply(rows(layer, pass), layer->in[0].c, layer->x[0], cached(layer, MEAN),
                        cached(layer, SCALE), cached(layer, BIAS), layer->output_relu, layer->y,
                        pass->threads);
}

static struct batchnorm_backward backward_of(const struct layer *layer, const struct pass *pass)
{
    return (struct batchnorm_backward){
        .rows = rows(layer, pass),
        .c = layer->in[0].c,
        .dy = layer->dy,
        .more = layer->dy_more,
        .relu = layer->output_relu_backward ? layer->y : layer->dy_relu,
        .x = layer->x[0],
        .mean = cached(layer, MEAN),
        .inverse = cached(layer, INVERSE),
        .weight = layer_parameter(layer, pass->parameters, weight_index(layer)),
        .fixed = !pass->training,
    };
}

static void backward_sums(const struct layer *layer, const struct pass *pass, double *sums)
{
    struct batchnorm_backward b = backward_of(layer, pass);
    size_t c = layer->in[0].c;
    float *dweight = layer_gradient(layer, pass->gradients, weight_index(layer)),
          *dbias = layer_gradient(layer, pass->gradients, bias_index(layer));
    batchnorm_sums(&b, sums, pass->workspace, pass->threads);
    for (size_t i = 0; i < c; i++) {
        if (dweight)
            dweight[i] += (float)(sums[c + i] * (double)b.inverse[i]);
        if (dbias)
            dbias[i] += (float)sums[i];
    }
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    struct batchnorm_backward b = backward_of(layer, pass);
    float *gradients = pass->gradients;
    if (has_part(layer, pass)) {
        b.sums = pass->sums;
        b.sum_rows = batch_rows(layer, pass);
        gradients = NULL;
    }
    batchnorm_backward(&b, layer->dx[0], layer_gradient(layer, gradients, weight_index(layer)),
                       layer_gradient(layer, gradients, bias_index(layer)), pass->workspace, pass->threads);
}

static void update(const struct layer *layer, const float *statistics, size_t shards, float *buffers)
{
    const struct options *o = layer->options;
    for (size_t b = 0; b < layer->buffer_count; b++) {
        size_t offset = layer->buffers[b].offset;
        for (size_t i = offset; i < offset + layer->buffers[b].count; i++)
            buffers[i] = (float)((1 - o->momentum) * (double)buffers[i] +
                                 o->momentum * ((double)statistics[i] / (double)shards));
    }
}

/* One channel's mean and variance, which normalise it. */
static void reference_moments(const struct layer *layer, const struct pass *pass, const double *x,
                              size_t channel, double *mean, double *variance)
{
    size_t c = layer->in[0].c, count = rows(layer, pass);
    *mean = *variance = 0;
    if (!pass->training) {
        *mean = pass->buffers[layer->buffers[RUNNING_MEAN].offset + channel];
        *variance = pass->buffers[layer->buffers[RUNNING_VAR].offset + channel];
        return;
    }
    for (size_t r = 0; r < count; r++)
        *mean += x[r * c + channel] / (double)count;
    for (size_t r = 0; r < count; r++)
        *variance += (x[r * c + channel] - *mean) * (x[r * c + channel] - *mean) / (double)count;
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c;
    for (size_t i = 0; i < c; i++) {
        double mean, variance;
        reference_moments(layer, pass, x[0], i, &mean, &variance);
        double weight = o->scale ? parameters[layer->parameters[0].offset + i] : 1;
        double bias = o->shift ? parameters[layer->parameters[bias_index(layer)].offset + i] : 0;
        for (size_t r = 0; r < rows(layer, pass); r++)
            y[r * c + i] = (x[0][r * c + i] - mean) / sqrt(variance + o->eps) * weight + bias;
    }
}

const struct layer_ops layer_batchnorm = {
    .type = "batchnorm",
    .help = "each channel to mean 0 and variance 1 over the shard or the batch; in evaluation with running "
            "statistics",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .input_needed = true,
    .gradient_in_place = true,
    .completes_gradient = true,
    .takes_output_relu = true,
    .takes_output_relu_backward = true,
    .plan = plan,
    .init = init,
    .update = update,
    .workspace = workspace,
    .affine = affine,
    .forward_sums = forward_sums,
    .backward_sums = backward_sums,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
