/* Networks of every form against a network of the layers' references: who may overwrite whose array, and
 * whether all readers' gradients are summed, shows in graphs that nobody would think of. */
#include "core/network.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 3, CLASSES = 4, GRAPHS = 150, LAYERS_MAX = 64, TRIES = 12 };
static const double STEP = 0x1p-16, TOLERANCE = 2e-4;
static const int32_t classes[SAMPLES] = {2, 0, 3};
static const struct labels labels = {.classes = classes};

/* The network in double, by the layers' references; every output has an array of its own. */
static double reference_loss(const struct network *network, const struct pass *pass, const double *parameters,
                             const double *x)
{
    double *y[LAYERS_MAX];
    assert_true(network->layer_count <= LAYERS_MAX);
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        const double *in[LAYER_INPUTS_MAX] = {NULL};
        for (size_t k = 0; k < layer->input_count; k++)
            in[k] = layer->inputs[k] == LAYER_NETWORK_INPUT ? x : y[layer->inputs[k]];
        y[i] = array_bytes(SAMPLES * shape_count(layer->out) * sizeof *y[i]);
        layer->ops->reference(layer, pass, parameters, in, y[i]);
    }
    const struct layer *last = network_last(network);
    double loss = loss_reference(last->ops->loss, SAMPLES, last->out.c, y[last->inputs[0]], labels);
    for (size_t i = 0; i < network->layer_count; i++)
        free(y[i]);
    return loss / SAMPLES;
}

/* Slope of the loss along parameter i. */
static double slope(const struct network *network, const struct pass *pass, double *parameters,
                    const double *x, size_t i)
{
    double before = parameters[i];
    parameters[i] = before + STEP;
    double above = reference_loss(network, pass, parameters, x);
    parameters[i] = before - STEP;
    double below = reference_loss(network, pass, parameters, x);
    parameters[i] = before;
    return (above - below) / (2 * STEP);
}

static struct loss_sum run(const struct network *network, const struct pass *pass)
{
    network_forward(network, pass);
    struct loss_sum sum = network_loss(network, pass, labels, 1.0f / SAMPLES);
    network_backward(network, pass, NULL, NULL);
    return sum;
}

static void check_slopes(const struct network *network, const struct pass *pass, const float *gradients,
                         const char *text)
{
    size_t count = network->parameter_count;
    double *parameters = array_doubles(network->parameters, count), largest = 0;
    double *x = array_doubles(network->x, SAMPLES * shape_count(network->input));
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)gradients[i]));
    for (size_t t = 0; t < TRIES; t++) {
        size_t i = (size_t)(array_random(77, t) * (double)count);
        double expected = slope(network, pass, parameters, x, i);
        if (!(fabs(gradients[i] - expected) <= TOLERANCE * largest))
            fail_msg("gradient %zu is %g, by finite differences %g, largest %g\n%s", i, (double)gradients[i],
                     expected, largest, text);
    }
    free(parameters);
    free(x);
}

/* Layers that learn no more: the others' gradients have the same bits without theirs. */
static void check_learns_from(struct network *network, struct pass *pass, const float *gradients,
                              float *again)
{
    size_t count = network->parameter_count;
    for (pass->learns_from = 1; pass->learns_from <= network->layer_count; pass->learns_from++) {
        memset(again, 0, count * sizeof *again);
        run(network, pass);
        for (size_t i = 0; i < network->layer_count; i++) {
            const struct layer *layer = &network->layers[i];
            for (size_t p = 0; p < layer->parameter_count; p++) {
                const struct parameter *parameter = &layer->parameters[p];
                if (i >= pass->learns_from)
                    assert_same_bits("gradients of layers that learn", again + parameter->offset,
                                     gradients + parameter->offset, parameter->count);
                for (size_t e = 0; i < pass->learns_from && e < parameter->count; e++)
                    assert_true(again[parameter->offset + e] == 0);
            }
        }
    }
    pass->learns_from = 0;
}

