/* Every optimizer against its formula, written down naively in double. (Golden files hold those that PyTorch
 * has against PyTorch's.) */
#include "core/optimizer.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

/* One array of n elements in one step: w and two slots a, b from its gradients g, clipped already. */
struct array {
    size_t n;
    double *w, *g, *a, *b;
    bool bias;
};

static double length(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i] * values[i];
    return sqrt(sum);
}

/* torch.optim.SGD */
static void truth_sgd(const struct optimizer_settings *s, double rate, double decay, double t,
                      struct array *x)
{
    (void)t;
    for (size_t i = 0; i < x->n; i++) {
        double g = x->g[i] + decay * x->w[i];
        x->a[i] = s->momentum * x->a[i] + g;
        x->w[i] -= rate * (s->nesterov ? g + s->momentum * x->a[i] : x->a[i]);
    }
}

/* Kingma and Ba 2015, algorithm 1: the direction, from moments that it moves on. */
static double adam(const struct optimizer_settings *s, double g, double t, double *m, double *v)
{
    *m = s->beta1 * *m + (1 - s->beta1) * g;
    *v = s->beta2 * *v + (1 - s->beta2) * g * g;
    return *m / (1 - pow(s->beta1, t)) / (sqrt(*v / (1 - pow(s->beta2, t))) + s->eps);
}

static void truth_adam(const struct optimizer_settings *s, double rate, double decay, double t,
                       struct array *x)
{
    for (size_t i = 0; i < x->n; i++)
        x->w[i] -= rate * adam(s, x->g[i] + decay * x->w[i], t, &x->a[i], &x->b[i]);
}

/* Loshchilov and Hutter 2019, algorithm 2 */
static void truth_adamw(const struct optimizer_settings *s, double rate, double decay, double t,
                        struct array *x)
{
    for (size_t i = 0; i < x->n; i++) {
        x->w[i] *= 1 - rate * decay;
        x->w[i] -= rate * adam(s, x->g[i], t, &x->a[i], &x->b[i]);
    }
}

/* torch.optim.RMSprop */
static void truth_rmsprop(const struct optimizer_settings *s, double rate, double decay, double t,
                          struct array *x)
{
    (void)t;
    for (size_t i = 0; i < x->n; i++) {
        double g = x->g[i] + decay * x->w[i];
        x->a[i] = s->alpha * x->a[i] + (1 - s->alpha) * g * g;
        x->b[i] = s->momentum * x->b[i] + g / (sqrt(x->a[i]) + s->eps);
        x->w[i] -= rate * x->b[i];
    }
}

/* You, Gitman and Ginsburg 2017, algorithm 1 */
static void truth_lars(const struct optimizer_settings *s, double rate, double decay, double t,
                       struct array *x)
{
    (void)t;
    double local = 1, weights = length(x->w, x->n), gradients = length(x->g, x->n);
    if (!x->bias && weights > 0 && gradients > 0)
        local = s->trust * weights / (gradients + decay * weights);
    for (size_t i = 0; i < x->n; i++) {
        x->a[i] = s->momentum * x->a[i] + rate * local * (x->g[i] + decay * x->w[i]);
        x->w[i] -= x->a[i];
    }
}

/* You et al. 2020, algorithm 2 */
static void truth_lamb(const struct optimizer_settings *s, double rate, double decay, double t,
                       struct array *x)
{
    double *u = array_bytes((x->n + 1) * sizeof *u), ratio = 1;
    for (size_t i = 0; i < x->n; i++)
        u[i] = adam(s, x->g[i], t, &x->a[i], &x->b[i]) + decay * x->w[i];
    if (!x->bias && length(x->w, x->n) > 0 && length(u, x->n) > 0)
        ratio = length(x->w, x->n) / length(u, x->n);
    for (size_t i = 0; i < x->n; i++)
        x->w[i] -= rate * ratio * u[i];
    free(u);
}

