/* Index arithmetic of windows: every small one, against counting. */
#include "core/kernels/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { IN_MAX = 9, KERNEL_MAX = 5, STRIDE_MAX = 6, DILATION_MAX = 3, PAD_MAX = 4 };

/* Calls check for every window of these sizes, `out` not yet planned. */
static void each_window(void (*check)(struct window w))
{
    struct window w = {0};
    for (w.in = 1; w.in <= IN_MAX; w.in++)
        for (w.kernel = 1; w.kernel <= KERNEL_MAX; w.kernel++)
            for (w.stride = 1; w.stride <= STRIDE_MAX; w.stride++)
                for (w.dilation = 1; w.dilation <= DILATION_MAX; w.dilation++)
                    for (w.pad = 0; w.pad <= PAD_MAX; w.pad++)
                        for (w.pad_end = 0; w.pad_end <= PAD_MAX; w.pad_end++)
                            check(w);
}

/* The input that position k of output o would read; negative or beyond `in` outside the image. */
static ptrdiff_t input_at(const struct window *w, size_t o, size_t k)
{
    return (ptrdiff_t)(o * w->stride + k * w->dilation) - (ptrdiff_t)w->pad;
}

static void check_inside(const struct window *w)
{
    for (size_t o = 0; o < w->out; o++) {
        struct window_range range = window_inside(w, o);
        assert_true(range.first <= range.last && range.last <= w->kernel);
        for (size_t k = 0; k < w->kernel; k++) {
            ptrdiff_t at = input_at(w, o, k);
            bool inside = at >= 0 && at < (ptrdiff_t)w->in;
            assert_int_equal(k >= range.first && k < range.last, inside);
            assert_true(!inside || window_input(w, o, k) == (size_t)at);
        }
    }
}

/* Every window lies in the padded input, and one more would not. */
static void check_floor(struct window w)
{
    ptrdiff_t end = (ptrdiff_t)(w.in + w.pad_end), last = (ptrdiff_t)w.kernel - 1;
    window_plan(&w, false);
    assert_true(w.out == 0 || input_at(&w, w.out - 1, (size_t)last) < end);
    assert_true(input_at(&w, w.out, (size_t)last) >= end);
    check_inside(&w);
}

/* A last one may hang over by less than a stride, if it begins before the input's end. For pooling
 * only, which pads both sides alike by half a window at most, as PyTorch demands. */
static void check_ceil(struct window w)
{
    if (w.pad != w.pad_end || w.pad > w.kernel / 2 || w.dilation > 1)
        return;
    struct window floor = w;
    window_plan(&floor, false);
    window_plan(&w, true);
    ptrdiff_t end = (ptrdiff_t)(w.in + w.pad_end);
    ptrdiff_t over = input_at(&w, floor.out, w.kernel - 1) - (end - 1);
    bool more = over < (ptrdiff_t)w.stride && input_at(&w, floor.out, 0) < (ptrdiff_t)w.in;
    assert_int_equal(w.out, floor.out + more);
    check_inside(&w);
}

/* As many outputs as strides in the input; the padding is what these need, the odd one at the end. */
static void check_same(struct window w)
{
    window_plan_same(&w);
    assert_true((w.out - 1) * w.stride < w.in && w.out * w.stride >= w.in);
    assert_true(w.pad_end == w.pad || w.pad_end == w.pad + 1);
    size_t need = (w.out - 1) * w.stride + window_span(&w);
    assert_int_equal(w.pad + w.pad_end, need > w.in ? need - w.in : 0);
    check_inside(&w);
}

static void test_floor(void **state)
{
    (void)state;
    each_window(check_floor);
}

static void test_ceil(void **state)
{
    (void)state;
    each_window(check_ceil);
}

static void test_same(void **state)
{
    (void)state;
    each_window(check_same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_floor), cmocka_unit_test(test_ceil),
                                       cmocka_unit_test(test_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
