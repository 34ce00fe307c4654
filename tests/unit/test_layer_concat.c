/* concat: channels side by side. */
#include "support/array.h"
#include "support/network_text.h"
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Inputs of one shape, which the probe has; of others the network's tests and PyTorch's numbers are. */
static void check(size_t inputs, struct shape shape, size_t n)
{
    char text[256];
    struct probe p;
    snprintf(text, sizeof text,
             "a = conv2d filters=%zu kernel=1\nb = tanh\nprobe = concat from=a,b%s" PROBE_TAIL, shape.c,
             inputs == 3 ? ",a" : "");
    probe_create(&p, shape, text, n);
    assert_true(p.layer.out.c == inputs * shape.c && p.layer.out.h == shape.h);
    double *y = array_bytes(p.y_count * sizeof *y);
    for (size_t r = 0; r < n * shape.h * shape.w; r++)
        for (size_t i = 0; i < inputs * shape.c; i++)
            y[r * inputs * shape.c + i] = p.x[i / shape.c][r * shape.c + i % shape.c];
    probe_check_output(&p, y);
    free(y);
    probe_destroy(&p);
}

static void test_side_by_side(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 4; n += 3)
        for (size_t inputs = 2; inputs <= 3; inputs++) {
            check(inputs, (struct shape){1, 1, 1}, n);
            check(inputs, (struct shape){5, 4, 7}, n);
        }
}

/* Of different widths: where each channel lands, and where its gradient comes from. */
static void test_different_channels(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(
        &network, (struct shape){2, 1, 3},
        "a = conv2d filters=2 kernel=1\nb = concat from=input,a,input\nf = flatten\nout = linear");
    assert_int_equal(network_bind(&network, 1, true, 1), STATUS_OK);
    array_fill(network.x, 6, 1);
    array_fill(network.parameters, network.parameter_count, 2);
    struct pass pass = network_pass(&network, 1);
    network_forward(&network, &pass);
    const float *y = network.layers[1].y, *a = network.layers[0].y;
    for (size_t r = 0; r < 2; r++) {
        assert_memory_equal(y + 8 * r, network.x + 3 * r, 3 * sizeof *y);
        assert_memory_equal(y + 8 * r + 3, a + 2 * r, 2 * sizeof *y);
        assert_memory_equal(y + 8 * r + 5, network.x + 3 * r, 3 * sizeof *y);
    }
    network_destroy(&network);
}

static void test_refusals(void **state)
{
    (void)state;
    probe_must_refuse("concat from=a,b", "4x4x6 and 2x2x6");
    probe_must_refuse("concat", "at least 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_side_by_side),
                                       cmocka_unit_test(test_different_channels),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
