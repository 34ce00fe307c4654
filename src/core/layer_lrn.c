/* lrn: y = x / (k + alpha * mean of x^2 over the neighbouring channels)^beta (Krizhevsky et al. 2012,
 * section 3.3, with the mean in place of the sum, as torch.nn.LocalResponseNorm has it). Of an even number of
 * neighbours there is one more before than behind; channels that are not there count as zeros. */
#include "core/kernels/cut.h"
#include "core/layer.h"

#include <math.h>

struct options {
    size_t size;
    double alpha, beta, k;
};

static const struct option options[] = {
    {NULL, "size", OPTION_SIZE, offsetof(struct options, size), NULL, 1, 4096, NULL,
     "neighbouring channels, its own among them"},
    {NULL, "alpha", OPTION_REAL, offsetof(struct options, alpha), "0.0001", 0, 1e6, NULL,
     "factor of their mean square"},
    {NULL, "beta", OPTION_REAL, offsetof(struct options, beta), "0.75", 0, 100, NULL, "exponent"},
    {NULL, "k", OPTION_REAL, offsetof(struct options, k), "1", 1e-9, 1e6, NULL, "added to it"},
};

static size_t rows(const struct layer *layer, const struct pass *pass)
{
    return pass->n * layer->in[0].h * layer->in[0].w;
}

/* Channels first .. last-1 around channel i: `before` of them before it. */
struct range_of {
    size_t first, last;
};

static struct range_of neighbours(size_t c, size_t i, size_t before, size_t behind)
{
    return (struct range_of){i > before ? i - before : 0, size_min(c, i + behind + 1)};
}

/* k + alpha * mean square around channel i of a pixel */
static double denominator(const struct layer *layer, const float *x, size_t i)
{
    const struct options *o = layer->options;
    struct range_of around = neighbours(layer->in[0].c, i, o->size / 2, (o->size - 1) / 2);
    double sum = 0;
    for (size_t j = around.first; j < around.last; j++)
        sum += (double)x[j] * (double)x[j];
    return o->k + o->alpha * sum / (double)o->size;
}

static void forward(const struct layer *layer, const struct pass *pass)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c;
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t r = 0; r < rows(layer, pass); r++) {
        const float *x = layer->x[0] + r * c;
        for (size_t i = 0; i < c; i++)
            layer->y[r * c + i] = (float)((double)x[i] * pow(denominator(layer, x, i), -o->beta));
    }
}

/* Two rows of doubles per pixel that is worked on: as many as there are tasks. */
enum { TASKS = 64 };

static size_t workspace(const struct layer *layer, size_t n, int threads)
{
    (void)n;
    (void)threads;
    return 2 * TASKS * layer->in[0].c * sizeof(double);
}

/* dx_j = dy_j d_j^-beta - 2 alpha beta / size * x_j * (sum over those i that have j as a neighbour of
 * dy_i x_i d_i^(-beta-1)); `power` and `inner` (c): scratch */
static void backward_pixel(const struct layer *layer, const float *x, const float *dy, float *dx,
                           double *power, double *inner)
{
    const struct options *o = layer->options;
    size_t c = layer->in[0].c;
    for (size_t i = 0; i < c; i++) {
        double d = denominator(layer, x, i);
        power[i] = pow(d, -o->beta);
        inner[i] = (double)dy[i] * (double)x[i] * power[i] / d;
    }
    for (size_t j = 0; j < c; j++) {
        struct range_of readers = neighbours(c, j, (o->size - 1) / 2, o->size / 2);
        double sum = 0;
        for (size_t i = readers.first; i < readers.last; i++)
            sum += inner[i];
        dx[j] =
            (float)((double)dy[j] * power[j] - 2 * o->alpha * o->beta / (double)o->size * (double)x[j] * sum);
    }
}

static void backward(const struct layer *layer, const struct pass *pass)
{
    size_t c = layer->in[0].c, count = rows(layer, pass);
    if (!layer->dx[0])
        return;
#pragma omp parallel for num_threads(pass->threads) schedule(static)
    for (size_t t = 0; t < TASKS; t++) {
        double *scratch = (double *)pass->workspace + 2 * t * c;
        for (size_t r = size_cut(count, TASKS, t); r < size_cut(count, TASKS, t + 1); r++)
            backward_pixel(layer, layer->x[0] + r * c, layer->dy + r * c, layer->dx[0] + r * c, scratch,
                           scratch + c);
    }
}

static void reference(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y)
{
    const struct options *o = layer->options;
    long c = (long)layer->in[0].c, size = (long)o->size;
    (void)parameters;
    for (long r = 0; r < (long)rows(layer, pass); r++)
        for (long i = 0; i < c; i++) {
            double sum = 0;
            for (long j = i - size / 2; j < i - size / 2 + size; j++)
                sum += j >= 0 && j < c ? x[0][r * c + j] * x[0][r * c + j] : 0;
            y[r * c + i] = x[0][r * c + i] / pow(o->k + o->alpha * sum / (double)size, o->beta);
        }
}

const struct layer_ops layer_lrn = {
    .type = "lrn",
    .help = "local response normalisation across channels",
    .options_size = sizeof(struct options),
    .options = options,
    .option_count = OPTION_COUNT(options),
    .input_min = 1,
    .input_max = 1,
    .input_needed = true,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .reference = reference,
};
