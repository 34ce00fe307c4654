#include "core/kernels/conv2d_bf16.h"
#include "core/kernels/conv2d_winograd.h"
#include "core/layer.h"
#include "core/layer_isa.h"
#include "core/whitening.h"

#include <string.h>

struct options {
    size_t filters;
    struct pair kernel, stride, dilation;
    struct padding padding;
    size_t groups;
    bool bias;
    int init; /* enum layer_init, or beyond it: */
    double whiten_eps;
    int algorithm;          /* enum algorithm */
    struct conv2d geometry; /* planned */
};

enum { INIT_DIRAC = LAYER_INIT_UNIFORM + 1, INIT_WHITEN };

enum algorithm { ALGORITHM_AUTO, ALGORITHM_DIRECT, ALGORITHM_WINOGRAD };

static const struct option options[] = {
    {NULL, "filters", OPTION_SIZE, offsetof(struct options, filters), NULL, 1, 1 << 20, NULL,
     "output channels"},
    {NULL, "kernel", OPTION_PAIR, offsetof(struct options, kernel), NULL, 1, 1024, NULL, "window size"},
    {NULL, "stride", OPTION_PAIR, offsetof(struct options, stride), "1", 1, 1024, NULL, "step of the window"},
    {NULL, "padding", OPTION_PADDING, offsetof(struct options, padding), "valid", 0, 1024, NULL,
     "zeros around the image; same: output size = ceil(input / stride)"},
    {NULL, "dilation", OPTION_PAIR, offsetof(struct options, dilation), "1", 1, 1024, NULL,
     "distance of neighbouring taps of the window"},
    {NULL, "groups", OPTION_SIZE, offsetof(struct options, groups), "1", 1, 1 << 20, NULL,
     "channels are cut into so many groups that do not see each other"},
    {NULL, "bias", OPTION_BOOL, offsetof(struct options, bias), "yes", 0, 0, NULL,
     "add a number per output channel"},
    {NULL, "init", OPTION_CHOICE, offsetof(struct options, init), "he", 0, 0,
     "he|glorot|uniform|dirac|whiten",
     "initial weights; uniform: PyTorch's of weights and biases; dirac: the first filters, as many as there "
     "are "
     "input channels, hand a channel each on, the others are uniform; whiten: in a convolution of the "
     "images, "
     "with filters = 2 * kernel * kernel * channels: eigenvectors of the patches of the first 5000 training "
     "images, such that each answers with variance 1, and their negatives; without data they are uniform"},
    {NULL, "whiten_eps", OPTION_REAL, offsetof(struct options, whiten_eps), "5e-4", 1e-12, 1e6, NULL,
     "init=whiten: added to the eigenvalue before its root divides the filter"},
    {NULL, "algorithm", OPTION_CHOICE, offsetof(struct options, algorithm), "auto", 0, 0,
     "auto|direct|winograd",
     "how it is computed: by the formula, or, with kernel=3 and stride=1, with a quarter of the "
     "multiplications "
     "and "
     "three times the rounding error; auto: the faster one"},
};

static void plan_window(struct window *w, const struct padding *padding, size_t pad)
{
    if (padding->same) {
        window_plan_same(w);
    } else {
        w->pad = w->pad_end = pad;
        window_plan(w, false);
    }
}

static enum status plan_whitening(struct layer *layer)
{
    const struct options *o = layer->options;
    struct shape in = layer->in[0];
    size_t size = o->kernel.h * o->kernel.w * in.c;
    if (layer->inputs[0] != LAYER_NETWORK_INPUT || o->groups > 1 || o->dilation.h > 1 || o->dilation.w > 1)
        return status_set(STATUS_USAGE, "init=whiten is for a convolution that reads the images themselves, "
                                        "without groups and dilation");
    if (o->kernel.h > in.h || o->kernel.w > in.w)
        return status_set(STATUS_USAGE, "init=whiten: the kernel is larger than an image");
    if (size > WHITENING_SIZE_MAX)
        return status_set(STATUS_USAGE, "init=whiten: a window has %zu numbers, and %d are the most", size,
                          WHITENING_SIZE_MAX);
    if (o->filters != 2 * size)
        return status_set(
            STATUS_USAGE,
            "init=whiten needs filters=%zu here: 2 for each of the %zu numbers of a window, not %zu",
            2 * size, size, o->filters);
    layer->whitening = o->whiten_eps;
    return STATUS_OK;
}

