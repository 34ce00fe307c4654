#include "support/probe.h"

#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const int probe_threads[PROBE_THREADS] = {1, 2, 3, 4, 7};

static const double FLOAT_TOLERANCE = 1e-5, DOUBLE_TOLERANCE = 1e-12, DIFFERENCE_TOLERANCE = 2e-5;
static const double DIFFERENCE_STEP = 0x1p-16;

/* Work that the finite differences of one array may cost: elements of y computed, times what one takes. */
static const double DIFFERENCE_WORK = 1e6;
enum { DIFFERENCES_MIN = 6 };

void probe_create(struct probe *probe, struct shape input, const char *text, size_t n)
{
    *probe = (struct probe){0};
    network_must_plan(&probe->network, input, text);
    const struct layer *layer = network_find(&probe->network, "probe");
    assert_non_null(layer);
    probe->layer = *layer;
    probe->x_count = n * shape_count(layer->in[0]);
    probe->y_count = n * shape_count(layer->out);
    probe->parameter_count = probe->network.parameter_count;
    for (size_t i = 0; i < layer->input_count; i++) {
        probe->layer.x[i] = probe->x[i] = array_floats(probe->x_count);
        probe->layer.dx[i] = probe->dx[i] = array_floats(probe->x_count);
        array_fill(probe->x[i], probe->x_count, 100 + i);
    }
    probe->layer.y = probe->y = array_floats(probe->y_count);
    probe->layer.dy = probe->dy = array_floats(probe->y_count);
    probe->layer.cache = probe->cache = array_bytes(layer->cache_fixed + n * layer->cache_bytes);
    array_fill(probe->dy, probe->y_count, 200);

    float **const arrays[] = {&probe->parameters, &probe->gradients, &probe->gradients_before};
    for (size_t i = 0; i < 3; i++) {
        *arrays[i] = array_floats(probe->parameter_count);
        array_fill(*arrays[i], probe->parameter_count, 300 + i);
    }
    probe->buffer_count = probe->network.buffer_count;
    probe->buffers = array_floats(probe->buffer_count);
    probe->statistics = array_floats(probe->buffer_count);
    array_fill(probe->buffers, probe->buffer_count, 400);
    for (size_t i = 0; i < probe->buffer_count; i++)
        probe->buffers[i] = fabsf(probe->buffers[i]) + 0.1f;
    probe->pass = (struct pass){.n = n, .training = true, .seed = 7, .shard = 3, .step = 11};
    probe->pass.parameters = probe->parameters;
    probe->pass.gradients = probe->gradients;
    probe->pass.buffers = probe->buffers;
    probe->pass.statistics = probe->statistics;
}

void probe_destroy(struct probe *probe)
{
    for (size_t i = 0; i < probe->layer.input_count; i++) {
        free(probe->x[i]);
        free(probe->dx[i]);
    }
    free(probe->y);
    free(probe->dy);
    free(probe->cache);
    free(probe->buffers);
    free(probe->statistics);
    free(probe->parameters);
    free(probe->gradients);
    free(probe->gradients_before);
    network_destroy(&probe->network);
}

/* Bytes behind a workspace, which nobody may touch; AddressSanitizer guards them itself. */
#ifdef __SANITIZE_ADDRESS__
enum { GUARD_BYTES = 0 };
#else
enum { GUARD_BYTES = 4096 };
#endif

/* Runs one pass with a workspace as large as the layer asks for. */
static void run(struct probe *probe, int threads,
                void (*pass)(const struct layer *layer, const struct pass *pass))
{
    const struct layer *layer = &probe->layer;
    size_t bytes = layer->ops->workspace ? layer->ops->workspace(layer, probe->pass.n, threads) : 0;
    probe->pass.threads = threads;
    unsigned char *memory = probe->pass.workspace = array_bytes(bytes + GUARD_BYTES);
    pass(layer, &probe->pass);
    for (size_t i = 0; i != GUARD_BYTES; i++)
        if (memory[bytes + i] != ARRAY_POISON)
            fail_msg("byte %zu behind a workspace of %zu was written", i, bytes);
    free(probe->pass.workspace);
    probe->pass.workspace = NULL;
}

