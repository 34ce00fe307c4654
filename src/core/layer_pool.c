/* maxpool and avgpool. */
#include "core/kernels/pool.h"
#include "core/layer.h"

struct options {
    struct pair size, stride; /* stride 0: as size */
    struct pair padding;
    bool ceil;
    struct pool geometry; /* planned */
};

static const struct option options[] = {
    {NULL, "size", OPTION_PAIR, offsetof(struct options, size), NULL, 1, 255, NULL, "window size"},
    {NULL, "stride", OPTION_PAIR, offsetof(struct options, stride), "0", 0, 1024, NULL,
     "step of the window; 0: the window's size"},
    {NULL, "padding", OPTION_PAIR, offsetof(struct options, padding), "0", 0, 127, NULL,
     "around the image, at most half of the window"},
    {NULL, "ceil", OPTION_BOOL, offsetof(struct options, ceil), "no", 0, 0, NULL,
     "round the output size up: windows may hang over the end"},
};

static enum status plan_window(struct window *w, bool ceil, const char *direction)
{
    if (w->pad > w->kernel / 2)
        return status_set(STATUS_USAGE, "padding = %zu is more than half of the window's %s, %zu", w->pad,
                          direction, w->kernel);
    w->pad_end = w->pad;
    w->dilation = 1;
    w->stride = w->stride ? w->stride : w->kernel;
    window_plan(w, ceil);
    return STATUS_OK;
}

static enum status plan(struct layer *layer)
{
    struct options *o = layer->options;
    struct shape in = layer->in[0];
    struct pool *g = &o->geometry;
    *g = (struct pool){
        .h = {.in = in.h, .kernel = o->size.h, .stride = o->stride.h, .pad = o->padding.h},
        .w = {.in = in.w, .kernel = o->size.w, .stride = o->stride.w, .pad = o->padding.w},
        .c = in.c,
    };
    enum status status = plan_window(&g->h, o->ceil, "height");
    if (!status)
        status = plan_window(&g->w, o->ceil, "width");
    layer->out = (struct shape){g->h.out, g->w.out, in.c};
    return status;
}

static enum status maxpool_plan(struct layer *layer)
{
    enum status status = plan(layer);
    layer->cache_bytes = shape_count(layer->out) * sizeof(uint16_t);
    return status;
}

static void maxpool_layer_forward(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    maxpool_forward(&o->geometry, pass->n, layer->input_relu, layer->x[0], layer->y, layer->cache,
                    pass->threads);
}

static void maxpool_layer_backward(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    if (layer->dx[0])
        maxpool_backward(&o->geometry, pass->n, layer->dy, layer->cache, layer->dx[0], pass->threads);
}

static void maxpool_layer_reference(const struct layer *layer, const struct pass *pass,
                                    const double *parameters, const double *const x[], double *y)
{
    const struct options *o = layer->options;
    (void)parameters;
    maxpool_reference(&o->geometry, pass->n, x[0], y);
}

static void avgpool_layer_forward(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    avgpool_forward(&o->geometry, pass->n, layer->x[0], layer->y, pass->threads);
}

static void avgpool_layer_backward(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    if (layer->dx[0])
        avgpool_backward(&o->geometry, pass->n, layer->dy, layer->dx[0], pass->threads);
}

static void avgpool_layer_reference(const struct layer *layer, const struct pass *pass,
                                    const double *parameters, const double *const x[], double *y)
{
    const struct options *o = layer->options;
    (void)parameters;
    avgpool_reference(&o->geometry, pass->n, x[0], y);
}

const struct layer_ops layer_maxpool = {
    .type = "maxpool",
    .help = "maximum over windows",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .by_image = true,
    .takes_input_relu = LAYER_RELU_BOTH,
    .plan = maxpool_plan,
    .forward = maxpool_layer_forward,
    .backward = maxpool_layer_backward,
    .reference = maxpool_layer_reference,
};

const struct layer_ops layer_avgpool = {
    .type = "avgpool",
    .help = "average over windows; padding counts as zeros",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .by_image = true,
    .plan = plan,
    .forward = avgpool_layer_forward,
    .backward = avgpool_layer_backward,
    .reference = avgpool_layer_reference,
};
