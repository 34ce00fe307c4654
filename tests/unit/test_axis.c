/* Classes of targets, over all small windows, against the formula input = output*stride + k*dilation - pad.
 */
#include "core/kernels/axis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 9, KERNEL_MOST = 5 };

/* Every target once, each with exactly the positions and sources of the formula. */
static void check(const struct window *w, bool backward)
{
    struct axis_class classes[MOST + 2 * KERNEL_MOST + 1];
    size_t targets = backward ? w->in : w->out, sources = backward ? w->out : w->in;
    size_t count = backward ? axis_backward(w, classes) : axis_forward(w, classes);
    int seen[2 * MOST + 2 * KERNEL_MOST] = {0};
    assert_true(count <= targets);
    for (size_t i = 0; i < count; i++) {
        const struct axis_class *c = &classes[i];
        for (size_t j = 0; j < c->count; j++) {
            size_t target = c->first + j * c->step, expected = 0, given = 0;
            assert_true(target < targets);
            seen[target]++;
            for (size_t k = 0; k < w->kernel; k++)
                for (size_t s = 0; s < sources; s++) {
                    size_t output = backward ? s : target, input = backward ? target : s;
                    expected += output * w->stride + k * w->dilation == input + w->pad;
                }
            for (size_t t = 0; t < c->taps; t++) {
                size_t tap = c->tap + t * c->tap_step, k = backward ? w->kernel - 1 - tap : tap;
                size_t source = c->source + j * c->source_step + t * c->source_tap;
                size_t output = backward ? source : target, input = backward ? target : source;
                assert_true(tap < w->kernel && source < sources);
                assert_true(output * w->stride + k * w->dilation == input + w->pad);
                given++;
            }
            assert_int_equal(given, expected);
        }
        for (size_t begin = 0; begin <= targets; begin += 2) {
            struct axis_class part = axis_clip(c, begin, begin + 3);
            size_t inside = 0;
            for (size_t j = 0; j < c->count; j++) {
                size_t target = c->first + j * c->step;
                if (target < begin || target >= begin + 3)
                    continue;
                assert_true(part.first + inside * part.step == target);
                assert_true(part.source + inside * part.source_step == c->source + j * c->source_step);
                inside++;
            }
            assert_int_equal(part.count, inside);
        }
    }
    for (size_t target = 0; target < targets; target++)
        assert_int_equal(seen[target], 1);
}

static void check_outputs(const struct window *w)
{
    for (size_t k = 0; k < w->kernel; k++) {
        struct window_range range = axis_outputs(w, k);
        assert_true(range.first <= range.last && range.last <= w->out);
        for (size_t o = 0; o < w->out; o++) {
            size_t at = o * w->stride + k * w->dilation;
            assert_int_equal(o >= range.first && o < range.last, at >= w->pad && at < w->pad + w->in);
        }
    }
}

static void test_all_small_windows(void **state)
{
    (void)state;
    struct window w;
    for (w.in = 1; w.in <= MOST; w.in++)
        for (w.kernel = 1; w.kernel <= KERNEL_MOST; w.kernel++)
            for (w.stride = 1; w.stride <= 4; w.stride++)
                for (w.dilation = 1; w.dilation <= 3; w.dilation++)
                    for (w.pad = 0; w.pad <= KERNEL_MOST; w.pad++)
                        for (w.pad_end = w.pad; w.pad_end <= w.pad + 1 && w.pad_end <= KERNEL_MOST;
                             w.pad_end++) {
                            window_plan(&w, false);
                            if (w.out == 0)
                                continue;
                            check(&w, false);
                            check(&w, true);
                            check_outputs(&w);
                        }
}

/* What the header says of it. */
static void test_example(void **state)
{
    (void)state;
    struct window w = {.in = 7, .kernel = 3, .stride = 1, .dilation = 1, .pad = 1, .pad_end = 1};
    struct axis_class c[7];
    window_plan(&w, false);
    assert_int_equal(axis_forward(&w, c), 3);
    assert_true(c[0].count == 1 && c[0].tap == 1 && c[0].taps == 2 && c[0].source == 0);
    assert_true(c[1].count == 5 && c[1].tap == 0 && c[1].taps == 3 && c[1].source == 0);
    assert_true(c[2].count == 1 && c[2].tap == 0 && c[2].taps == 2 && c[2].source == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_small_windows),
        cmocka_unit_test(test_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
