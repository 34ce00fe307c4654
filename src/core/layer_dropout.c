#include "core/layer.h"
#include "core/random.h"

#include <string.h>

struct options {
    double rate;
};

static const struct option options[] = {
    {NULL, "rate", OPTION_REAL, offsetof(struct options, rate), "0.5", 0, 0.999, NULL,
     "share of the numbers that is set to zero in training; the rest is scaled by 1/(1-rate)"},
};

/* Elements per piece of work: a multiple of the random words in a block, small enough for the stack. */
enum { PIECE = 1024 };

static struct random_stream mask_stream(const struct layer *layer, const struct pass *pass)
{
    return random_stream(pass->seed, RANDOM_DROPOUT, (uint32_t)layer->index, pass->shard, pass->step);
}

/* Random words below this are dropped. */
static uint32_t threshold(const struct layer *layer)
{
    const struct options *o = layer->options;
    return (uint32_t)(o->rate * 0x1p32);
}

static double scale(const struct layer *layer)
{
    const struct options *o = layer->options;
    return 1 / (1 - o->rate);
}

/* The layer's cache: a byte per element, 1 where it is kept. */
static enum status plan(struct layer *layer)
{
    layer->cache_bytes = shape_count(layer->out);
    return STATUS_OK;
}

static void draw_and_apply(const struct layer *layer, const struct pass *pass)
{
    size_t count = pass->n * shape_count(layer->out);
    struct random_stream stream = mask_stream(layer, pass);
    uint32_t limit = threshold(layer);
    float factor = (float)scale(layer);
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t first = 0; first < count; first += PIECE) {
        uint32_t words[PIECE];
        size_t piece = count - first < PIECE ? count - first : PIECE;
        const float *x = layer->x[0] + first;
        float *y = layer->y + first;
        uint8_t *kept = (uint8_t *)layer->cache + first;
        random_blocks(&stream, (uint32_t)(first / 4), (piece + 3) / 4, words);
        for (size_t i = 0; i < piece; i++) {
            kept[i] = words[i] >= limit;
            y[i] = words[i] >= limit ? x[i] * factor : 0;
        }
    }
}

static void apply(const struct layer *layer, const struct pass *pass)
{
    size_t count = pass->n * shape_count(layer->out);
    const float *dy = layer->dy;
    const uint8_t *kept = layer->cache;
    float *dx = layer->dx[0], factor = (float)scale(layer);
#pragma omp parallel for simd num_threads(pass->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        dx[i] = kept[i] ? dy[i] * factor : 0;
}

static void copy(const struct layer *layer, const struct pass *pass, const float *from, float *to)
{
    if (to != from)
        memcpy(to, from, pass->n * shape_count(layer->out) * sizeof *to);
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    if (pass->training)
        draw_and_apply(layer, pass);
    else
        copy(layer, pass, layer->x[0], layer->y);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    if (!layer->dx[0])
        return;
    if (pass->training)
        apply(layer, pass);
    else
        copy(layer, pass, layer->dy, layer->dx[0]);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    (void)parameters;
    struct random_stream stream = mask_stream(layer, pass);
    uint32_t words[4];
    for (size_t i = 0; i < pass->n * shape_count(layer->out); i++) {
        if (i % 4 == 0)
            random_block(&stream, (uint32_t)(i / 4), words);
        bool kept = words[i % 4] >= threshold(layer);
        y[i] = !pass->training ? x[0][i] : kept ? x[0][i] * scale(layer) : 0;
    }
}

const struct layer_ops layer_dropout = {
    .type = "dropout",
    .help = "sets random numbers to zero in training",
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
