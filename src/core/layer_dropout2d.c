/* dropout2d: dropout of whole channels (Tompson et al. 2015, spatial dropout; torch.nn.Dropout2d). */
#include "core/layer.h"
#include "core/random.h"

#include <string.h>

struct options {
    double rate;
};

static const struct option options[] = {
    {NULL, "rate", OPTION_REAL, offsetof(struct options, rate), "0.5", 0, 0.999, NULL,
     "share of the channels that is set to zero in training; the rest is scaled by 1/(1-rate)"},
};

/* The layer's cache: a number per channel of each sample, 0 or 1/(1-rate). */
static enum status plan(struct layer *layer)
{
    layer->cache_bytes = layer->out.c * sizeof(float);
    return STATUS_OK;
}

/* Of channel c of the shard's sample i, in training: element i * channels + c of the mask's stream. */
static double factor_of(const struct layer *layer, const struct pass *pass, size_t i)
{
    size_t element = pass->first * layer->out.c + i;
    const struct options *o = layer->options;
    struct random_stream stream =
        random_stream(pass->seed, RANDOM_DROPOUT, (uint32_t)layer->index, pass->shard, pass->step);
    uint32_t words[4];
    random_block(&stream, (uint32_t)(element / 4), words);
    return words[element % 4] < (uint32_t)(o->rate * 0x1p32) ? 0 : 1 / (1 - o->rate);
}

/* to = from times the factors in the cache */
static void apply(const struct layer *layer, const struct pass *pass, const float *from, float *to)
{
    size_t c = layer->out.c, pixels = layer->out.h * layer->out.w;
    const float *factors = layer->cache;
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t r = 0; r < pass->n * pixels; r++)
        for (size_t k = 0; k < c; k++) {
            float factor = factors[r / pixels * c + k]; /* what is dropped is nought, whatever it was */
            to[r * c + k] = factor == 0 ? 0 : from[r * c + k] * factor;
        }
}

static void copy(const struct layer *layer, const struct pass *pass, const float *from, float *to)
{
    if (to != from)
        memcpy(to, from, pass->n * shape_count(layer->out) * sizeof *to);
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    float *factors = layer->cache;
    for (size_t i = 0; pass->training && i < pass->n * layer->out.c; i++)
        factors[i] = (float)factor_of(layer, pass, i);
    (pass->training ? apply : copy)(layer, pass, layer->x[0], layer->y);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    if (layer->dx[0])
        (pass->training ? apply : copy)(layer, pass, layer->dy, layer->dx[0]);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    size_t c = layer->out.c, sample = shape_count(layer->out);
    (void)parameters;
    for (size_t i = 0; i < pass->n * sample; i++)
        y[i] = pass->training ? x[0][i] * factor_of(layer, pass, i / sample * c + i % c) : x[0][i];
}

const struct layer_ops layer_dropout2d = {
    .type = "dropout2d",
    .help = "sets random channels to zero in training",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .in_place = true,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