static const struct {
    const char *name;
    void (*truth)(const struct optimizer_settings *s, double rate, double decay, double t, struct array *x);
    double rate, tolerance;
} types[] = {
    {"sgd", truth_sgd, 0.1, 1e-6},      {"adam", truth_adam, 0.01, 1e-6},
    {"adamw", truth_adamw, 0.01, 1e-6}, {"rmsprop", truth_rmsprop, 0.01, 1e-6},
    {"lars", truth_lars, 1, 1e-6},      {"lamb", truth_lamb, 0.01, 1e-6},
};
enum { TYPES = sizeof types / sizeof *types };

/* w after STEPS steps by the formula, in double. */
static void truth(const struct network *network, size_t type, const struct optimizer_settings *s, double rate,
                  double clip_norm, double *w)
{
    size_t count = network->parameter_count;
    float *gradients = array_floats(count);
    double *g = calloc(count, sizeof *g), *a = calloc(count, sizeof *a), *b = calloc(count, sizeof *b);
    for (size_t step = 0; step < STEPS; step++) {
        fill_gradients(gradients, count, step);
        double factor = clip_norm > 0 ? fmin(1, clip_norm / (norm_of(gradients, count) + 1e-6)) : 1;
        for (size_t i = 0; i < network->layer_count; i++)
            for (size_t p = 0; p < network->layers[i].parameter_count; p++) {
                const struct parameter *parameter = &network->layers[i].parameters[p];
                bool bias = !strcmp(parameter->name, "bias");
                size_t first = parameter->offset;
                for (size_t e = first; e < first + parameter->count; e++)
                    g[e] = gradients[e] * factor;
                struct array array = {parameter->count, w + first, g + first, a + first, b + first, bias};
                types[type].truth(s, rate, bias ? 0 : s->weight_decay, (double)step + 1, &array);
            }
    }
    free(gradients);
    free(g);
    free(a);
    free(b);
}

/* w after the same steps by the optimizer; to be freed. */
static float *train(size_t type, const struct optimizer_settings *settings, double rate, double clip_norm,
                    int threads)
{
    struct network network;
    struct optimizer optimizer;
    network_must_plan(&network, input, lines);
    size_t count = network.parameter_count;
    assert_int_equal(network_bind(&network, 1, true, threads), STATUS_OK);
    assert_int_equal(optimizer_create(&optimizer, optimizer_types[type], settings, count), STATUS_OK);
    float *gradients = array_floats(count), *before = array_floats(count), *w = array_floats(count);
    array_fill(network.parameters, count, 40);
    for (size_t step = 0; step < STEPS; step++) {
        fill_gradients(gradients, count, step);
        memcpy(before, gradients, count * sizeof *before);
        optimizer_step(&optimizer, &network, gradients, step + 1, rate,
                       optimizer_norm(gradients, count, threads), clip_norm);
        assert_same_bits("gradients after the step", gradients, before, count);
    }
    memcpy(w, network.parameters, count * sizeof *w);
    free(gradients);
    free(before);
    optimizer_destroy(&optimizer);
    network_destroy(&network);
    return w;
}

static void check(size_t type, const struct optimizer_settings *settings, double rate, double clip_norm)
{
    struct network network;
    network_must_plan(&network, input, lines);
    size_t count = network.parameter_count;
    float *start = array_floats(count), *one = train(type, settings, rate, clip_norm, 1);
    array_fill(start, count, 40);
    double *w = array_doubles(start, count);
    truth(&network, type, settings, rate, clip_norm, w);
    assert_close(types[type].name, one, w, count, types[type].tolerance);
    for (int threads = 2; threads <= 7; threads++) {
        float *many = train(type, settings, rate, clip_norm, threads);
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
        check(0, &settings[i], 0.1, 0);
        check(0, &settings[i], 0.1, 3);   /* clips: the norm is about 60 */
        check(0, &settings[i], 0.1, 70);  /* does not, though near */
        check(0, &settings[i], 0.1, 1e6); /* does not */
    }
}