static enum status plan(struct layer *layer)
{
    struct options *o = layer->options;
    struct shape in = layer->in[0];
    if (in.c % o->groups || o->filters % o->groups)
        return status_set(STATUS_USAGE,
                          "groups = %zu must divide both input channels (%zu) and filters (%zu)", o->groups,
                          in.c, o->filters);
    struct conv2d *g = &o->geometry;
    *g = (struct conv2d){
        .h = {.in = in.h, .kernel = o->kernel.h, .stride = o->stride.h, .dilation = o->dilation.h},
        .w = {.in = in.w, .kernel = o->kernel.w, .stride = o->stride.w, .dilation = o->dilation.w},
        .c = in.c,
        .oc = o->filters,
        .groups = o->groups,
    };
    enum status status = layer_choose_isa(&g->kernel);
    if (status)
        return status;
    plan_window(&g->h, &o->padding, o->padding.sides.h);
    plan_window(&g->w, &o->padding, o->padding.sides.w);
    if (o->algorithm == ALGORITHM_WINOGRAD && !conv2d_winograd_can(g))
        return status_set(STATUS_USAGE,
                          "algorithm=winograd is for kernel=3, stride=1 and padding up to 2, without "
                          "groups and dilation");
    g->winograd =
        o->algorithm == ALGORITHM_WINOGRAD || (o->algorithm == ALGORITHM_AUTO && conv2d_winograd_fits(g));
    layer->out = (struct shape){g->h.out, g->w.out, g->oc};
    layer_add_parameter(layer, "weight", true, 4,
                        (size_t[]){g->oc, in.c / g->groups, g->h.kernel, g->w.kernel});
    if (o->bias)
        layer_add_parameter(layer, "bias", false, 1, &g->oc);
    layer->multiply_adds = (double)(g->h.out * g->w.out) * (double)layer->parameters[0].count;
    return o->init == INIT_WHITEN ? plan_whitening(layer) : STATUS_OK;
}

/* torch.nn.init.dirac_ of the first filters of each group. */
static void init_dirac(const struct layer *layer, float *weight)
{
    const struct options *o = layer->options;
    size_t taps = o->kernel.h * o->kernel.w, in = o->geometry.c / o->groups, out = o->filters / o->groups;
    for (size_t g = 0; g < o->groups; g++)
        for (size_t f = 0; f < (in < out ? in : out); f++) {
            float *filter = weight + (g * out + f) * in * taps;
            memset(filter, 0, in * taps * sizeof *filter);
            filter[f * taps + o->kernel.h / 2 * o->kernel.w + o->kernel.w / 2] = 1;
        }
}

static void init(const struct layer *layer, uint64_t seed, float *parameters, float *buffers)
{
    (void)buffers;
    const struct options *o = layer->options;
    size_t taps = o->kernel.h * o->kernel.w, fan_in = taps * (o->geometry.c / o->groups);
    enum layer_init kind = o->init < LAYER_INIT_UNIFORM ? (enum layer_init)o->init : LAYER_INIT_UNIFORM;
    layer_init_weight(layer, seed, parameters, 0, kind, fan_in, taps * (o->filters / o->groups));
    if (o->bias && kind == LAYER_INIT_UNIFORM)
        layer_init_weight(layer, seed, parameters, 1, kind, fan_in, 1);
    if (o->init == INIT_DIRAC)
        init_dirac(layer, parameters + layer->parameters[0].offset);
}

static struct conv2d geometry(const struct layer *layer)
{
    const struct options *o = layer->options;
    struct conv2d g = o->geometry;
    g.bf16 = conv2d_bf16_can(&g) ? layer->bf16 : NULL;
    return g;
}

static size_t workspace(const struct layer *layer, size_t n, int threads)
{
    struct conv2d g = geometry(layer);
    return conv2d_workspace(&g, n, threads);
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    struct conv2d g = geometry(layer);
    struct conv2d_epilogue epilogue = {.bias = layer_parameter(layer, pass->parameters, 1),
                                       .relu = layer->output_relu};
    conv2d_forward(&g, pass->n, layer->x[0], layer_parameter(layer, pass->parameters, 0), &epilogue, layer->y,
                   pass->workspace, pass->threads);
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    struct conv2d g = geometry(layer);
    g.is_part = pass->is_group;
    if (layer->dx[0])
        conv2d_backward_input(&g, pass->n, layer->dy, layer_parameter(layer, pass->parameters, 0),
                              layer->input_relu ? layer->x[0] : NULL, layer->dx[0], pass->workspace,
                              pass->threads);
    if (pass->gradients)
        conv2d_backward_weight(&g, pass->n, layer->x[0], layer->dy, layer_gradient(layer, pass->gradients, 0),
                               layer_gradient(layer, pass->gradients, 1), pass->workspace, pass->threads);
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    const struct options *o = layer->options;
    conv2d_reference(&o->geometry, pass->n, x[0], parameters + layer->parameters[0].offset,
                     o->bias ? parameters + layer->parameters[1].offset : NULL, y);
}

const struct layer_ops layer_conv2d = {
    .type = "conv2d",
    .help = "convolution",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .by_image = true,
    .input_needed = true,
    .takes_output_relu = true,
    .takes_input_relu = LAYER_RELU_BACKWARD,
    .plan = plan,
    .init = init,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
