/* conv2d's line: what it is refused for, and the weights that `init` makes. */
#include "support/network_text.h"
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_refused(struct shape input, const char *line, const char *part)
{
    char text[512], parts[256];
    snprintf(text, sizeof text, "c = %s" PROBE_TAIL, line);
    snprintf(parts, sizeof parts, "test.ini:1|`c`|%s", part);
    network_must_refuse(input, text, parts);
}

static void test_refusals(void **state)
{
    (void)state;
    struct shape input = {5, 6, 4};
    assert_refused(input, "conv2d filters=2 kernel=6", "empty");
    assert_refused(input, "conv2d filters=2 kernel=3 dilation=3", "empty");
    assert_refused(input, "conv2d filters=2 kernel=1x7 padding=9x0", "empty");
    assert_refused(input, "conv2d filters=6 kernel=3 groups=3", "groups");
    assert_refused(input, "conv2d filters=6 kernel=3 groups=4", "groups");
    assert_refused(input, "conv2d filters=0 kernel=3", "filters");
    assert_refused(input, "conv2d filters=2 kernel=0", "kernel");
    assert_refused(input, "conv2d filters=2 kernel=3 stride=0", "stride");
    assert_refused(input, "conv2d filters=2 kernel=3 groups=0", "groups");
    assert_refused(input, "conv2d filters=2 kernel=3x3x3", "kernel");
    assert_refused(input, "conv2d filters=2 kernel=3 padding=some", "padding");
    assert_refused(input, "conv2d filters=2 kernel=3 padding=-1", "padding");
    assert_refused(input, "conv2d filters=2 kernel=3 bias=perhaps", "bias");
    assert_refused(input, "conv2d kernel=3", "filters");
    assert_refused(input, "conv2d filters=2 kernel=3 algorithm=fast", "winograd");
    assert_refused(input, "conv2d filters=2 kernel=3x2 algorithm=winograd", "kernel=3");
    assert_refused(input, "conv2d filters=2 kernel=3 stride=2x1 algorithm=winograd", "stride=1");
    assert_refused(input, "conv2d filters=2 kernel=3 padding=1x3 algorithm=winograd", "padding up to 2");
    assert_refused(input, "conv2d filters=4 kernel=3 groups=2 algorithm=winograd", "groups");
    assert_refused(input, "conv2d filters=32 kernel=2 init=white", "whiten");
    assert_refused(input, "conv2d filters=31 kernel=2 init=whiten", "filters=32");
    assert_refused(input, "conv2d filters=16 kernel=2 groups=2 init=whiten", "groups");
    assert_refused(input, "conv2d filters=32 kernel=2 dilation=2 init=whiten", "dilation");
    assert_refused(input, "conv2d filters=240 kernel=6x5 padding=1 init=whiten", "larger than an image");
    assert_refused((struct shape){20, 20, 4}, "conv2d filters=1152 kernel=12 init=whiten", "512");
    network_must_refuse(input, "a = relu\nc = conv2d filters=32 kernel=2 init=whiten" PROBE_TAIL,
                        "test.ini:2|`c`|reads the images");
}

/* torch.nn.init.dirac_ of the first filters, and PyTorch's uniform numbers in the others: the first channels
 * come out as they went in. */
static void check_dirac(size_t c, size_t filters, size_t groups, size_t kernel_h, size_t kernel_w)
{
    struct network network;
    char text[256];
    snprintf(text, sizeof text, "probe = conv2d filters=%zu kernel=%zux%zu groups=%zu init=dirac" PROBE_TAIL,
             filters, kernel_h, kernel_w, groups);
    network_must_plan(&network, (struct shape){6, 7, c}, text);
    assert_int_equal(network_bind(&network, 1, false, 1), STATUS_OK);
    network_init(&network, 5);
    const struct layer *layer = network_find(&network, "probe");
    const float *w = layer_parameter(layer, network.parameters, 0),
                *bias = layer_parameter(layer, network.parameters, 1);
    size_t in = c / groups, out = filters / groups, taps = kernel_h * kernel_w;
    float bound = 1 / sqrtf((float)(in * taps)), largest = 0;
    for (size_t i = 0; i < filters * in * taps; i++) {
        size_t f = i / (in * taps) % out, channel = i / taps % in, y = i / kernel_w % kernel_h,
               x = i % kernel_w;
        if (f < in)
            assert_true(w[i] == (channel == f && y == kernel_h / 2 && x == kernel_w / 2 ? 1.0f : 0.0f));
        else
            largest = fmaxf(largest, fabsf(w[i]));
    }
    assert_true(largest <= bound && (out <= in || largest > 0.8f * bound));
    for (size_t f = 0; f < filters; f++)
        assert_true(bias[f] != 0 && fabsf(bias[f]) <= bound);
    network_destroy(&network);
}

static void test_dirac(void **state)
{
    (void)state;
    check_dirac(4, 9, 1, 3, 3);
    check_dirac(5, 3, 1, 2, 5);
    check_dirac(6, 12, 3, 3, 4);
    check_dirac(3, 3, 1, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_dirac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
