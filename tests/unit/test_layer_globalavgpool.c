/* globalavgpool: means over the image. */
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
    size_t c = p->layer.in[0].c, pixels = p->layer.in[0].h * p->layer.in[0].w;
    for (size_t s = 0; s < p->pass.n; s++)
        for (size_t k = 0; k < c; k++) {
            double sum = 0;
            for (size_t r = 0; r < pixels; r++)
                sum += p->x[0][(s * pixels + r) * c + k];
            y[s * c + k] = sum / (double)pixels;
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

static void test_means(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 5; n += 4) {
        check("globalavgpool", (struct shape){1, 1, 3}, n, true);
        check("globalavgpool", (struct shape){7, 5, 17}, n, true);
        check("globalavgpool", (struct shape){3, 40, 70}, n, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_means)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
