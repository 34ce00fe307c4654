/* groupnorm: each group of each sample by itself. */
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t groups;

static void naive(const struct probe *p, double *y)
{
    size_t c = p->layer.in[0].c, sample = shape_count(p->layer.in[0]), size = c / groups;
    const struct parameter *w = p->layer.parameters;
    for (size_t s = 0; s < p->pass.n; s++)
        for (size_t g = 0; g < groups; g++) {
            double sum = 0, squares = 0, count = (double)(sample / groups);
            for (size_t i = 0; i < sample; i++)
                if (i % c / size == g)
                    sum += p->x[0][s * sample + i];
            for (size_t i = 0; i < sample; i++)
                if (i % c / size == g)
                    squares += pow(p->x[0][s * sample + i] - sum / count, 2);
            for (size_t i = 0; i < sample; i++) {
                if (i % c / size != g)
                    continue;
                double hat = (p->x[0][s * sample + i] - sum / count) / sqrt(squares / count + 0.01);
                y[s * sample + i] = p->layer.parameter_count ? hat * p->parameters[w[0].offset + i % c] +
                                                                   p->parameters[w[1].offset + i % c]
                                                             : hat;
            }
        }
}

static void test_grid(void **state)
{
    (void)state;
    const size_t counts[] = {1, 2, 6};
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 1; n <= 4; n += 3)
            for (int affine = 0; affine < 2; affine++) {
                char text[128];
                groups = counts[i];
                snprintf(text, sizeof text, "groupnorm groups=%zu eps=0.01 affine=%s", groups,
                         affine ? "yes" : "no");
                probe_check_formula(text, (struct shape){5, 3, 18}, n, affine, naive);
                probe_check_formula(text, (struct shape){9, 11, 6}, n, true, naive);
            }
}

static void test_refusals(void **state)
{
    (void)state;
    probe_must_refuse("groupnorm groups=4", "groups = 4 does not divide the 6 channels");
    probe_must_refuse("groupnorm", "groupnorm needs groups=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
