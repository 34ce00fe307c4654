/* maxpool and avgpool against their definitions, over a grid of windows. */
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

static const struct row {
    size_t n, h, w, c, size_h, size_w, stride_h, stride_w, padding_h, padding_w;
    bool ceil;
} rows[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, false},
    {5, 4, 6, 3, 2, 2, 2, 2, 0, 0, false},
    {2, 7, 5, 17, 2, 2, 2, 2, 0, 0, false},
    {2, 8, 20, 6, 2, 2, 2, 2, 0, 0, false},
    {2, 4, 10, 16, 2, 2, 2, 2, 0, 0, false},
    {1, 2, 14, 5, 2, 2, 2, 2, 0, 0, false},
    {2, 7, 5, 33, 2, 2, 2, 2, 0, 0, true},
    /* overlapping, padded */
    {3, 9, 8, 2, 3, 3, 2, 2, 1, 1, false},
    {1, 9, 8, 2, 3, 3, 2, 2, 1, 1, true},
    {1, 8, 9, 3, 3, 3, 1, 1, 1, 1, false},
    {2, 6, 11, 1, 4, 5, 1, 3, 2, 2, false},
    {2, 6, 11, 1, 4, 5, 1, 3, 2, 2, true},
    {1, 10, 7, 2, 2, 3, 3, 2, 1, 0, true},
    /* windows apart from each other: some pixels belong to none */
    {2, 9, 10, 2, 2, 2, 3, 4, 0, 0, false},
    {2, 9, 11, 2, 2, 1, 3, 4, 0, 0, true},
    {1, 5, 5, 1, 2, 2, 7, 9, 1, 1, false},
    {1, 5, 5, 1, 2, 2, 7, 9, 1, 1, true},
    /* a last window that would begin beyond the image is none (PyTorch's rule) */
    {1, 5, 6, 2, 2, 2, 4, 3, 0, 0, true},
    {1, 4, 3, 2, 2, 2, 2, 2, 1, 1, true},
    {1, 3, 3, 1, 1, 1, 2, 2, 0, 0, true},
    /* the whole image */
    {5, 6, 4, 17, 6, 4, 6, 4, 0, 0, false},
    {1, 3, 4, 2, 5, 6, 1, 1, 2, 3, false},
    /* one row, one column */
    {2, 1, 13, 2, 1, 3, 1, 2, 0, 1, true},
    {2, 13, 1, 2, 3, 1, 2, 1, 1, 0, true},
    {4, 30, 31, 16, 3, 3, 2, 2, 1, 1, false},
};
enum { ROWS = sizeof rows / sizeof *rows };

static struct naive_window row_window(const struct row *r)
{
    struct naive_window v = {
        .n = r->n,
        .h = r->h,
        .w = r->w,
        .c = r->c,
        .oc = r->c,
        .groups = r->c,
        .kernel = {r->size_h, r->size_w},
        .stride = {r->stride_h, r->stride_w},
        .dilation = {1, 1},
        .padding = {r->padding_h, r->padding_w},
        .ceil = r->ceil,
    };
    naive_window_plan(&v);
    return v;
}

/* A network for a layer without parameters, which needs one that has some before it. */
static void create(struct probe *probe, struct shape shape, const char *text, size_t n)
{
    char lines[256];
    snprintf(lines, sizeof lines, "first = conv2d filters=%zu kernel=1\nprobe = %s" PROBE_TAIL, shape.c,
             text);
    probe_create(probe, shape, lines, n);
}

static void check_row(const char *type, const struct row *r)
{
    struct naive_window v = row_window(r);
    char text[128];
    struct probe probe;
    snprintf(text, sizeof text, "%s size=%zux%zu stride=%zux%zu padding=%zux%zu ceil=%s", type, r->size_h,
             r->size_w, r->stride_h, r->stride_w, r->padding_h, r->padding_w, r->ceil ? "yes" : "no");
    create(&probe, (struct shape){r->h, r->w, r->c}, text, r->n);
    assert_true(shape_equal(probe.layer.out, (struct shape){v.out[0], v.out[1], v.c}));

    double *x = array_doubles(probe.x[0], probe.x_count), *dy = array_doubles(probe.dy, probe.y_count);
    double *y = array_bytes(probe.y_count * sizeof *y), *dx = array_bytes(probe.x_count * sizeof *dx);
    if (!strcmp(type, "maxpool")) {
        naive_maxpool(&v, x, y);
        naive_maxpool_backward(&v, x, dy, dx);
    } else {
        naive_avgpool(&v, x, y);
        naive_avgpool_backward(&v, dy, dx);
    }
    probe_check(&probe, &(struct probe_truth){.y = y, .dx = {dx}});
    free(x);
    free(dy);
    free(y);
    free(dx);
    probe_destroy(&probe);
}

static void test_maxpool(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        print_message("row %zu\n", i);
        check_row("maxpool", &rows[i]);
    }
}

static void test_avgpool(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        print_message("row %zu\n", i);
        check_row("avgpool", &rows[i]);
    }
}

static void test_stride_defaults_to_size(void **state)
{
    (void)state;
    struct probe probe;
    create(&probe, (struct shape){12, 12, 1}, "maxpool size=3x4", 1);
    assert_true(shape_equal(probe.layer.out, (struct shape){4, 3, 1}));
    probe_destroy(&probe);
}

