/* scale: a fixed factor, or one per channel. */
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

static void naive(const struct probe *p, double *y)
{
    size_t c = p->layer.in[0].c;
    for (size_t i = 0; i < p->y_count; i++)
        y[i] = p->x[0][i] * (p->layer.parameter_count
                                 ? (double)p->parameters[p->layer.parameters[0].offset + i % c]
                                 : -0.125);
}

/* The layer `options` describe behind something that can be trained, against naive(probe, y). */
static void check(const char *options, struct shape shape, size_t n, bool training)
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

static void test_grid(void **state)
{
    (void)state;
    const struct shape shapes[] = {{1, 1, 1}, {5, 3, 17}, {40, 31, 5}};
    for (size_t s = 0; s < 3; s++)
        for (size_t n = 1; n <= 4; n += 3) {
            check("scale factor=-0.125", shapes[s], n, true);
            check("scale learned=yes", shapes[s], n, true);
        }
}

static void test_first_weights(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, (struct shape){1, 1, 2}, "a = scale factor=0.5 learned=yes\nout = linear");
    assert_int_equal(network_bind(&network, 1, false, 1), STATUS_OK);
    network_init(&network, 1);
    assert_true(network.parameters[0] == 0.5f && network.parameters[1] == 0.5f);
    assert_false(network.layers[0].parameters[0].decay);
    network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid), cmocka_unit_test(test_first_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
