/* Eigenvalues that are known, and what makes eigenvectors of arbitrary matrices. */
#include "core/eigen.h"

#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct problem {
    double *a, *work, *values, *vectors;
};

static struct problem problem_create(size_t n)
{
    struct problem p = {calloc(n * n, sizeof(double)), calloc(n * n, sizeof(double)),
                        calloc(n, sizeof(double)), calloc(n * n, sizeof(double))};
    return p;
}

static void problem_destroy(struct problem *p)
{
    free(p->a);
    free(p->work);
    free(p->values);
    free(p->vectors);
}

/* Solves, and holds: A v = value v, vectors of length 1 at right angles, falling values, signs. */
static void solve(struct problem *p, size_t n, double scale)
{
    memcpy(p->work, p->a, n * n * sizeof *p->a);
    eigen_symmetric(n, p->work, p->values, p->vectors);
    for (size_t i = 0; i < n; i++) {
        const double *v = p->vectors + i * n;
        double most = 0, sign = 0;
        assert_true(i == 0 || p->values[i] <= p->values[i - 1]);
        for (size_t r = 0; r < n; r++) {
            double product = 0;
            for (size_t k = 0; k < n; k++)
                product += p->a[r * n + k] * v[k];
            assert_true(fabs(product - p->values[i] * v[r]) <= 1e-12 * scale);
            if (fabs(v[r]) > most) {
                most = fabs(v[r]);
                sign = v[r];
            }
        }
        assert_true(sign > 0);
        for (size_t j = 0; j <= i; j++) {
            double dot = 0;
            for (size_t k = 0; k < n; k++)
                dot += v[k] * p->vectors[j * n + k];
            assert_true(fabs(dot - (i == j)) <= 1e-12);
        }
    }
}

/* 2 on the diagonal and -1 beside it: 2 - 2 cos(k pi / (n + 1)). */
static void test_second_difference(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 75; n += n < 13 ? 1 : 31) {
        struct problem p = problem_create(n);
        for (size_t i = 0; i < n; i++) {
            p.a[i * n + i] = 2;
            if (i)
                p.a[i * n + i - 1] = p.a[(i - 1) * n + i] = -1;
        }
        solve(&p, n, 4);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(p.values[i] - (2 - 2 * cos((double)(n - i) * acos(-1) / (double)(n + 1)))) <
                        1e-12);
        problem_destroy(&p);
    }
}

/* Products of random numbers, of every size up to that of a 5 x 5 window of 3 channels, large and small; and
 * of few, where most values are 0 and equal. */
static void test_moments(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 75; n += n < 12 ? 1 : 21)
        for (size_t samples = 2; samples <= 200; samples *= 10) {
            double scale = samples == 20 ? 1e-8 : 1e4;
            struct problem p = problem_create(n);
            for (size_t s = 0; s < samples; s++)
                for (size_t i = 0; i < n; i++)
                    for (size_t j = 0; j < n; j++)
                        p.a[i * n + j] += scale * (array_random(s, i) - 0.3) * (array_random(s, j) - 0.3);
            solve(&p, n, scale * (double)(samples * n));
            for (size_t i = 0; i < n; i++)
                assert_true(p.values[i] >= -1e-12 * scale * (double)(samples * n));
            for (size_t i = samples; i < n; i++)
                assert_true(p.values[i] <= 1e-12 * scale * (double)(samples * n));
            problem_destroy(&p);
        }
}

static void test_diagonal(void **state)
{
    (void)state;
    static const double values[] = {7, 3, 3, 0, -2};
    struct problem p = problem_create(5);
    for (size_t i = 0; i < 5; i++)
        p.a[i * 6] = values[(3 * i) % 5];
    solve(&p, 5, 7);
    assert_memory_equal(p.values, values, sizeof values);
    memset(p.a, 0, 25 * sizeof *p.a);
    solve(&p, 5, 1);
    problem_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_second_difference),
                                       cmocka_unit_test(test_moments), cmocka_unit_test(test_diagonal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
