#include "core/gradient_check.h"

#include "core/random.h"
#include "core/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP 1e-7 /* of a weight: batch normalisation behind it makes many kinks of ReLU lie near */

void gradient_check_labels(const struct network *network, size_t n, uint64_t seed, int32_t *classes,
                           float *values)
{
    struct random_stream stream = random_stream(seed, RANDOM_INPUT, 1, 0, 0);
    enum loss_kind kind = network_last(network)->ops->loss;
    size_t outputs = network_outputs(network);
    for (size_t i = 0; kind == LOSS_CROSS_ENTROPY && i < n; i++)
        classes[i] = (int32_t)random_below(&stream, i, outputs);
    for (size_t i = 0; kind != LOSS_CROSS_ENTROPY && i < n * outputs; i++)
        values[i] = kind == LOSS_BINARY_CROSS_ENTROPY ? (float)random_below(&stream, i, 2)
                                                      : random_normal(&stream, i);
}

/* What one check needs. */
struct bench {
    struct reference reference;
    struct pass pass;
    struct labels labels;
};

/* The loss with `scale` times the direction added to the parameters offset .. offset+count-1. */
static double loss_beside(struct bench *b, const struct layer *layer, size_t offset, size_t count,
                          const double *direction, double scale)
{
    const float *w = b->reference.network->parameters;
    for (size_t i = 0; i < count; i++)
        b->reference.parameters[offset + i] = w[offset + i] + scale * direction[i];
    reference_forward(&b->reference, &b->pass, layer->index);
    double loss = reference_loss(&b->reference, b->labels);
    for (size_t i = 0; i < count; i++)
        b->reference.parameters[offset + i] = w[offset + i];
    return loss;
}

static double slope(struct bench *b, const struct layer *layer, size_t offset, size_t count,
                    const double *direction)
{
    double up = loss_beside(b, layer, offset, count, direction, STEP);
    return (up - loss_beside(b, layer, offset, count, direction, -STEP)) / (2 * STEP);
}

static double relative(double numeric, double analytic, double floor)
{
    double scale = fmax(fmax(fabs(numeric), fabs(analytic)), floor);
    double error = scale > 0 ? fabs(numeric - analytic) / scale : 0;
    return isfinite(numeric) && isfinite(analytic) ? error : INFINITY;
}

static void check_array(struct bench *b, struct gradient_check *check, const float *gradient,
                        double *direction, uint64_t seed)
{
    const struct parameter *p = check->parameter;
    struct random_stream stream =
        random_stream(seed, RANDOM_CHECK, (uint32_t)check->layer->index, (uint32_t)p->offset, 0);
    double squares = 0, along = 0, one = 1;
    for (size_t i = 0; i < p->count; i++)
        squares += (double)gradient[i] * (double)gradient[i];
    double typical = sqrt(squares / (double)p->count);
    for (size_t k = 0; k < GRADIENT_CHECK_WEIGHTS && k < p->count; k++) {
        size_t i = p->count <= GRADIENT_CHECK_WEIGHTS ? k : (size_t)random_below(&stream, k, p->count);
        double numeric = slope(b, check->layer, p->offset + i, 1, &one);
        check->worst = fmax(check->worst, relative(numeric, gradient[i], 0.1 * typical));
        check->checks++;
    }
    for (size_t i = 0; i < p->count; i++) { /* a step in all weights at once, of length 1 */
        direction[i] =
            (random_below(&stream, GRADIENT_CHECK_WEIGHTS + i, 2) ? 1 : -1) / sqrt((double)p->count);
        along += direction[i] * (double)gradient[i];
    }
    double numeric = slope(b, check->layer, p->offset, p->count, direction);
    check->worst = fmax(check->worst, relative(numeric, along, typical));
    check->checks++;
    check->passed = check->worst <= GRADIENT_CHECK_TOLERANCE && check->loss_error <= GRADIENT_CHECK_TOLERANCE;
}

static void fill_input(struct bench *b, struct network *network, uint64_t seed)
{
    struct random_stream stream = random_stream(seed, RANDOM_INPUT, 0, 0, 0);
    for (size_t i = 0; i < b->pass.n * shape_count(network->input); i++)
        b->reference.x[i] = network->x[i] = random_normal(&stream, i);
}

/* Forward and backward in float, forward in double; the relative difference of their losses. */
static double run_both(struct bench *b, struct network *network, float *gradients)
{
    memset(gradients, 0, network->parameter_count * sizeof *gradients);
    b->pass.gradients = gradients;
    network_forward(network, &b->pass);
    double loss = loss_mean(network_loss(network, &b->pass, b->labels, 1.0f / (float)b->pass.n));
    network_backward(network, &b->pass, NULL, NULL);
    reference_forward(&b->reference, &b->pass, 0);
    return relative(reference_loss(&b->reference, b->labels), loss, 1e-6);
}

enum status gradient_check_run(struct network *network, size_t n, uint64_t seed, float *gradients,
                               void (*report)(const struct gradient_check *check, void *user), void *user,
                               bool *passed)
{
    struct bench b = {.pass = network_pass(network, n)};
    size_t outputs = network_outputs(network);
    int32_t *classes = malloc(n * sizeof *classes);
    float *values = malloc(n * outputs * sizeof *values);
    double *direction = malloc(network->parameter_count * sizeof *direction);
    enum status status = reference_create(&b.reference, network, n);
    if (!status && (!classes || !values || !direction))
        status = status_no_memory("a gradient check", network->parameter_count * sizeof *direction);
    if (status)
        goto done;
    gradient_check_labels(network, n, seed, classes, values);
    b.labels = (struct labels){classes, values};
    b.pass.training = true;
    b.pass.seed = seed;
    fill_input(&b, network, seed);
    double loss_error = run_both(&b, network, gradients);
    *passed = true;
    for (size_t i = network->layer_count;
         i-- > 0;) { /* backwards: the reference goes on from the layer changed */
        const struct layer *layer = &network->layers[i];
        for (size_t p = layer->frozen ? 0 : layer->parameter_count; p-- > 0;) {
            struct gradient_check check = {
                .layer = layer, .parameter = &layer->parameters[p], .loss_error = loss_error};
            check_array(&b, &check, gradients + layer->parameters[p].offset, direction, seed);
            *passed &= check.passed;
            report(&check, user);
        }
    }
done:
    reference_destroy(&b.reference);
    free(classes);
    free(values);
    free(direction);
    return status;
}
