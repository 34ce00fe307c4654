#include "core/kernels/parallel.h"
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

/* What a piece of work is part of. */
struct mask {
    const struct layer *layer;
    struct random_stream stream;
    uint32_t limit;
    float factor;
    size_t start, count; /* number of the first element in the shard; elements */
};

static struct mask mask_of(const struct layer *layer, const struct pass *pass)
{
    return (struct mask){.layer = layer,
                         .stream = mask_stream(layer, pass),
                         .limit = threshold(layer),
                         .factor = (float)scale(layer),
                         .start = pass->first * shape_count(layer->out),
                         .count = pass->n * shape_count(layer->out)};
}

static void draw_and_apply(const void *work, size_t index, size_t thread)
{
    const struct mask *m = work;
    size_t first = index * PIECE, piece = m->count - first < PIECE ? m->count - first : PIECE;
    size_t skip = m->start % 4; /* a block has four words */
    const float *x = m->layer->x[0] + first;
    float *y = m->layer->y + first, factor = m->factor;
    uint8_t *restrict kept = (uint8_t *)m->layer->cache + first;
    uint32_t words[PIECE + 8], limit = m->limit;
    (void)thread;
    random_blocks(&m->stream, (uint32_t)((m->start + first) / 4), (skip + piece + 3) / 4, words);
#pragma omp simd
    for (size_t i = 0; i < piece; i++) {
        bool keep = words[skip + i] >= limit;
        kept[i] = keep;
        y[i] = keep ? x[i] * factor : 0;
    }
}

static void apply(const void *work, size_t index, size_t thread)
{
    const struct mask *m = work;
    size_t first = index * PIECE, last = first + PIECE < m->count ? first + PIECE : m->count;
    const uint8_t *restrict kept = m->layer->cache;
    const float *dy = m->layer->dy;
    float *dx = m->layer->dx[0], factor = m->factor;
    (void)thread;
#pragma omp simd
    for (size_t i = first; i < last; i++)
        dx[i] = kept[i] ? dy[i] * factor : 0;
}

static void by_pieces(const struct layer *layer, const struct pass *pass, parallel_task *task)
{
    struct mask mask = mask_of(layer, pass);
    parallel_for((mask.count + PIECE - 1) / PIECE, pass->threads, task, &mask);
}

static void copy(const struct layer *layer, const struct pass *pass, const float *from, float *to)
{
    if (to != from)
        memcpy(to, from, pass->n * shape_count(layer->out) * sizeof *to);
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    if (pass->training)
        by_pieces(layer, pass, draw_and_apply);
    else
        copy(layer, pass, layer->x[0], layer->y);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    if (!layer->dx[0])
        return;
    if (pass->training)
        by_pieces(layer, pass, apply);
    else
        copy(layer, pass, layer->dy, layer->dx[0]);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    (void)parameters;
    struct random_stream stream = mask_stream(layer, pass);
    uint32_t words[4];
    size_t start = pass->first * shape_count(layer->out);
    for (size_t i = 0; i < pass->n * shape_count(layer->out); i++) {
        size_t element = start + i;
        if (i == 0 || element % 4 == 0)
            random_block(&stream, (uint32_t)(element / 4), words);
        bool kept = words[element % 4] >= threshold(layer);
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
    .by_image = true,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
