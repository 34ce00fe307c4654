/* SGD against its formula, element by element. (Golden files hold it against PyTorch's.) */
#include "core/optimizer.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 6 };

/* More than one block of work in a weight, and a count that no vector divides. */
static const char lines[] = "fc1 = dense units=97\nact = tanh\nfc2 = dense units=13\nout = linear";
static const struct shape input = {1, 1, 101};

/* Gradients of one step: another array each time. */
static void fill_gradients(float *gradients, size_t count, size_t step)
{
    array_fill(gradients, count, 50 + step);
}

static double norm_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* w after STEPS steps by the formula, in double. */
static void truth(const struct network *network, const struct optimizer_settings *s, double rate,
                  double clip_norm, double *w)
{
    size_t count = network->parameter_count;
    float *gradients = array_floats(count);
    double *v = calloc(count, sizeof *v);
    for (size_t step = 0; step < STEPS; step++) {
        fill_gradients(gradients, count, step);
        double factor = clip_norm > 0 ? fmin(1, clip_norm / (norm_of(gradients, count) + 1e-6)) : 1;
        for (size_t i = 0; i < network->layer_count; i++)
            for (size_t p = 0; p < network->layers[i].parameter_count; p++) {
                const struct parameter *parameter = &network->layers[i].parameters[p];
                double decay = strcmp(parameter->name, "bias") ? s->weight_decay : 0;
                for (size_t e = parameter->offset; e < parameter->offset + parameter->count; e++) {
                    double g = gradients[e] * factor + decay * w[e];
                    v[e] = s->momentum * v[e] + g;
                    w[e] -= rate * (s->nesterov ? g + s->momentum * v[e] : v[e]);
                }
            }
    }
    free(gradients);
    free(v);
}

/* w after the same steps by the optimizer; to be freed. */
static float *train(const struct optimizer_settings *settings, double rate, double clip_norm, int threads)
{
    struct network network;
    struct optimizer optimizer;
    network_must_plan(&network, input, lines);
    size_t count = network.parameter_count;
    assert_int_equal(network_bind(&network, 1, true, threads), STATUS_OK);
    assert_int_equal(optimizer_create(&optimizer, optimizer_types[0], settings, count), STATUS_OK);
    float *gradients = array_floats(count), *before = array_floats(count), *w = array_floats(count);
    array_fill(network.parameters, count, 40);
    for (size_t step = 0; step < STEPS; step++) {
        fill_gradients(gradients, count, step);
        memcpy(before, gradients, count * sizeof *before);
        optimizer_step(&optimizer, &network, gradients, rate, optimizer_norm(gradients, count, threads),
                       clip_norm);
        assert_same_bits("gradients after the step", gradients, before, count);
    }
    memcpy(w, network.parameters, count * sizeof *w);
    free(gradients);
    free(before);
    optimizer_destroy(&optimizer);
    network_destroy(&network);
    return w;
}

static void check(const struct optimizer_settings *settings, double rate, double clip_norm)
{
    struct network network;
    network_must_plan(&network, input, lines);
    size_t count = network.parameter_count;
    float *start = array_floats(count), *one = train(settings, rate, clip_norm, 1);
    array_fill(start, count, 40);
    double *w = array_doubles(start, count);
    truth(&network, settings, rate, clip_norm, w);
    assert_close("weights", one, w, count, 1e-6);
    for (int threads = 2; threads <= 7; threads++) {
        float *many = train(settings, rate, clip_norm, threads);
        assert_same_bits("weights with more threads", many, one, count);
        free(many);
    }
    free(start);
    free(one);
    free(w);
    network_destroy(&network);
}

static void test_sgd(void **state)
{
    (void)state;
    const struct optimizer_settings settings[] = {
        {0, false, 0},     {0.9, false, 0},   {0.9, true, 0},    {0, false, 0.1},
        {0.5, false, 0.1}, {0.9, true, 0.01}, {0.99, true, 0.5},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        check(&settings[i], 0.1, 0);
        check(&settings[i], 0.1, 3);   /* clips: the norm is about 60 */
        check(&settings[i], 0.1, 70);  /* does not, though near */
        check(&settings[i], 0.1, 1e6); /* does not */
    }
}

static void test_a_rate_of_nought_changes_nothing(void **state)
{
    (void)state;
    struct optimizer_settings settings = {0.9, true, 0.1};
    float *w = train(&settings, 0, 1, 2), *start = array_floats(101 * 97 + 97 + 97 * 13 + 13);
    array_fill(start, 101 * 97 + 97 + 97 * 13 + 13, 40);
    assert_same_bits("weights", w, start, 101 * 97 + 97 + 97 * 13 + 13);
    free(w);
    free(start);
}

static void test_norm(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 7, 8, 4095, 4096, 4097, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        float *values = array_floats(counts[i]);
        array_fill(values, counts[i], 60);
        double expected = norm_of(values, counts[i]), one = optimizer_norm(values, counts[i], 1);
        assert_true(fabs(one - expected) <= 1e-12 * expected);
        for (int threads = 2; threads <= 7; threads++)
            assert_true(optimizer_norm(values, counts[i], threads) == one);
        if (counts[i]) {
            values[counts[i] - 1] = NAN;
            assert_true(isnan(optimizer_norm(values, counts[i], 2)));
            values[counts[i] - 1] = 3e38f; /* its square is beyond float */
            assert_true(isfinite(optimizer_norm(values, counts[i], 2)));
        }
        free(values);
    }
}

/* More elements than one round of partial sums takes. */
static void test_norm_of_millions(void **state)
{
    (void)state;
    size_t count = 5000011;
    float *values = array_floats(count);
    for (size_t i = 0; i < count; i++)
        values[i] = i % 2 ? 3 : -1;
    assert_true(optimizer_norm(values, count, 3) ==
                sqrt(9.0 * (double)(count / 2) + (double)(count - count / 2)));
    free(values);
}

/* A gradient that is not finite goes through, so that the weights show it: it is not clipped to something
 * harmless. */
static void test_a_bad_gradient_is_not_hidden(void **state)
{
    (void)state;
    struct optimizer_settings settings = {0.9, false, 0};
    struct optimizer optimizer;
    struct network network;
    network_must_plan(&network, input, lines);
    size_t count = network.parameter_count;
    assert_int_equal(network_bind(&network, 1, true, 1), STATUS_OK);
    assert_int_equal(optimizer_create(&optimizer, optimizer_types[0], &settings, count), STATUS_OK);
    float *gradients = array_floats(count);
    array_fill(gradients, count, 1);
    gradients[17] = NAN;
    optimizer_step(&optimizer, &network, gradients, 0.1, optimizer_norm(gradients, count, 1), 1);
    assert_true(isnan(network.parameters[17]));
    free(gradients);
    optimizer_destroy(&optimizer);
    network_destroy(&network);
}

static void test_slots(void **state)
{
    (void)state;
    struct optimizer_settings settings = {0.9, false, 0};
    struct optimizer optimizer;
    assert_string_equal(optimizer_types[0]->name, "sgd");
    assert_int_equal(optimizer_types[0]->slot_count, 1);
    assert_string_equal(optimizer_types[0]->slot_names[0], "momentum");
    assert_int_equal(optimizer_create(&optimizer, optimizer_types[0], &settings, 1001), STATUS_OK);
    for (size_t i = 0; i < 1001; i++)
        assert_true(optimizer.slots[0][i] == 0);
    optimizer_destroy(&optimizer);
    optimizer_destroy(&optimizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_a_rate_of_nought_changes_nothing),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_norm_of_millions),
        cmocka_unit_test(test_a_bad_gradient_is_not_hidden),
        cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
