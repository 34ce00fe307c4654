/* Blending: the share's distribution, and pairs by the formula. */
#include "core/mixup.h"

#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Moments around 1/2 of Beta(a, a), which taking the larger of two leaves alone: the second is 1/(4(2a + 1)),
 * the fourth 3/(16 (2a + 1)(2a + 3)). */
static void test_share(void **state)
{
    (void)state;
    static const double alphas[] = {1, 0.4, 0.2, 0.05, 1e-3};
    enum { DRAWS = 40000 };
    for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++) {
        double second = 0, fourth = 0, alpha = alphas[a];
        for (uint32_t i = 0; i < DRAWS; i++) {
            float share = mixup_share(alpha, 7, i % 16, i / 16);
            assert_true(share >= 0.5f && share <= 1);
            double d = (double)share - 0.5;
            second += d * d / DRAWS;
            fourth += d * d * d * d / DRAWS;
        }
        double truth = 1 / (4 * (2 * alpha + 1));
        assert_true(fabs(second - truth) < 0.003);
        assert_true(fabs(fourth - 3 * truth / (4 * (2 * alpha + 3))) < 0.001);
    }
    assert_true(mixup_share(0.2, 7, 3, 9) == mixup_share(0.2, 7, 3, 9));
    assert_true(mixup_share(0.2, 7, 3, 9) != mixup_share(0.2, 8, 3, 9));
    assert_true(mixup_share(0.2, 7, 3, 9) != mixup_share(0.2, 7, 4, 9));
    assert_true(mixup_share(0.2, 7, 3, 9) != mixup_share(0.2, 7, 3, 10));
}

static void test_pairs(void **state)
{
    (void)state;
    enum { ITEM = 7, MOST = 6 };
    for (size_t n = 1; n <= MOST; n++)
        for (int threads = 1; threads <= 3; threads++) {
            float x[MOST * ITEM], *y = array_floats(n * ITEM);
            double truth[MOST * ITEM];
            int32_t classes[MOST], others[MOST];
            array_fill(x, n * ITEM, 3);
            for (size_t i = 0; i < n; i++)
                classes[i] = (int32_t)(10 + i);
            for (size_t i = 0; i < n * ITEM; i++) {
                y[i] = x[i];
                truth[i] = 0.7 * (double)x[i] + 0.3 * (double)x[(n - 1 - i / ITEM) * ITEM + i % ITEM];
            }
            mixup_blend(y, n, ITEM, 0.7f, threads);
            mixup_partners(classes, n, others);
            assert_close("blended", y, truth, n * ITEM, 1e-6);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(others[i], 10 + n - 1 - i);
            free(y);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_share), cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
