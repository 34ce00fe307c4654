/* groupnorm: each group of each sample by itself. */
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

static size_t groups;

static void naive(const struct probe *p, double *y)
{
    size_t c = p->layer.in[0].c, sample = shape_count(p->layer.in[0]), size = c / groups;
    const struct parameter *w = p->layer.parameters;
    for (size_t s = 0; s < p->pass.n; s++)
        for (size_t g = 0; g < groups; g++) {
            double sum = 0, squares = 0, count = (double)(sample / groups);
            for (size_t i = 0; i < sample; i++)
                if (i % c / size == g)
                    sum += p->x[0][s * sample + i];
            for (size_t i = 0; i < sample; i++)
                if (i % c / size == g)
                    squares += pow(p->x[0][s * sample + i] - sum / count, 2);
            for (size_t i = 0; i < sample; i++) {
                if (i % c / size != g)
                    continue;
                double hat = (p->x[0][s * sample + i] - sum / count) / sqrt(squares / count + 0.01);
                y[s * sample + i] = p->layer.parameter_count ? hat * p->parameters[w[0].offset + i % c] +
                                                                   p->parameters[w[1].offset + i % c]
                                                             : hat;
            }
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
    const size_t counts[] = {1, 2, 6};
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 1; n <= 4; n += 3)
            for (int affine = 0; affine < 2; affine++) {
                char text[128];
                groups = counts[i];
                snprintf(text, sizeof text, "groupnorm groups=%zu eps=0.01 affine=%s", groups,
                         affine ? "yes" : "no");
                check(text, (struct shape){5, 3, 18}, n, affine);
                check(text, (struct shape){9, 11, 6}, n, true);
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
    assert_refused("groupnorm groups=4", "groups = 4 does not divide the 6 channels");
    assert_refused("groupnorm", "groupnorm needs groups=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
