/* conv2d with more threads than there is work for: the same bits, in the memory that was asked for. */
#include "support/array.h"
#include "support/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* More than a weight gradient has parts. */
static void test_many_threads(void **state)
{
    (void)state;
    const char *const ways[] = {"direct", "winograd"};
    for (size_t way = 0; way < 2; way++) {
        char text[256];
        struct probe probe;
        snprintf(text, sizeof text, "probe = conv2d filters=20 kernel=3 padding=1 algorithm=%s" PROBE_TAIL,
                 ways[way]);
        probe_create(&probe, (struct shape){20, 20, 16}, text, 43);
        probe_forward(&probe, 1);
        probe_backward(&probe, 1);
        float *gradients = array_floats(probe.parameter_count);
        memcpy(gradients, probe.gradients, probe.parameter_count * sizeof *gradients);
        probe_forward(&probe, 19);
        probe_backward(&probe, 19);
        assert_same_bits("gradients", probe.gradients, gradients, probe.parameter_count);
        free(gradients);
        probe_destroy(&probe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
