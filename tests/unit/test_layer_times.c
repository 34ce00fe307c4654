/* The table of a step's times, and what is said to hold it back, for times that were made up. */
#include "train/layer_times.h"

#include "support/capture.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 10 };

/* conv: 8 * 8 * 9 * 4 = 2304 multiply-adds; dense: 64 * 4 * 5 = 1280 */
static const char text[] = "conv = conv2d filters=4 kernel=3 padding=same\nact = relu\nflat = flatten\n"
                           "fc = dense units=5\nout = softmax";
static const struct layer_times times[] = {
    {{2e-6, 0, 4e-6}}, {{0, 0, 0}}, {{1e-6, 5e-7, 0}}, {{4e-6, 5.12e-6, 2.56e-6}}, {{3e-6, 0, 0}},
};

static void assert_prints(void (*print)(const struct network *network), const char *expected)
{
    struct network network;
    network_must_plan(&network, (struct shape){8, 8, 1}, text);
    network.threads = 2;
    capture_start();
    print(&network);
    char *got = capture_stop();
    assert_string_equal(got, expected);
    free(got);
    network_destroy(&network);
}

static void table(const struct network *network)
{
    layer_times_print(network, times, SAMPLES);
}

static void test_table(void **state)
{
    (void)state;
    assert_prints(table,
                  "                                        forward     input gradient    weight gradient\n"
                  "  layer          type               ms  GFLOP/s        ms  GFLOP/s        ms  GFLOP/s\n"
                  "  conv           conv2d          0.002     23.0         -        -     0.004     11.5\n"
                  "  act            relu                -        -         -        -         -        -\n"
                  "  flat           flatten         0.001        -     0.001        -         -        -\n"
                  "  fc             dense           0.004      6.4     0.005      5.0     0.003     10.0\n"
                  "  out            softmax         0.003        -         -        -         -        -\n"
                  "  all                            0.010        -     0.006        -     0.007        -\n");
}

/* At 23.04 GFLOP/s the convolution needs 2 us, the dense layer 1.11 us. */
static void losses(const struct network *network)
{
    layer_times_print_losses(network, times, SAMPLES, 23.04e9);
}

static void losses_bf16(const struct network *network)
{
    struct network same = *network;
    network_set_bf16(&same, true);
    losses(&same);
    network_set_bf16(&same, false);
}

#define LOSSES(precision)                                                                                    \
    "the layers reach 33 % of the peak, which is 23.0 GFLOP/s" precision " on 2 threads; what holds them "   \
    "back most:\n\n"                                                                                         \
    "  layer          pass                   ms  share of peak    ms above peak\n"                           \
    "  fc             input gradient      0.005           22 %            0.004\n"                           \
    "  out            forward             0.003              -            0.003\n"                           \
    "  fc             forward             0.004           28 %            0.003\n"                           \
    "  conv           weight gradient     0.004           50 %            0.002\n"                           \
    "  fc             weight gradient     0.003           43 %            0.001\n\n"

static void test_losses(void **state)
{
    (void)state;
    assert_prints(losses, LOSSES(""));
    assert_prints(losses_bf16, LOSSES(" in float32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