/* Bound for more samples than the pass has, as the last batch of an epoch is. */
static void check_text(struct shape input, const char *text)
{
    struct network network;
    network_must_plan(&network, input, text);
    assert_int_equal(network_bind(&network, SAMPLES + 2, true, 2), STATUS_OK);
    size_t count = network.parameter_count;
    float *gradients = array_floats(count), *again = array_floats(count);
    array_fill(network.parameters, count, 5);
    array_fill(network.x, SAMPLES * shape_count(input), 6);
    for (size_t i = 0; i < network.buffer_count; i++)
        network.buffers[i] = 1; /* running statistics, which training does not read */
    struct pass pass = network_pass(&network, SAMPLES);
    pass.training = true;
    pass.gradients = gradients;
    memset(gradients, 0, count * sizeof *gradients);
    struct loss_sum sum = run(&network, &pass);
    double *parameters = array_doubles(network.parameters, count);
    double *x = array_doubles(network.x, SAMPLES * shape_count(input));
    double expected = reference_loss(&network, &pass, parameters, x);
    if (!(fabs(loss_mean(sum) - expected) <= 1e-5 * expected))
        fail_msg("loss %.9g, by the references %.9g\n%s", loss_mean(sum), expected, text);
    check_slopes(&network, &pass, gradients, text);

    pass.gradients = again;
    memset(again, 0, count * sizeof *again);
    run(&network, &pass);
    assert_same_bits("gradients of a second pass", again, gradients, count);
    check_learns_from(&network, &pass, gradients, again);
    free(gradients);
    free(again);
    free(parameters);
    free(x);
    network_destroy(&network);
}

static void test_written_graphs(void **state)
{
    (void)state;
    const char *const tail = "f = flatten\nfc = dense units=4\nout = softmax";
    const char *const graphs[] = {
        /* the input read by several, and by a layer below which nothing can be trained */
        "a = conv2d filters=2 kernel=1\nb = tanh from=input\nc = add from=a,b,input",
        "p = avgpool size=3 stride=1 padding=1\nt = tanh\na = conv2d filters=2 kernel=1\nc = add from=a,t,p",
        /* the same output twice in one sum */
        "a = conv2d filters=2 kernel=1\nb = add from=a,a\nc = add from=b,b,a,a",
        /* elementwise layers in a row, and an output that is still needed when the next one would overwrite
           it */
        "a = conv2d filters=2 kernel=1\nb = tanh\nc = sigmoid\nd = dropout\ne = dropout rate=0.3\ng = tanh",
        "a = conv2d filters=2 kernel=1\nb = tanh\nc = dropout from=b\nd = add from=b,c",
        "a = conv2d filters=2 kernel=1\nb = dropout\nc = tanh\nd = conv2d filters=2 kernel=1\ne = add "
        "from=d,a",
        "a = conv2d filters=2 kernel=1\nb = dropout from=a\nc = tanh from=a\nd = sigmoid from=a\ne = add "
        "from=b,c,d",
        /* two sums that share their summands */
        "a = conv2d filters=2 kernel=1\nb = tanh\nc = add from=a,b\nd = add from=b,a\ne = add from=c,d,a,b",
        /* batchnorm: with the relu behind it, whose gradient it takes itself, and without */
        "a = conv2d filters=2 kernel=1\nb = batchnorm\nr = relu\nc = conv2d filters=2 kernel=1\n"
        "d = batchnorm scale=no\ne = add from=d,a\ng = relu\nh = tanh\ni = add from=h,g",
        /* sums of normalised outputs, alone and among others, and one that several read */
        "a = conv2d filters=2 kernel=1\nb = batchnorm\nc = conv2d from=a filters=2 kernel=1\nd = batchnorm\n"
        "e = add from=d,b\ng = conv2d filters=2 kernel=1\nh = batchnorm scale=no\ni = add from=h,e",
        "a = conv2d filters=2 kernel=1\nb = batchnorm from=a\nc = batchnorm from=a shift=no\n"
        "d = batchnorm from=input\ne = add from=a,b,c,d,b",
        "a = batchnorm scale=no shift=no\nb = conv2d filters=2 kernel=1\nc = batchnorm\nd = add from=a,c\n"
        "e = add from=d,b\ng = batchnorm\nh = add from=g,d\ni = tanh from=d\nj = add from=i,h",
        /* outputs side by side, of different widths, one of them twice */
        "a = conv2d filters=3 kernel=1\nb = tanh\nc = concat from=a,input,b\nd = conv2d filters=2 kernel=1 "
        "from=c\n"
        "e = concat from=d,c,d\ng = gelu\nh = groupnorm groups=6\ni = lrn size=3\nj = silu\nk = scale "
        "learned=yes\nl = dropout2d",
        /* a long way round */
        "a = conv2d filters=2 kernel=1\nb = tanh\nc = sigmoid\nd = conv2d filters=2 kernel=3 padding=same\n"
        "e = dropout\ng = add from=e,a\nh = tanh\ni = add from=h,b",
    };
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s\n%s", graphs[i], tail);
        check_text((struct shape){3, 4, 2}, text);
    }
}

