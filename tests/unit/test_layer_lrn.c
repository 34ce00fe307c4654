/* lrn: the formula, windows of all widths. */
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

struct row {
    const char *text;
    long size;
    double alpha, beta, k;
};

static const struct row rows[] = {
    {"lrn size=5 alpha=0.9 beta=0.6 k=2", 5, 0.9, 0.6, 2},
    {"lrn size=4 alpha=1.5", 4, 1.5, 0.75, 1},
    {"lrn size=1", 1, 1e-4, 0.75, 1},
    {"lrn size=40 alpha=3 k=0.5", 40, 3, 0.75, 0.5},
};
static const struct row *row;

/* Channel i has size/2 neighbours before it, and the rest behind. */
static void naive(const struct probe *p, double *y)
{
    long c = (long)p->layer.in[0].c;
    for (long i = 0; i < (long)p->y_count; i++) {
        double sum = 0;
        for (long j = 0; j < c; j++) {
            double v = p->x[0][i / c * c + j];
            long distance = j - i % c;
            if (distance >= -(row->size / 2) && distance <= (row->size - 1) / 2)
                sum += v * v;
        }
        y[i] = p->x[0][i] / pow(row->k + row->alpha * sum / (double)row->size, row->beta);
    }
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
    for (row = rows; row < rows + 4; row++)
        for (size_t n = 1; n <= 3; n += 2) {
            check(row->text, (struct shape){1, 1, 1}, n, true);
            check(row->text, (struct shape){5, 3, 17}, n, true);
        }
}

static void assert_refused(const char *line, const char *part)
{
    struct network network;
    char text[256];
    snprintf(text, sizeof text, "a = conv2d filters=6 kernel=1\nb = maxpool size=2 from=a\nc = %s" PROBE_TAIL,
             line);
    assert_int_equal(network_from_text(&network, (struct shape){4, 4, 2}, text), STATUS_USAGE);
    if (!strstr(status_message(), part) || !strstr(status_message(), "test.ini:3"))
        fail_msg("%s\nsays: %s\nand not: %s", line, status_message(), part);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused("lrn", "lrn needs size=");
    assert_refused("lrn size=0", "size = 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
