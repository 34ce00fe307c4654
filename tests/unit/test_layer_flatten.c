/* flatten: channel by channel, as PyTorch flattens NCHW. */
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

static void check(struct shape shape, size_t n)
{
    struct probe probe;
    char text[128];
    snprintf(text, sizeof text, "first = conv2d filters=%zu kernel=1\nprobe = flatten\nout = linear",
             shape.c);
    probe_create(&probe, shape, text, n);
    assert_true(shape_equal(probe.layer.out, (struct shape){1, 1, shape_count(shape)}));
    double *y = array_bytes(probe.y_count * sizeof *y), *dx = array_bytes(probe.x_count * sizeof *dx);
    for (size_t s = 0, i = 0; s < n; s++)
        for (size_t c = 0; c < shape.c; c++)
            for (size_t h = 0; h < shape.h; h++)
                for (size_t w = 0; w < shape.w; w++, i++) {
                    size_t nhwc = ((s * shape.h + h) * shape.w + w) * shape.c + c;
                    y[i] = probe.x[0][nhwc];
                    dx[nhwc] = probe.dy[i];
                }
    probe_check(&probe, &(struct probe_truth){.y = y, .dx = {dx}});
    free(y);
    free(dx);
    probe_destroy(&probe);
}

static void test_order(void **state)
{
    (void)state;
    const struct shape shapes[] = {{1, 1, 1}, {3, 5, 1}, {1, 1, 7}, {5, 3, 17}, {7, 7, 33}, {2, 1, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(shapes[i], 1);
        check(shapes[i], 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
