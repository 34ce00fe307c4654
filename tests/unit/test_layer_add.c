/* add: sums of outputs of the same shape. */
#include "support/array.h"
#include "support/naive.h"
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const char *text, struct shape shape, size_t inputs, size_t n)
{
    struct probe probe;
    probe_create(&probe, shape, text, n);
    assert_int_equal(probe.layer.input_count, inputs);
    assert_true(shape_equal(probe.layer.out, shape));
    double *y = array_bytes(probe.y_count * sizeof *y), *dy = array_doubles(probe.dy, probe.y_count);
    struct probe_truth truth = {.y = y};
    for (size_t i = 0; i < probe.y_count; i++) {
        y[i] = 0;
        for (size_t k = 0; k < inputs; k++)
            y[i] += probe.x[k][i];
    }
    for (size_t k = 0; k < inputs; k++)
        truth.dx[k] = dy;
    probe_check(&probe, &truth);
    free(y);
    free(dy);
    probe_destroy(&probe);
}

static void test_sums(void **state)
{
    (void)state;
    struct shape shapes[] = {{1, 1, 1}, {5, 3, 17}, {40, 40, 11}};
    for (size_t s = 0; s < 3; s++)
        for (size_t n = 1; n <= 5; n += 4) {
            char text[256];
            snprintf(text, sizeof text,
                     "a = conv2d filters=%zu kernel=1\nb = tanh\nc = relu\nprobe = add from=a,b%s" PROBE_TAIL,
                     shapes[s].c, ",c");
            check(text, shapes[s], 3, n);
            snprintf(text, sizeof text,
                     "a = conv2d filters=%zu kernel=1\nb = tanh\nprobe = add from=a,b" PROBE_TAIL,
                     shapes[s].c);
            check(text, shapes[s], 2, n);
            snprintf(text, sizeof text,
                     "a = conv2d filters=%zu kernel=1\nprobe = add from=input,a" PROBE_TAIL, shapes[s].c);
            check(text, shapes[s], 2, n);
        }
}

static void test_refusals(void **state)
{
    (void)state;
    probe_must_refuse("add from=a,b", "4x4x6");
    probe_must_refuse("add", "from");
    probe_must_refuse("add from=a", "at least 2");
    probe_must_refuse("add from=a,a,a,a,a,a,a,a,a", "8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
