/* dropout: what is dropped, how often, and what it depends on. */
#include "support/array.h"
#include "support/naive.h"
#include "support/network_text.h"
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void create(struct probe *probe, const char *rate, struct shape shape, size_t n)
{
    char text[256];
    snprintf(text, sizeof text, "first = conv2d filters=%zu kernel=1\nprobe = dropout rate=%s" PROBE_TAIL,
             shape.c, rate);
    probe_create(probe, shape, text, n);
}

/* Which elements a pass keeps: 1 or 0. x is all ones meanwhile. To be freed. */
static float *mask(struct probe *probe)
{
    for (size_t i = 0; i < probe->x_count; i++)
        probe->x[0][i] = 1;
    probe_forward(probe, 1);
    float *kept = array_floats(probe->y_count);
    for (size_t i = 0; i < probe->y_count; i++)
        kept[i] = probe->y[i] != 0;
    return kept;
}

static void test_gradients_and_bits(void **state)
{
    (void)state;
    const struct shape shapes[] = {{1, 1, 1}, {5, 3, 17}, {1, 1, 33}, {31, 33, 5}};
    const char *const rates[] = {"0", "0.25", "0.5", "0.9"};
    for (size_t s = 0; s < 4; s++)
        for (size_t r = 0; r < 4; r++) {
            struct probe probe;
            create(&probe, rates[r], shapes[s], s == 1 ? 5 : 3);
            probe_check_gradients(&probe);
            probe_check_first(&probe);
            probe_destroy(&probe);
        }
}

/* y = x / (1 - rate) or 0; so that the mean stays; reference and backward drop the same ones. */
static void test_scale_and_share(void **state)
{
    (void)state;
    const char *const rates[] = {"0.1", "0.25", "0.5", "0.8"};
    for (size_t r = 0; r < 4; r++) {
        struct probe probe;
        double rate = atof(rates[r]), dropped = 0;
        create(&probe, rates[r], (struct shape){50, 50, 8}, 5);
        double *reference = array_bytes(probe.y_count * sizeof *reference);
        probe_reference(&probe, reference);
        probe_forward(&probe, 2);
        probe_backward(&probe, 2);
        for (size_t i = 0; i < probe.y_count; i++) {
            double scale = probe.y[i] != 0 ? 1 / (1 - rate) : 0;
            dropped += probe.y[i] == 0;
            assert_true(fabs(probe.y[i] - probe.x[0][i] * scale) < 1e-5);
            assert_true(fabs(probe.dx[0][i] - probe.dy[i] * scale) < 1e-5);
            assert_true(fabs(reference[i] - probe.x[0][i] * scale) < 1e-12);
        }
        double n = (double)probe.y_count;
        assert_true(fabs(dropped / n - rate) < 4 * sqrt(rate * (1 - rate) / n));
        free(reference);
        probe_destroy(&probe);
    }
}

static void test_nothing_happens_outside_training(void **state)
{
    (void)state;
    struct probe probe;
    create(&probe, "0.5", (struct shape){5, 3, 17}, 5);
    probe.pass.training = false;
    probe_forward(&probe, 2);
    probe_backward(&probe, 2);
    assert_same_bits("y", probe.y, probe.x[0], probe.y_count);
    assert_same_bits("dx", probe.dx[0], probe.dy, probe.y_count);
    probe_check_gradients(&probe);
    probe_destroy(&probe);
}

/* A mask is a function of seed, shard, step, layer and element, and of each of them; of batch size and
 * history it is not. */
static void test_what_a_mask_depends_on(void **state)
{
    (void)state;
    struct probe probe, fewer;
    struct shape shape = {10, 10, 10};
    create(&probe, "0.5", shape, 4);
    create(&fewer, "0.5", shape, 3);
    float *masks[6];
    struct pass first = probe.pass;
    masks[0] = mask(&probe);
    probe.pass.seed++;
    masks[1] = mask(&probe);
    probe.pass = first;
    probe.pass.seed += (uint64_t)1 << 32;
    masks[2] = mask(&probe);
    probe.pass = first;
    probe.pass.shard++;
    masks[3] = mask(&probe);
    probe.pass = first;
    probe.pass.step++;
    masks[4] = mask(&probe);
    probe.pass = first;
    probe.layer.index++;
    masks[5] = mask(&probe);
    probe.layer.index--;

    float *again = mask(&probe), *part = mask(&fewer);
    assert_same_bits("the same pass again", again, masks[0], probe.y_count);
    assert_same_bits("fewer samples", part, masks[0], fewer.y_count);
    double n = (double)probe.y_count;
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < a; b++) {
            double r = 0;
            for (size_t i = 0; i < probe.y_count; i++)
                r += (2 * masks[a][i] - 1) * (2 * masks[b][i] - 1) / n;
            if (fabs(r) >= 4 / sqrt(n))
                fail_msg("masks %zu and %zu correlate: %g", a, b, r);
        }
    for (size_t i = 0; i < 6; i++)
        free(masks[i]);
    free(again);
    free(part);
    probe_destroy(&probe);
    probe_destroy(&fewer);
}

/* Samples of one batch have masks of their own. */
static void test_samples_differ(void **state)
{
    (void)state;
    struct probe probe;
    create(&probe, "0.5", (struct shape){10, 10, 10}, 2);
    float *kept = mask(&probe);
    size_t half = probe.y_count / 2, same = 0;
    for (size_t i = 0; i < half; i++)
        same += kept[i] == kept[half + i];
    assert_true(fabs((double)same / (double)half - 0.5) < 2 / sqrt((double)half));
    free(kept);
    probe_destroy(&probe);
}

static void test_refusals(void **state)
{
    (void)state;
    const char *const rates[] = {"rate=1", "rate=-0.1", "rate=1.5", "rate=half", "rate=nan", "rate="};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        char text[256];
        snprintf(text, sizeof text, "a = dense units=2\nd = dropout %s\nout = linear", rates[i]);
        network_must_refuse((struct shape){1, 1, 4}, text, "test.ini:2: layer `d`: rate");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_and_bits),
        cmocka_unit_test(test_scale_and_share),
        cmocka_unit_test(test_nothing_happens_outside_training),
        cmocka_unit_test(test_what_a_mask_depends_on),
        cmocka_unit_test(test_samples_differ),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