/* Of equals the first in reading order has the gradient, wherever they begin; also below zero and next to
 * padding. */
static void test_ties_go_to_the_first(void **state)
{
    (void)state;
    const float levels[] = {0, -3, 2, -INFINITY};
    for (size_t l = 0; l < 4; l++) {
        struct probe probe;
        create(&probe, (struct shape){5, 5, 2}, "maxpool size=3 stride=2 padding=1", 2);
        struct naive_window v = row_window(&(struct row){2, 5, 5, 2, 3, 3, 2, 2, 1, 1, false});
        for (size_t i = 0; i < probe.x_count; i++)
            probe.x[0][i] = levels[l];
        double *x = array_doubles(probe.x[0], probe.x_count), *dy = array_doubles(probe.dy, probe.y_count);
        double *dx = array_bytes(probe.x_count * sizeof *dx);
        naive_maxpool_backward(&v, x, dy, dx);
        probe_forward(&probe, 1);
        probe_backward(&probe, 1);
        for (size_t i = 0; i < probe.y_count; i++)
            assert_true(probe.y[i] == levels[l]);
        assert_close("dx of ties", probe.dx[0], dx, probe.x_count, 1e-6);
        free(x);
        free(dy);
        free(dx);
        probe_destroy(&probe);
    }
}

/* With the relu before it done in passing: y = max(relu(x)), and nothing for who is not positive. */
static void test_relu_in_passing(void **state)
{
    (void)state;
    const struct row shapes[] = {{3, 8, 6, 6, 2, 2, 2, 2, 0, 0, false},
                                 {2, 7, 9, 17, 2, 2, 2, 2, 0, 0, false},
                                 {2, 6, 6, 33, 2, 2, 2, 2, 0, 0, false},
                                 {2, 9, 8, 5, 3, 3, 2, 2, 1, 1, false}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const struct row *r = &shapes[s];
        struct probe probe;
        char text[128];
        snprintf(text, sizeof text, "maxpool size=%zu stride=2 padding=%zu", r->size_h, r->padding_h);
        create(&probe, (struct shape){r->h, r->w, r->c}, text, r->n);
        struct naive_window v = row_window(r);
        for (size_t i = 0; i < probe.x_count; i++)
            probe.x[0][i] -= 0.7f; /* few windows have a positive number, some do */
        probe_forward(&probe, 2);
        probe_backward(&probe, 2);
        float *y = array_floats(probe.y_count);
        double *x = array_doubles(probe.x[0], probe.x_count), *dy = array_doubles(probe.dy, probe.y_count);
        double *dx = array_bytes(probe.x_count * sizeof *dx);
        for (size_t i = 0; i < probe.y_count; i++) {
            y[i] = probe.y[i] < 0 ? 0 : probe.y[i];
            dy[i] = probe.y[i] <= 0 ? 0 : dy[i];
        }
        naive_maxpool_backward(&v, x, dy, dx);
        probe.layer.input_relu = true;
        probe_forward(&probe, 3);
        probe_backward(&probe, 3);
        assert_same_bits("y", probe.y, y, probe.y_count);
        assert_close("dx", probe.dx[0], dx, probe.x_count, 1e-6);
        free(y);
        free(x);
        free(dy);
        free(dx);
        probe_destroy(&probe);
    }
}

/* A NaN is seen by every window that holds it, and by no other. */
static void test_nan_is_not_lost(void **state)
{
    (void)state;
    const char *const types[] = {"maxpool size=2", "avgpool size=2"};
    const size_t channels[] = {1, 17}; /* one by one, and in vectors */
    for (size_t t = 0; t < 2; t++)
        for (size_t k = 0; k < 2; k++)
            for (size_t at = 0; at < 16; at++) {
                struct probe probe;
                size_t c = channels[k];
                create(&probe, (struct shape){4, 4, c}, types[t], 1);
                probe.x[0][at * c] = NAN;
                probe_forward(&probe, 1);
                for (size_t o = 0; o < 4 * c; o++)
                    assert_int_equal(isnan(probe.y[o]) != 0, o == (at / 8 * 2 + at % 4 / 2) * c);
                probe_destroy(&probe);
            }
}

static void assert_refused(const char *line, const char *part)
{
    char text[256], parts[256];
    snprintf(text, sizeof text, "a = conv2d filters=2 kernel=1\np = %s" PROBE_TAIL, line);
    snprintf(parts, sizeof parts, "test.ini:2|`p`|%s", part);
    network_must_refuse((struct shape){5, 6, 2}, text, parts);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused("maxpool", "size");
    assert_refused("maxpool size=0", "size");
    assert_refused("maxpool size=6", "empty");
    assert_refused("avgpool size=1x7", "empty");
    assert_refused("maxpool size=3 padding=2", "padding");
    assert_refused("maxpool size=1 padding=1", "padding");
    assert_refused("avgpool size=4x2 padding=2", "padding");
    assert_refused("avgpool size=2 padding=same", "padding");
    assert_refused("avgpool size=2 ceil=2", "ceil");
    assert_refused("maxpool size=2 strid=1", "stride");
    assert_refused("maxpol size=2", "maxpool");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_avgpool),
        cmocka_unit_test(test_stride_defaults_to_size),
        cmocka_unit_test(test_ties_go_to_the_first),
        cmocka_unit_test(test_relu_in_passing),
        cmocka_unit_test(test_nan_is_not_lost),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
