/* dense against the formula. */
#include "core/kernels/bf16.h"
#include "support/array.h"
#include "support/naive.h"
#include "support/network_text.h"
#include "support/probe.h"
#include "support/rounded.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct row {
    size_t n, in, out;
    const char *bias;
} rows[] = {
    {1, 1, 1, "yes"},    {1, 17, 1, "no"},     {5, 1, 33, "yes"},   {5, 33, 17, "yes"},
    {5, 32, 64, "no"},   {2, 257, 31, "yes"},  {65, 40, 33, "yes"}, {130, 300, 70, "yes"},
    {64, 256, 32, "no"}, {7, 1000, 10, "yes"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void check_row(const struct row *r, bool bf16)
{
    bool bias = !strcmp(r->bias, "yes");
    char text[128];
    struct probe probe;
    snprintf(text, sizeof text, "probe = dense units=%zu bias=%s\nout = linear", r->out, r->bias);
    probe_create(&probe, (struct shape){1, 1, r->in}, text, r->n);
    assert_true(shape_equal(probe.layer.out, (struct shape){1, 1, r->out}));
    assert_int_equal(probe.layer.parameter_count, bias ? 2 : 1);
    const struct parameter *p = probe.layer.parameters;
    assert_true(p[0].dimension_count == 2 && p[0].dimensions[0] == r->out && p[0].dimensions[1] == r->in &&
                p[0].decay);
    assert_true(!bias || (p[1].dimension_count == 1 && p[1].dimensions[0] == r->out && !p[1].decay));

    if (bf16) { /* of numbers that it can hold, products are the same */
        probe.layer.bf16 = bf16_kernel();
        round_all(probe.x[0], probe.x_count);
        round_all(probe.dy, probe.y_count);
        round_all(probe.parameters, p[0].count);
    }
    double *x = array_doubles(probe.x[0], probe.x_count), *dy = array_doubles(probe.dy, probe.y_count);
    double *w = array_doubles(probe.parameters, probe.parameter_count);
    double *y = array_bytes(probe.y_count * sizeof *y), *dx = array_bytes(probe.x_count * sizeof *dx);
    double *dw = array_bytes(probe.parameter_count * sizeof *dw);
    naive_dense(r->n, r->in, r->out, x, w, bias ? w + p[0].count : NULL, y);
    naive_dense_backward(r->n, r->in, r->out, x, w, dy, dx, dw, bias ? dw + p[0].count : NULL);
    probe_check(&probe, &(struct probe_truth){.y = y, .dx = {dx}, .gradients = dw});
    free(x);
    free(dy);
    free(w);
    free(y);
    free(dx);
    free(dw);
    probe_destroy(&probe);
}

static void test_grid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        print_message("row %zu\n", i);
        check_row(&rows[i], false);
        check_row(&rows[i], true);
    }
}

static void assert_refused(struct shape input, const char *line, const char *part)
{
    char text[256], parts[256];
    snprintf(text, sizeof text, "fc = %s\nout = linear", line);
    snprintf(parts, sizeof parts, "test.ini:1|%s", part);
    network_must_refuse(input, text, parts);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused((struct shape){4, 3, 2}, "dense units=2", "flatten");
    assert_refused((struct shape){1, 2, 1}, "dense units=2", "flatten");
    assert_refused((struct shape){1, 1, 4}, "dense", "units");
    assert_refused((struct shape){1, 1, 4}, "dense units=0", "units");
    assert_refused((struct shape){1, 1, 4}, "dense units=ten", "units");
    assert_refused((struct shape){1, 1, 4}, "dense units=2 units=3", "twice");
    assert_refused((struct shape){1, 1, 4}, "dense unit=2", "units");
    assert_refused((struct shape){1, 1, 1 << 20}, "dense units=1048576", "parameters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