static size_t pick(uint64_t graph, uint64_t *draw, size_t bound)
{
    return (size_t)(array_random(graph, (*draw)++) * (double)bound);
}

/* All layers keep the shape, so that any may read any before it. Smooth ones only, for finite differences. */
static const char *const kinds[] = {
    "tanh",
    "sigmoid",
    "dropout rate=0.3",
    "conv2d filters=2 kernel=1",
    "conv2d filters=2 kernel=3 padding=same",
    "tanh",
    "dropout",
    "add",
    "add",
    "batchnorm eps=0.1",
    "gelu",
    "scale factor=0.5",
    "avgpool size=3 stride=1 padding=1",
};
enum { KINDS = sizeof kinds / sizeof *kinds, GRAPH_LAYERS_MAX = 14 };

static void random_graph(uint64_t graph, char text[2048])
{
    uint64_t draw = 0;
    bool read[GRAPH_LAYERS_MAX] = {false};
    size_t count = 2 + pick(graph, &draw, GRAPH_LAYERS_MAX - 2), used = 0;
    used += (size_t)snprintf(text + used, 2048 - used, "l0 = conv2d filters=2 kernel=1\n");
    for (size_t i = 1; i < count; i++) {
        const char *kind = kinds[pick(graph, &draw, KINDS)];
        size_t inputs = strcmp(kind, "add") ? 1 : 2 + pick(graph, &draw, 2);
        used += (size_t)snprintf(text + used, 2048 - used, "l%zu = %s from=", i, kind);
        for (size_t k = 0; k < inputs; k++) {
            size_t from = pick(graph, &draw, 2) ? i - 1 : pick(graph, &draw, i);
            read[from] = true;
            used += (size_t)snprintf(text + used, 2048 - used, "%sl%zu", k ? "," : "", from);
        }
        used += (size_t)snprintf(text + used, 2048 - used, "\n");
    }
    /* what nobody has read is summed up, one by one */
    char sum[32];
    snprintf(sum, sizeof sum, "l%zu", count - 1);
    for (size_t i = 0; i + 1 < count; i++) {
        if (read[i])
            continue;
        used += (size_t)snprintf(text + used, 2048 - used, "s%zu = add from=%s,l%zu\n", i, sum, i);
        snprintf(sum, sizeof sum, "s%zu", i);
    }
    snprintf(text + used, 2048 - used, "f = flatten from=%s\nfc = dense units=%d\nout = softmax", sum,
             CLASSES);
}

static void test_random_graphs(void **state)
{
    (void)state;
    for (uint64_t graph = 0; graph < GRAPHS; graph++) {
        char text[2048];
        random_graph(graph, text);
        check_text((struct shape){3, 3, 2}, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_written_graphs),
                                       cmocka_unit_test(test_random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
