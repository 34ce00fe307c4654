/* softmax, linear, and sigmoid where it ends a network: forward only, since the loss gives the gradient. */
#include "support/array.h"
#include "support/naive.h"
#include "support/network_text.h"
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef void naive(size_t n, size_t k, const double *z, double *y);

static void naive_linear(size_t n, size_t k, const double *z, double *y)
{
    memcpy(y, z, n * k * sizeof *y);
}

static void naive_sigmoids(size_t n, size_t k, const double *z, double *y)
{
    for (size_t i = 0; i < n * k; i++)
        y[i] = naive_sigmoid(z[i]);
}

static void check(const char *type, naive *formula, size_t n, size_t k, float range)
{
    char text[128];
    struct probe probe;
    snprintf(text, sizeof text, "first = dense units=%zu\nprobe = %s", k, type);
    probe_create(&probe, (struct shape){1, 1, 3}, text, n);
    for (size_t i = 0; i < probe.x_count; i++)
        probe.x[0][i] *= range;
    double *x = array_doubles(probe.x[0], probe.x_count);
    double *truth = array_bytes(probe.y_count * sizeof *truth),
           *reference = array_bytes(probe.y_count * sizeof *reference);
    formula(n, k, x, truth);
    probe_reference(&probe, reference);
    assert_close_double("reference", reference, truth, probe.y_count, 1e-12);
    probe_forward(&probe, 1);
    assert_close(type, probe.y, truth, probe.y_count, 1e-5);
    float *first = array_floats(probe.y_count);
    memcpy(first, probe.y, probe.y_count * sizeof *first);
    for (size_t t = 1; t < PROBE_THREADS; t++) {
        probe_forward(&probe, probe_threads[t]);
        assert_same_bits(type, probe.y, first, probe.y_count);
    }
    free(x);
    free(truth);
    free(reference);
    free(first);
    probe_destroy(&probe);
}

static void test_grid(void **state)
{
    (void)state;
    const size_t outputs[] = {1, 2, 10, 17, 33, 1000};
    const float ranges[] = {1, 20, 500}; /* exp(500) is beyond float */
    for (size_t i = 0; i < 6; i++)
        for (size_t r = 0; r < 3; r++)
            for (size_t n = 1; n <= 5; n += 4) {
                check("softmax", naive_softmax, n, outputs[i], ranges[r]);
                check("linear", naive_linear, n, outputs[i], ranges[r]);
                check("sigmoid", naive_sigmoids, n, outputs[i], ranges[r]);
            }
}

static void test_loss_follows_from_the_type(void **state)
{
    (void)state;
    assert_int_equal(layer_type_find("softmax")->loss, LOSS_CROSS_ENTROPY);
    assert_int_equal(layer_type_find("sigmoid")->loss, LOSS_BINARY_CROSS_ENTROPY);
    assert_int_equal(layer_type_find("linear")->loss, LOSS_MEAN_SQUARED_ERROR);
    assert_int_equal(layer_type_find("tanh")->loss, LOSS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid),
                                       cmocka_unit_test(test_loss_follows_from_the_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
