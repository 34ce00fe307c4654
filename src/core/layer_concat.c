/* concat: the channels of several outputs side by side, in the order of from=. */
#include "core/layer.h"

#include <string.h>

static enum status plan(struct layer *layer)
{
    layer->out = layer->in[0];
    for (size_t k = 1; k < layer->input_count; k++) {
        char a[64], b[64];
        if (layer->in[k].h != layer->in[0].h || layer->in[k].w != layer->in[0].w)
            return status_set(STATUS_USAGE,
                              "inputs of different height or width cannot be put together: %s and %s",
                              shape_text(a, layer->in[0]), shape_text(b, layer->in[k]));
        layer->out.c += layer->in[k].c;
    }
    return STATUS_OK;
}

static size_t pixels(const struct layer *layer, const struct pass *pass)
{
    return pass->n * layer->out.h * layer->out.w;
}

static void forward(const struct layer *layer, const struct pass *pass)
{
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t i = 0; i < pixels(layer, pass); i++) {
        float *y = layer->y + i * layer->out.c;
        for (size_t k = 0; k < layer->input_count; k++) {
            size_t c = layer->in[k].c;
            memcpy(y, layer->x[k] + i * c, c * sizeof *y);
            y += c;
        }
    }
}

static void backward(const struct layer *layer, const struct pass *pass)
{
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t i = 0; i < pixels(layer, pass); i++) {
        const float *dy = layer->dy + i * layer->out.c;
        for (size_t k = 0; k < layer->input_count; k++) {
            size_t c = layer->in[k].c;
            if (layer->dx[k])
                memcpy(layer->dx[k] + i * c, dy, c * sizeof *dy);
            dy += c;
        }
    }
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    (void)parameters;
    for (size_t i = 0; i < pixels(layer, pass); i++)
        for (size_t k = 0; k < layer->input_count; k++)
            for (size_t c = 0; c < layer->in[k].c; c++)
                *y++ = x[k][i * layer->in[k].c + c];
}

const struct layer_ops layer_concat = {
    .type = "concat",
    .help = "the channels of the outputs that from=a,b names, side by side",
    .input_min = 2,
    .input_max = LAYER_INPUTS_MAX,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
