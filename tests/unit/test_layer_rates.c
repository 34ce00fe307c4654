/* What a layer's line says of how it learns: parsed for every type, heeded by the optimizer, and by backward,
 * which computes no gradients for what is frozen. */
#include "core/layer_rates.h"
#include "core/network.h"
#include "core/optimizer.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct shape image = {6, 5, 2};
enum { N = 3 };

static const struct parameter *parameter_of(const struct network *network, const char *layer, size_t p)
{
    return &network_find(network, layer)->parameters[p];
}

static void test_options(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(
        &network, image,
        "a = conv2d filters=3 kernel=3\nb = conv2d lr=0.5 filters=3 kernel=1 decay=2\n"
        "c = conv2d filters=3 kernel=1 bias_lr=64 bias_decay=0.015625 epochs=2.5\n"
        "f = flatten\nd = dense units=4 frozen=yes\ne = dense units=4 lr=0 bias_lr=1\nout = softmax");
    static const struct {
        const char *layer;
        double lr, bias_lr, decay, bias_decay, epochs;
        bool frozen, bias_frozen;
    } rows[] = {
        {"a", 1, 1, 1, 0, 0, false, false},
        {"b", 0.5, 0.5, 2, 0, 0, false, false},
        {"c", 1, 64, 1, 0.015625, 2.5, false, false},
        {"d", 1, 1, 1, 0, 0, true, true},
        {"e", 0, 1, 1, 0, 0, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct parameter *w = parameter_of(&network, rows[i].layer, 0),
                               *b = parameter_of(&network, rows[i].layer, 1);
        assert_true(w->lr == rows[i].lr && b->lr == rows[i].bias_lr);
        assert_true(w->decay_factor == rows[i].decay && b->decay_factor == rows[i].bias_decay);
        assert_true(w->epochs == rows[i].epochs && b->epochs == rows[i].epochs);
        assert_true(w->frozen == rows[i].frozen && b->frozen == rows[i].bias_frozen);
        assert_true(network_find(&network, rows[i].layer)->frozen == (rows[i].layer[0] == 'd'));
    }
    network_destroy(&network);
}

static void test_wrong_options(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"f = flatten\nd = dense units=4\nr = relu lr=2\ne = dense units=3\nout = softmax",
         "layer `r`: relu has nothing to learn, so that lr= says nothing"},
        {"f = flatten\nd = dense units=4 lr=-1\nout = softmax",
         "lr = -1: expected a number from 0 to 1000000"},
        {"f = flatten\nd = dense units=4 lr=1 lr=1\nout = softmax", "lr is given twice"},
        {"f = flatten\nd = dense units=4 frozzen=yes\nout = softmax", "did you mean `frozen`?"},
        {"f = flatten\nd = dense units=4 frozen=yes\nout = softmax",
         "nothing to train: every layer is frozen"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct network network;
        assert_int_equal(network_from_text(&network, image, rows[i].text), STATUS_USAGE);
        if (!strstr(status_message(), rows[i].message))
            fail_msg("`%s` is not in `%s`", rows[i].message, status_message());
    }
}

