/* The views of test-time augmentation, on an image whose pixels all differ. */
#include "io/tta.h"

#include "support/array.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct shape shape = {3, 4, 1};
static const float image[] = {11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34};

/* numpy.pad(image, 1, "reflect")[0:3, 0:4], the same mirrored, [2:, 2:], and that mirrored */
static const float flip_shift[6][12] = {
    {11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34}, {14, 13, 12, 11, 24, 23, 22, 21, 34, 33, 32, 31},
    {22, 21, 22, 23, 12, 11, 12, 13, 22, 21, 22, 23}, {23, 22, 21, 22, 13, 12, 11, 12, 23, 22, 21, 22},
    {22, 23, 24, 23, 32, 33, 34, 33, 22, 23, 24, 23}, {23, 24, 23, 22, 33, 34, 33, 32, 23, 24, 23, 22}};
static const float weights[6] = {0.25f, 0.25f, 0.125f, 0.125f, 0.125f, 0.125f};

/* Two images, the second one's pixels 100 more. */
static void check(enum tta tta, size_t expected, const float *expected_weights)
{
    size_t count;
    const struct tta_view *views = tta_views(tta, &count);
    float x[24], *y = array_floats(24);
    for (size_t i = 0; i < 24; i++)
        x[i] = image[i % 12] + (i < 12 ? 0 : 100);
    assert_int_equal(count, expected);
    for (size_t v = 0; v < count; v++) {
        array_poison(y, 24);
        tta_show(&views[v], x, 2, shape, y, 1 + (int)v % 3);
        for (size_t i = 0; i < 24; i++)
            assert_true(y[i] == flip_shift[v][i % 12] + (i < 12 ? 0 : 100));
        assert_true(views[v].weight == expected_weights[v]);
    }
    free(y);
}

static void test_views(void **state)
{
    (void)state;
    check(TTA_NONE, 1, (const float[]){1});
    check(TTA_FLIP, 2, (const float[]){0.5f, 0.5f});
    check(TTA_FLIP_SHIFT, 6, weights);
}

static void test_too_small(void **state)
{
    (void)state;
    static const struct shape row = {1, 9, 3}, column = {9, 1, 3}, least = {2, 2, 1};
    assert_done(tta_check(TTA_FLIP, row));
    assert_done(tta_check(TTA_FLIP_SHIFT, least));
    assert_failure(tta_check(TTA_FLIP_SHIFT, row), STATUS_USAGE, "evaluate.tta", "1x9", NULL);
    assert_failure(tta_check(TTA_FLIP_SHIFT, column), STATUS_USAGE, "evaluate.tta", "9x1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_views), cmocka_unit_test(test_too_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
