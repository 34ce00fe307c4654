/* scale: a fixed factor, or one per channel. */
#include "support/network_text.h"
#include "support/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void naive(const struct probe *p, double *y)
{
    size_t c = p->layer.in[0].c;
    for (size_t i = 0; i < p->y_count; i++)
        y[i] = p->x[0][i] * (p->layer.parameter_count
                                 ? (double)p->parameters[p->layer.parameters[0].offset + i % c]
                                 : -0.125);
}

static void test_grid(void **state)
{
    (void)state;
    const struct shape shapes[] = {{1, 1, 1}, {5, 3, 17}, {40, 31, 5}};
    for (size_t s = 0; s < 3; s++)
        for (size_t n = 1; n <= 4; n += 3) {
            probe_check_formula("scale factor=-0.125", shapes[s], n, true, naive);
            probe_check_formula("scale learned=yes", shapes[s], n, true, naive);
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