/* Rates and decays against the formula, layer by layer, over steps in which one of them stops learning. */
static void test_optimizer_heeds_them(void **state)
{
    (void)state;
    struct network network;
    struct optimizer optimizer;
    const struct optimizer_settings settings = {.momentum = 0.5, .weight_decay = 0.1, .epoch_steps = 2};
    network_must_plan(
        &network, image,
        "f = flatten\na = dense units=5 lr=0.5 decay=3 bias_lr=4 bias_decay=2\n"
        "b = dense units=5 epochs=1.5\nc = dense units=5 frozen=yes\nd = dense units=5\nout = softmax");
    size_t count = network.parameter_count;
    assert_int_equal(network_bind(&network, N, true, 1), STATUS_OK);
    assert_int_equal(optimizer_create(&optimizer, optimizer_types[0], &settings, count), STATUS_OK);
    float *gradients = array_floats(count);
    array_fill(network.parameters, count, 1);
    double *w = array_doubles(network.parameters, count), *v = calloc(count, sizeof *v);
    for (uint64_t number = 1; number <= 6; number++) {
        array_fill(gradients, count, 10 + number);
        optimizer_step(&optimizer, &network, gradients, number, 0.1, 1, 0);
        for (size_t l = 0; l < network.layer_count; l++)
            for (size_t p = 0; p < network.layers[l].parameter_count; p++) {
                const struct parameter *array = &network.layers[l].parameters[p];
                char name = network.layers[l].name[0];
                double rate = name != 'a' ? 0.1 : p ? 0.4 : 0.05;
                double decay = name != 'a' ? (p ? 0 : 0.1) : p ? 0.2 : 0.3;
                if (name == 'c' || (name == 'b' && number > 3)) /* 1.5 epochs of 2 steps */
                    continue;
                for (size_t e = array->offset; e < array->offset + array->count; e++) {
                    v[e] = 0.5 * v[e] + gradients[e] + decay * w[e];
                    w[e] -= rate * v[e];
                }
            }
        assert_close("weights", network.parameters, w, count, 1e-6);
    }
    free(gradients);
    free(w);
    free(v);
    optimizer_destroy(&optimizer);
    network_destroy(&network);
}

/* Gradients of one pass; to be freed. */
static float *gradients_of(const char *text, size_t *count)
{
    struct network network;
    static const int32_t classes[N] = {0, 2, 1};
    network_must_plan(&network, image, text);
    *count = network.parameter_count;
    float *gradients = calloc(*count, sizeof *gradients);
    assert_int_equal(network_bind(&network, N, true, 2), STATUS_OK);
    network_init(&network, 5);
    array_fill(network.x, N * shape_count(image), 3);
    struct pass pass = network_pass(&network, N);
    pass.training = true;
    pass.gradients = gradients;
    network_forward(&network, &pass);
    network_loss(&network, &pass, (struct labels){.classes = classes}, 1.0f / N);
    network_backward(&network, &pass, NULL, NULL);
    network_destroy(&network);
    return gradients;
}

/* A frozen layer between others, and frozen ones at the beginning: the others' gradients keep their bits. */
static void test_backward_leaves_frozen_layers_out(void **state)
{
    (void)state;
    static const char free_text[] = "a = conv2d filters=4 kernel=3\nr = relu\nb = conv2d filters=4 kernel=2\n"
                                    "p = relu\nf = flatten\nd = dense units=3\nout = softmax";
    static const char middle[] =
        "a = conv2d filters=4 kernel=3\nr = relu\nb = conv2d filters=4 kernel=2 frozen=yes\n"
        "p = relu\nf = flatten\nd = dense units=3\nout = softmax";
    static const char begin[] =
        "a = conv2d filters=4 kernel=3 frozen=yes\nr = relu\nb = conv2d filters=4 kernel=2 frozen=yes\n"
        "p = relu\nf = flatten\nd = dense units=3\nout = softmax";
    const size_t a = 4 * 2 * 9 + 4, b = 4 * 4 * 4 + 4;
    size_t count;
    float *all = gradients_of(free_text, &count), *some = gradients_of(middle, &count),
          *few = gradients_of(begin, &count), *none = calloc(a + b, sizeof *none);
    assert_same_bits("before the frozen layer", some, all, a);
    assert_same_bits("of the frozen layer", some + a, none, b);
    assert_same_bits("behind the frozen layer", some + a + b, all + a + b, count - a - b);
    assert_same_bits("of frozen layers at the beginning", few, none, a + b);
    assert_same_bits("behind them", few + a + b, all + a + b, count - a - b);
    free(all);
    free(some);
    free(few);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_optimizer_heeds_them),
        cmocka_unit_test(test_backward_leaves_frozen_layers_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
