/* dropout2d: whole channels, a share of them, as a function of seed, shard and step alone. */
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

enum { N = 40 };

/* Each channel of a sample is nought, or all of it is x / (1 - rate). */
static double dropped_share(struct probe *p, double rate)
{
    size_t c = p->layer.in[0].c, pixels = p->layer.in[0].h * p->layer.in[0].w, dropped = 0;
    for (size_t i = 0; i < N * c; i++) {
        const float *x = p->x[0] + i / c * pixels * c + i % c, *y = p->y + (x - p->x[0]);
        bool kept = y[0] != 0;
        for (size_t r = 0; r < pixels; r++)
            assert_true(fabs(y[r * c] - (kept ? x[r * c] / (1 - rate) : 0)) < 1e-6);
        dropped += !kept;
    }
    return (double)dropped / (double)(N * c);
}

static void test_channels(void **state)
{
    (void)state;
    const double rates[] = {0, 0.2, 0.5};
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        struct probe p;
        snprintf(text, sizeof text, "a = conv2d filters=25 kernel=1\nprobe = dropout2d rate=%g" PROBE_TAIL,
                 rates[i]);
        probe_create(&p, (struct shape){3, 2, 25}, text, N);
        double *y = array_bytes(p.y_count * sizeof *y);
        probe_reference(&p, y);
        probe_check_output(&p, y);
        assert_true(fabs(dropped_share(&p, rates[i]) - rates[i]) < 0.06);
        float *first = array_floats(p.y_count);
        for (int other = 0; other < 4; other++) { /* another step, shard, seed: another mask */
            p.pass = (struct pass){.n = N,
                                   .training = true,
                                   .seed = 7 + (other == 1),
                                   .shard = 3 + (other == 2),
                                   .step = 11 + (other == 3)};
            probe_forward(&p, 1);
            if (other == 0)
                memcpy(first, p.y, p.y_count * sizeof *first);
            else
                assert_true((memcmp(first, p.y, p.y_count * sizeof *first) == 0) == (rates[i] == 0));
        }
        p.pass.training = false;
        probe_forward(&p, 1);
        assert_same_bits("in evaluation", p.y, p.x[0], p.y_count);
        p.pass.training = true;
        probe_check_first(&p);
        free(first);
        free(y);
        probe_destroy(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