void probe_forward(struct probe *probe, int threads)
{
    if (probe->layer.y == probe->y)
        array_poison(probe->y, probe->y_count);
    array_poison_bytes(probe->cache, probe->layer.cache_fixed + probe->pass.n * probe->layer.cache_bytes);
    array_poison(probe->statistics, probe->buffer_count);
    run(probe, threads, probe->layer.ops->forward);
}

void probe_backward(struct probe *probe, int threads)
{
    for (size_t i = 0; i < probe->layer.input_count; i++)
        array_poison(probe->dx[i], probe->x_count);
    if (probe->parameter_count)
        memcpy(probe->gradients, probe->gradients_before, probe->parameter_count * sizeof *probe->gradients);
    run(probe, threads, probe->layer.ops->backward);
}

/* The reference's arrays, in double. */
struct doubles {
    double *parameters, *x[LAYER_INPUTS_MAX], *y, *dy;
};

static struct doubles doubles_create(const struct probe *probe)
{
    struct doubles d = {.parameters = array_doubles(probe->parameters, probe->parameter_count),
                        .y = array_bytes(probe->y_count * sizeof *d.y),
                        .dy = array_doubles(probe->dy, probe->y_count)};
    for (size_t i = 0; i < probe->layer.input_count; i++)
        d.x[i] = array_doubles(probe->x[i], probe->x_count);
    return d;
}

static void doubles_destroy(struct doubles *d)
{
    free(d->parameters);
    free(d->y);
    free(d->dy);
    for (size_t i = 0; i < LAYER_INPUTS_MAX; i++)
        free(d->x[i]);
}

void probe_reference(const struct probe *probe, double *y)
{
    struct doubles d = doubles_create(probe);
    const double *x[LAYER_INPUTS_MAX];
    for (size_t i = 0; i < LAYER_INPUTS_MAX; i++)
        x[i] = d.x[i];
    array_poison_bytes(y, probe->y_count * sizeof *y);
    probe->layer.ops->reference(&probe->layer, &probe->pass, d.parameters, x, y);
    doubles_destroy(&d);
}

/* sum over y of dy * reference: what dx and the gradients are the derivatives of */
static double objective(const struct probe *probe, const struct doubles *d)
{
    const double *x[LAYER_INPUTS_MAX];
    for (size_t i = 0; i < LAYER_INPUTS_MAX; i++)
        x[i] = d->x[i];
    probe->layer.ops->reference(&probe->layer, &probe->pass, d->parameters, x, d->y);
    double sum = 0;
    for (size_t i = 0; i < probe->y_count; i++)
        sum += d->dy[i] * d->y[i];
    return sum;
}

static double difference(const struct probe *probe, const struct doubles *d, double *element)
{
    double before = *element;
    *element = before + DIFFERENCE_STEP;
    double above = objective(probe, d);
    *element = before - DIFFERENCE_STEP;
    double below = objective(probe, d);
    *element = before;
    return (above - below) / (2 * DIFFERENCE_STEP);
}

/* Differentiates by `elements`: by all where that is cheap, else by the first, the last, and some between.
 * `got` is the gradient to be judged, minus `offset` where that is not NULL. */
static void check_differences(const struct probe *probe, const struct doubles *d, const char *what,
                              double *elements, size_t count, const float *got, const float *offset)
{
    double cost = 2 * ((double)probe->y_count + (double)probe->x_count +
                       (double)probe->pass.n * probe->layer.multiply_adds);
    size_t tries = (size_t)fmin((double)count, fmax(DIFFERENCES_MIN, DIFFERENCE_WORK / cost));
    double *truth = array_bytes(tries * sizeof *truth);
    float *judged = array_floats(tries);
    for (size_t t = 0; t < tries; t++) {
        size_t i = tries == count   ? t
                   : t == 0         ? 0
                   : t + 1 == tries ? count - 1
                                    : (size_t)(array_random(count, t) * (double)count);
        truth[t] = difference(probe, d, &elements[i]);
        judged[t] = got[i] - (offset ? offset[i] : 0);
    }
    assert_close(what, judged, truth, tries, DIFFERENCE_TOLERANCE);
    free(truth);
    free(judged);
}

