/* globalavgpool: means over the image. */
#include "support/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void naive(const struct probe *p, double *y)
{
    size_t c = p->layer.in[0].c, pixels = p->layer.in[0].h * p->layer.in[0].w;
    for (size_t s = 0; s < p->pass.n; s++)
        for (size_t k = 0; k < c; k++) {
            double sum = 0;
            for (size_t r = 0; r < pixels; r++)
                sum += p->x[0][(s * pixels + r) * c + k];
            y[s * c + k] = sum / (double)pixels;
        }
}

static void test_means(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 5; n += 4) {
        probe_check_formula("globalavgpool", (struct shape){1, 1, 3}, n, true, naive);
        probe_check_formula("globalavgpool", (struct shape){7, 5, 17}, n, true, naive);
        probe_check_formula("globalavgpool", (struct shape){3, 40, 70}, n, false, naive);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_means)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
