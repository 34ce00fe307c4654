/* globalavgpool: the mean of each channel over the whole image. */
#include "core/kernels/channel.h"
#include "core/layer.h"

static enum status plan(struct layer *layer)
{
    layer->out = (struct shape){1, 1, layer->in[0].c};
    return STATUS_OK;
}

static size_t pixels(const struct layer *layer)
{
    return layer->in[0].h * layer->in[0].w;
}

enum { PIECE = 64 }; /* channels at a time */

static void forward(const struct layer *layer, const struct pass *pass)
{
    size_t c = layer->in[0].c, pieces = (c + PIECE - 1) / PIECE, p = pixels(layer);
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t t = 0; t < pass->n * pieces; t++) {
        double sums[PIECE];
        size_t i = t / pieces, first = t % pieces * PIECE, width = c - first < PIECE ? c - first : PIECE;
        channel_sums(layer->x[0] + i * p * c + first, p, c, width, sums);
        for (size_t k = 0; k < width; k++)
            layer->y[i * c + first + k] = (float)(sums[k] / (double)p);
    }
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    size_t c = layer->in[0].c, p = pixels(layer);
    float factor = (float)(1.0 / (double)p);
    if (!layer->dx[0])
        return;
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t r = 0; r < pass->n * p; r++) {
        const float *dy = layer->dy + r / p * c;
        float *dx = layer->dx[0] + r * c;
        for (size_t k = 0; k < c; k++)
            dx[k] = dy[k] * factor;
    }
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    size_t c = layer->in[0].c, p = pixels(layer);
    (void)parameters;
    for (size_t i = 0; i < pass->n * c; i++) {
        y[i] = 0;
        for (size_t r = 0; r < p; r++)
            y[i] += x[0][(i / c * p + r) * c + i % c] / (double)p;
    }
}

const struct layer_ops layer_globalavgpool = {
    .type = "globalavgpool",
    .help = "average of each channel over the whole image; its output is flat",
    .input_min = 1,
    .input_max = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
