/* flatten: NHWC images into rows ordered channel by channel, (C, H, W), as PyTorch flattens its NCHW images.
 */
#include "core/kernels/parallel.h"
#include "core/layer.h"

static enum status plan(struct layer *layer)
{
    layer->out = (struct shape){1, 1, shape_count(layer->in[0])};
    return STATUS_OK;
}

/* to (columns, rows) = transpose of from (rows, columns), for each of several matrices */
struct transpose {
    size_t rows, columns;
    const float *from;
    float *to;
};

static void transpose_one(const void *work, size_t i, size_t thread)
{
    const struct transpose *t = work;
    (void)thread;
    for (size_t c = 0; c < t->columns; c++)
        for (size_t r = 0; r < t->rows; r++)
            t->to[(i * t->columns + c) * t->rows + r] = t->from[(i * t->rows + r) * t->columns + c];
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    struct shape in = layer->in[0];
    parallel_for(pass->n, pass->threads, transpose_one,
                 &(struct transpose){in.h * in.w, in.c, layer->x[0], layer->y});
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    struct shape in = layer->in[0];
    if (layer->dx[0])
        parallel_for(pass->n, pass->threads, transpose_one,
                     &(struct transpose){in.c, in.h * in.w, layer->dy, layer->dx[0]});
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    struct shape in = layer->in[0];
    (void)parameters;
    for (size_t i = 0; i < pass->n; i++)
        for (size_t c = 0; c < in.c; c++)
            for (size_t p = 0; p < in.h * in.w; p++)
                *y++ = x[0][(i * in.h * in.w + p) * in.c + c];
}

const struct layer_ops layer_flatten = {
    .type = "flatten",
    .help = "image to a flat row, channel by channel",
    .input_min = 1,
    .input_max = 1,
    .by_image = true,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