static void test_the_others(void **state)
{
    (void)state;
    const struct optimizer_settings settings[] = {
        {0.9, false, 0, 0.9, 0.999, 0.99, 1e-8, 0.001},
        {0, false, 0.1, 0.8, 0.95, 0.9, 0.01, 0.02},
        {0.5, false, 0.01, 0, 0.5, 0, 1e-3, 0.1},
    };
    for (size_t type = 1; type < TYPES; type++)
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
            check(type, &settings[i], types[type].rate, 0);
            check(type, &settings[i], types[type].rate, 3);
        }
}

/* A layer of zeros or without gradient moves by the rate alone; nothing is divided by nought. */
static void test_trust_without_norms(void **state)
{
    (void)state;
    const struct optimizer_settings settings = {0, false, 0.5, 0, 0, 0, 1e-8, 0.001};
    for (size_t type = 4; type < TYPES; type++)
        for (int zero = 0; zero < 2; zero++) {
            struct network network;
            struct optimizer optimizer;
            network_must_plan(&network, input, lines);
            size_t count = network.parameter_count;
            assert_int_equal(network_bind(&network, 1, true, 1), STATUS_OK);
            assert_int_equal(optimizer_create(&optimizer, optimizer_types[type], &settings, count),
                             STATUS_OK);
            float *gradients = array_floats(count);
            for (size_t i = 0; i < count; i++) {
                network.parameters[i] = zero ? 0 : 2;
                gradients[i] = zero ? 3 : 0;
            }
            optimizer_step(&optimizer, &network, gradients, 1, 0.25, 1, 0);
            double moved = zero ? 0.25 * (type == 4 ? 3 : 1) : 0.25 * 0.5 * 2 * (type == 4 ? 1 : 2);
            assert_true(fabs((zero ? 0 : 2) - network.parameters[17] - moved) < 1e-5);
            free(gradients);
            optimizer_destroy(&optimizer);
            network_destroy(&network);
        }
}

static void test_a_rate_of_nought_changes_nothing(void **state)
{
    (void)state;
    struct optimizer_settings settings = {0.9, true, 0.1};
    float *w = train(0, &settings, 0, 1, 2), *start = array_floats(101 * 97 + 97 + 97 * 13 + 13);
    array_fill(start, 101 * 97 + 97 + 97 * 13 + 13, 40);
    assert_same_bits("weights", w, start, 101 * 97 + 97 + 97 * 13 + 13);
    free(w);
    free(start);
}

/* In epochs of 4 steps: `a` for one and a half of them, b never, `c` always, all of it or the bias alone. */
static void test_where_learning_begins(void **state)
{
    (void)state;
    static const struct {
        const char *last;
        size_t after; /* the first layer to learn from step 7 on */
    } cases[] = {{"c = dense units=3", 3},
                 {"c = dense units=3 lr=0 bias_lr=2", 3},
                 {"c = dense units=3 epochs=1.5", 5}};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        struct network network;
        snprintf(text, sizeof text,
                 "a = dense units=4 epochs=1.5\nt = tanh\nb = dense units=4 frozen=yes\n%s\no = linear",
                 cases[i].last);
        network_must_plan(&network, input, text);
        struct optimizer optimizer = {.settings = {.epoch_steps = 4}};
        assert_int_equal(optimizer_learns_from(&optimizer, &network, 6), 0);
        assert_int_equal(optimizer_learns_from(&optimizer, &network, 7), cases[i].after);
        network_destroy(&network);
    }
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
    optimizer_step(&optimizer, &network, gradients, 1, 0.1, optimizer_norm(gradients, count, 1), 1);
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
    assert_int_equal(optimizer_type_count, TYPES);
    for (size_t i = 0; i < TYPES; i++)
        assert_string_equal(optimizer_types[i]->name, types[i].name);
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
        cmocka_unit_test(test_the_others),
        cmocka_unit_test(test_trust_without_norms),
        cmocka_unit_test(test_a_rate_of_nought_changes_nothing),
        cmocka_unit_test(test_where_learning_begins),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_norm_of_millions),
        cmocka_unit_test(test_a_bad_gradient_is_not_hidden),
        cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
