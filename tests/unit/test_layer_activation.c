/* relu, leaky_relu, sigmoid and tanh against their formulas. */
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

typedef double function(double x);

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double relu_slope(double x)
{
    return x > 0;
}

static double leaky(double x)
{
    return x > 0 ? x : 0.2 * x;
}

static double leaky_slope(double x)
{
    return x > 0 ? 1 : 0.2;
}

static double default_leaky(double x)
{
    return x > 0 ? x : 0.01 * x;
}

static double default_leaky_slope(double x)
{
    return x > 0 ? 1 : 0.01;
}

static double elu(double x)
{
    return x > 0 ? x : 0.7 * (exp(x) - 1);
}

static double elu_slope(double x)
{
    return x > 0 ? 1 : 0.7 * exp(x);
}

static double silu(double x)
{
    return x * naive_sigmoid(x);
}

static double silu_slope(double x)
{
    return naive_sigmoid(x) * (1 + x * naive_sigmoid(-x));
}

static double gelu(double x)
{
    return x * erfc(-x / sqrt(2)) / 2;
}

static double gelu_slope(double x)
{
    return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * acos(-1));
}

static double gelu_tanh(double x)
{
    return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * pow(x, 3))));
}

static double gelu_tanh_slope(double x)
{
    double inner = sqrt(2 / acos(-1)) * (x + 0.044715 * pow(x, 3));
    double slope = sqrt(2 / acos(-1)) * (1 + 3 * 0.044715 * x * x);
    return (1 + tanh(inner)) / 2 + x / 2 * slope / pow(cosh(inner), 2);
}

static double sigmoid_slope(double x)
{
    return naive_sigmoid(x) * naive_sigmoid(-x);
}

static double tanh_slope(double x)
{
    return 1 / (cosh(x) * cosh(x));
}

static const struct row {
    const char *text;
    function *value, *derivative;
} rows[] = {
    {"relu", relu, relu_slope},
    {"leaky_relu slope=0.2", leaky, leaky_slope},
    {"leaky_relu", default_leaky, default_leaky_slope},
    {"sigmoid", naive_sigmoid, sigmoid_slope},
    {"tanh", tanh, tanh_slope},
    {"elu alpha=0.7", elu, elu_slope},
    {"silu", silu, silu_slope},
    {"gelu", gelu, gelu_slope},
    {"gelu approximate=tanh", gelu_tanh, gelu_tanh_slope},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* The large one is beyond what is left to one thread. */
static const struct shape shapes[] = {{1, 1, 1}, {5, 3, 17}, {1, 1, 33}, {40, 41, 7}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void check(const struct row *row, struct shape shape, size_t n, float range)
{
    char text[128];
    struct probe probe;
    snprintf(text, sizeof text, "fc = conv2d filters=%zu kernel=1\nprobe = %s" PROBE_TAIL, shape.c,
             row->text);
    probe_create(&probe, shape, text, n);
    assert_true(shape_equal(probe.layer.out, shape));
    double *y = array_bytes(probe.y_count * sizeof *y), *dx = array_bytes(probe.x_count * sizeof *dx);
    for (size_t i = 0; i < probe.x_count; i++) {
        probe.x[0][i] *= range;
        y[i] = row->value(probe.x[0][i]);
        dx[i] = row->derivative(probe.x[0][i]) * probe.dy[i];
    }
    probe_check(&probe, &(struct probe_truth){.y = y, .dx = {dx}});
    free(y);
    free(dx);
    probe_destroy(&probe);
}

static void test_grid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t s = 0; s < SHAPES; s++)
            for (size_t n = 1; n <= 5; n += 4) {
                print_message("%s, %zu samples, shape %zu\n", rows[i].text, n, s);
                check(&rows[i], shapes[s], n, 4);
            }
}

/* The output for one number, and the gradient for dy = 1. */
static void point(const char *type, float x, float *y, float *dx)
{
    char text[128];
    struct probe probe;
    snprintf(text, sizeof text, "fc = dense units=1\nprobe = %s\nout = linear", type);
    probe_create(&probe, (struct shape){1, 1, 1}, text, 1);
    probe.x[0][0] = x;
    probe.dy[0] = 1;
    probe_forward(&probe, 1);
    probe_backward(&probe, 1);
    *y = probe.y[0];
    *dx = probe.dx[0][0];
    probe_destroy(&probe);
}

/* Far out: no overflow, the right limits. Nought: PyTorch's derivative. Not a number: not lost. */
static void test_special_values(void **state)
{
    (void)state;
    float y, dx;
    const float far[] = {100, 1000, 3e38f, INFINITY};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        point("sigmoid", far[i], &y, &dx);
        assert_true(y == 1 && dx == 0);
        point("sigmoid", -far[i], &y, &dx);
        assert_true(y >= 0 && y < 1e-37f && dx >= 0 && dx < 1e-37f);
        point("tanh", far[i], &y, &dx);
        assert_true(y == 1 && dx == 0);
        point("tanh", -far[i], &y, &dx);
        assert_true(y == -1 && dx == 0);
        point("relu", -far[i], &y, &dx);
        assert_true(y == 0 && dx == 0);
        const char *const like_relu[] = {"silu", "gelu", "gelu approximate=tanh"};
        for (size_t k = 0; k < 3; k++) {
            point(like_relu[k], -far[i], &y, &dx);
            assert_true(y == 0 && fabsf(dx) < 1e-35f);
            point(like_relu[k], far[i], &y, &dx);
            assert_true(y == far[i] && dx == 1);
            point(like_relu[k], NAN, &y, &dx);
            assert_true(isnan(y) && isnan(dx));
        }
        point("elu alpha=2", -far[i], &y, &dx);
        assert_true(y == -2 && dx == 0);
        point("elu", -1e-7f, &y, &dx);
        assert_true(fabsf(y + 1e-7f) < 1e-13f);
        point("relu", far[i], &y, &dx);
        assert_true(y == far[i] && dx == 1);
    }
    point("relu", 0, &y, &dx);
    assert_true(y == 0 && dx == 0);
    point("leaky_relu slope=0.25", 0, &y, &dx);
    assert_true(y == 0 && dx == 0.25f);
    point("leaky_relu slope=0", -3, &y, &dx);
    assert_true(y == 0 && dx == 0);
    for (size_t i = 0; i < ROWS; i++) {
        point(rows[i].text, NAN, &y, &dx);
        assert_true(isnan(y));
    }
}

/* Small numbers keep their relative precision. */
static void test_small_values(void **state)
{
    (void)state;
    float y, dx;
    for (float x = 1e-30f; x < 1e-3f; x *= 10) {
        point("tanh", x, &y, &dx);
        assert_true(fabsf(y / x - 1) < 1e-6f);
    }
    for (double x = -80; x < -1; x += 3) {
        point("sigmoid", (float)x, &y, &dx);
        assert_true(fabs(y / naive_sigmoid(x) - 1) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_small_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