static void check_all_differences(struct probe *probe)
{
    struct doubles d = doubles_create(probe);
    for (size_t i = 0; i < probe->layer.input_count; i++)
        check_differences(probe, &d, "dx against finite differences", d.x[i], probe->x_count, probe->dx[i],
                          NULL);
    for (size_t i = 0; i < probe->layer.parameter_count; i++) {
        const struct parameter *p = &probe->layer.parameters[i];
        check_differences(probe, &d, p->name, d.parameters + p->offset, p->count,
                          probe->gradients + p->offset, probe->gradients_before + p->offset);
    }
    doubles_destroy(&d);
}

/* Copies of what one forward and backward gave. */
struct results {
    float *y, *dx[LAYER_INPUTS_MAX], *gradients;
};

static float *copy_floats(const float *values, size_t count)
{
    float *copy = array_floats(count);
    if (count)
        memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static struct results results_copy(const struct probe *probe)
{
    struct results r = {.y = copy_floats(probe->y, probe->y_count),
                        .gradients = copy_floats(probe->gradients, probe->parameter_count)};
    for (size_t i = 0; i < probe->layer.input_count; i++)
        r.dx[i] = copy_floats(probe->dx[i], probe->x_count);
    return r;
}

static void results_destroy(struct results *r)
{
    free(r->y);
    free(r->gradients);
    for (size_t i = 0; i < LAYER_INPUTS_MAX; i++)
        free(r->dx[i]);
}

static void assert_same_dx(const struct probe *probe, const char *what, const struct results *first)
{
    for (size_t i = 0; i < probe->layer.input_count; i++)
        assert_same_bits(what, probe->dx[i], first->dx[i], probe->x_count);
}

static void check_threads(struct probe *probe, const struct results *first)
{
    char what[64];
    for (size_t t = 1; t < PROBE_THREADS; t++) {
        probe_forward(probe, probe_threads[t]);
        snprintf(what, sizeof what, "y with %d threads", probe_threads[t]);
        assert_same_bits(what, probe->y, first->y, probe->y_count);
        probe_backward(probe, probe_threads[t]);
        snprintf(what, sizeof what, "dx with %d threads", probe_threads[t]);
        assert_same_dx(probe, what, first);
        snprintf(what, sizeof what, "gradients with %d threads", probe_threads[t]);
        assert_same_bits(what, probe->gradients, first->gradients, probe->parameter_count);
    }
}

/* Without dx, and without gradients, the other comes out as before. */
static void check_unwanted(struct probe *probe, const struct results *first)
{
    probe_forward(probe, 2);
    for (size_t i = 0; i < probe->layer.input_count; i++)
        probe->layer.dx[i] = NULL;
    probe_backward(probe, 2);
    assert_same_bits("gradients without dx", probe->gradients, first->gradients, probe->parameter_count);
    for (size_t i = 0; i < probe->layer.input_count; i++)
        probe->layer.dx[i] = probe->dx[i];

    probe->pass.gradients = NULL;
    probe_backward(probe, 2);
    assert_same_dx(probe, "dx without gradients", first);
    assert_same_bits("gradients that were not wanted", probe->gradients, probe->gradients_before,
                     probe->parameter_count);
    probe->pass.gradients = probe->gradients;
}

/* y in place of x, dx in place of dy. */
static void check_in_place(struct probe *probe, const struct results *first)
{
    struct layer saved = probe->layer;
    float *both = copy_floats(probe->x[0], probe->x_count),
          *gradient = copy_floats(probe->dy, probe->y_count);
    probe->layer.x[0] = probe->layer.y = both;
    probe->layer.dy = probe->layer.dx[0] = gradient;
    probe_forward(probe, 2);
    assert_same_bits("y in place", both, first->y, probe->y_count);
    probe_backward(probe, 2);
    assert_same_bits("dx in place", gradient, first->dx[0], probe->x_count);
    probe->layer = saved;
    free(both);
    free(gradient);
}

/* dx alone in place of dy. */
static void check_gradient_in_place(struct probe *probe, const struct results *first)
{
    struct layer saved = probe->layer;
    float *gradient = copy_floats(probe->dy, probe->y_count);
    probe->layer.dy = probe->layer.dx[0] = gradient;
    probe_forward(probe, 2);
    probe_backward(probe, 2);
    assert_same_bits("dx in place of dy", gradient, first->dx[0], probe->x_count);
    probe->layer = saved;
    free(gradient);
}

/* After forward and backward with one thread. */
static void check_rest(struct probe *probe)
{
    check_all_differences(probe);
    struct results first = results_copy(probe);
    check_threads(probe, &first);
    check_unwanted(probe, &first);
    if (probe->layer.ops->in_place)
        check_in_place(probe, &first);
    if (probe->layer.ops->gradient_in_place)
        check_gradient_in_place(probe, &first);
    results_destroy(&first);
}

void probe_check_gradients(struct probe *probe)
{
    probe_forward(probe, 1);
    probe_backward(probe, 1);
    check_rest(probe);
}

void probe_check_output(struct probe *probe, const double *y)
{
    double *reference = array_bytes(probe->y_count * sizeof *reference);
    probe_reference(probe, reference);
    assert_close_double("reference", reference, y, probe->y_count, DOUBLE_TOLERANCE);
    free(reference);
    probe_forward(probe, 1);
    assert_close("y", probe->y, y, probe->y_count, FLOAT_TOLERANCE);
    probe_check_gradients(probe);
}

void probe_check_formula(const char *options, struct shape shape, size_t n, bool training,
                         void (*naive)(const struct probe *probe, double *y))
{
    char text[256];
    struct probe p;
    print_message("%s, %zux%zux%zu, %zu samples\n", options, shape.h, shape.w, shape.c, n);
    snprintf(text, sizeof text, "a = conv2d filters=%zu kernel=1\nprobe = %s" PROBE_TAIL, shape.c, options);
    probe_create(&p, shape, text, n);
    p.pass.training = training;
    double *y = array_bytes(p.y_count * sizeof *y);
    naive(&p, y);
    probe_check_output(&p, y);
    free(y);
    probe_destroy(&p);
}

void probe_check_first(struct probe *probe)
{
    size_t n = probe->pass.n, x_rest = probe->x_count / n * (n - 1), y_sample = probe->y_count / n,
           y_rest = y_sample * (n - 1);
    float *y = array_floats(probe->y_count);
    double *reference = array_bytes(probe->y_count * sizeof *reference),
           *part = array_bytes(probe->y_count * sizeof *part);
    probe_forward(probe, 2);
    memcpy(y, probe->y, probe->y_count * sizeof *y);
    probe_reference(probe, reference);
    memmove(probe->x[0], probe->x[0] + probe->x_count - x_rest, x_rest * sizeof *probe->x[0]);
    probe->pass.n = n - 1;
    probe->pass.first = 1;
    probe_forward(probe, 2);
    assert_same_bits("y without the first sample", probe->y, y + y_sample, y_rest);
    probe_reference(probe, part);
    assert_memory_equal(part, reference + y_sample, y_rest * sizeof *part);
    free(y);
    free(reference);
    free(part);
}

void probe_must_refuse(const char *line, const char *part)
{
    char text[256], parts[256];
    snprintf(text, sizeof text, "a = conv2d filters=6 kernel=1\nb = maxpool size=2\nc = %s" PROBE_TAIL, line);
    snprintf(parts, sizeof parts, "test.ini:3|%s", part);
    network_must_refuse((struct shape){4, 4, 2}, text, parts);
}

void probe_check(struct probe *probe, const struct probe_truth *truth)
{
    double *reference = array_bytes(probe->y_count * sizeof *reference);
    probe_reference(probe, reference);
    assert_close_double("reference", reference, truth->y, probe->y_count, DOUBLE_TOLERANCE);
    free(reference);

    probe_forward(probe, 1);
    assert_close("y", probe->y, truth->y, probe->y_count, FLOAT_TOLERANCE);
    probe_backward(probe, 1);
    for (size_t i = 0; i < probe->layer.input_count; i++)
        assert_close("dx", probe->dx[i], truth->dx[i], probe->x_count, FLOAT_TOLERANCE);
    if (truth->gradients) {
        double *sum = array_doubles(probe->gradients_before, probe->parameter_count);
        for (size_t i = 0; i < probe->parameter_count; i++)
            sum[i] += truth->gradients[i];
        assert_close("gradients", probe->gradients, sum, probe->parameter_count, FLOAT_TOLERANCE);
        free(sum);
    }
    check_rest(probe);
}
