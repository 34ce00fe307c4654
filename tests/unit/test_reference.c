/* The network in double against the fast one, and going on from a layer. */
#include "core/reference.h"

#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4 };
static const struct shape image = {9, 8, 3};

/* One of everything, with an output that is read twice. */
#define BODY                                                                                                 \
    "c1 = conv2d filters=6 kernel=3 padding=same\nl1 = leaky_relu slope=0.2\np1 = maxpool size=2\n"          \
    "d1 = dropout rate=0.3\nc2 = conv2d filters=6 kernel=3 padding=1 groups=2 bias=no\nt2 = tanh\n"          \
    "s2 = add from=t2,d1\nb2 = batchnorm\nr2 = relu\np2 = avgpool size=3 stride=2 padding=1 ceil=yes\ns3 = " \
    "sigmoid\n"                                                                                              \
    "f = flatten\nfc = dense units=5\n"
static const char *const texts[] = {BODY "out = softmax", BODY "out = sigmoid", BODY "out = linear"};
enum { TEXTS = sizeof texts / sizeof *texts, OUTPUTS = 5 };

struct fixture {
    struct network network;
    struct reference reference;
    struct pass pass;
    int32_t classes[N];
    float values[N * OUTPUTS];
    struct labels labels;
};

static void setup(struct fixture *f, const char *text, bool training)
{
    size_t floats = N * shape_count(image);
    network_must_plan(&f->network, image, text);
    assert_int_equal(network_bind(&f->network, N, true, 2), STATUS_OK);
    network_init(&f->network, 2);
    array_fill(f->network.x, floats, 3);
    assert_int_equal(reference_create(&f->reference, &f->network, N), STATUS_OK);
    for (size_t i = 0; i < floats; i++)
        f->reference.x[i] = f->network.x[i];
    f->pass = network_pass(&f->network, N);
    f->pass.training = training;
    f->pass.seed = 5;
    f->pass.shard = 1;
    f->pass.step = 9;
    for (size_t i = 0; i < N; i++)
        f->classes[i] = (int32_t)i;
    for (size_t i = 0; i < N * OUTPUTS; i++)
        f->values[i] = (float)(i % 2);
    f->labels = (struct labels){f->classes, f->values};
}

static void teardown(struct fixture *f)
{
    reference_destroy(&f->reference);
    network_destroy(&f->network);
}

static void test_forward_is_the_network_s(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2 * TEXTS; t++) {
        struct fixture f;
        setup(&f, texts[t / 2], t % 2);
        network_forward(&f.network, &f.pass);
        reference_forward(&f.reference, &f.pass, 0);
        assert_close("outputs", network_last(&f.network)->y, f.reference.y[f.network.layer_count - 1],
                     N * OUTPUTS, 1e-5);
        double loss = loss_mean(network_loss(&f.network, &f.pass, f.labels, 1.0f / N));
        double truth = reference_loss(&f.reference, f.labels);
        if (!(fabs(loss - truth) <= 1e-5 * truth))
            fail_msg("loss %.9g, by the reference %.9g\n%s", loss, truth, texts[t / 2]);
        teardown(&f);
    }
}

/* Every layer's output has memory of its own, whoever shares in the network. */
static void test_outputs_do_not_overlap(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, texts[0], false);
    const double *end = f.reference.x + N * shape_count(image);
    for (size_t i = 0; i < f.network.layer_count; i++) {
        assert_true(f.reference.y[i] >= end);
        end = f.reference.y[i] + N * shape_count(f.network.layers[i].out);
    }
    teardown(&f);
}

/* With parameters of one layer changed, all that comes before it may be kept. */
static void test_going_on_from_a_layer(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, texts[0], true);
    double *there[64];
    size_t layers = f.network.layer_count;
    assert_true(layers <= 64);
    for (size_t first = 0; first < layers; first++) {
        const struct layer *layer = &f.network.layers[first];
        if (layer->parameter_count == 0)
            continue;
        reference_forward(&f.reference, &f.pass, 0);
        double before = reference_loss(&f.reference, f.labels);
        f.reference.parameters[layer->parameters[0].offset + 3] += 0.5;
        reference_forward(&f.reference, &f.pass, first);
        for (size_t i = 0; i < layers; i++) {
            size_t bytes = N * shape_count(f.network.layers[i].out) * sizeof(double);
            there[i] = memcpy(array_bytes(bytes), f.reference.y[i], bytes);
        }
        assert_true(reference_loss(&f.reference, f.labels) != before);
        reference_forward(&f.reference, &f.pass, 0);
        for (size_t i = 0; i < layers; i++) {
            assert_memory_equal(there[i], f.reference.y[i],
                                N * shape_count(f.network.layers[i].out) * sizeof(double));
            free(there[i]);
        }
        f.reference.parameters[layer->parameters[0].offset + 3] -= 0.5;
    }
    teardown(&f);
}

/* The reference's parameters are a copy: the network's stay. */
static void test_parameters_are_a_copy(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, texts[0], false);
    float first = f.network.parameters[0];
    assert_true(f.reference.parameters[0] == (double)first);
    f.reference.parameters[0] += 1;
    assert_true(f.network.parameters[0] == first);
    teardown(&f);
    reference_destroy(&f.reference); /* takes an empty one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_is_the_network_s),
        cmocka_unit_test(test_outputs_do_not_overlap),
        cmocka_unit_test(test_going_on_from_a_layer),
        cmocka_unit_test(test_parameters_are_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
