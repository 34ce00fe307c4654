/* Matrix products against three loops, and that OpenBLAS keeps to one thread. */
#include "core/kernels/gemm.h"
#include "support/array.h"

#include <cblas.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SLACK = 3 }; /* floats between rows, which nobody may touch */

static void check(bool ta, bool tb, size_t m, size_t n, size_t k, float beta)
{
    size_t lda = (ta ? m : k) + SLACK, ldb = (tb ? k : n) + SLACK, ldc = n + SLACK;
    size_t a_count = (ta ? k : m) * lda, b_count = (tb ? n : k) * ldb;
    float *a = array_floats(a_count), *b = array_floats(b_count), *c = array_floats(m * ldc);
    array_fill(a, a_count, 1);
    array_fill(b, b_count, 2);
    if (beta != 0) /* otherwise c is NaN, which must not come through */
        array_fill(c, m * ldc, 3);
    double *truth = array_doubles(c, m * ldc);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = beta != 0 ? truth[i * ldc + j] : 0;
            for (size_t l = 0; l < k; l++)
                sum += (double)(ta ? a[l * lda + i] : a[i * lda + l]) *
                       (double)(tb ? b[j * ldb + l] : b[l * ldb + j]);
            truth[i * ldc + j] = sum;
        }
    float *before = array_floats(m * ldc);
    memcpy(before, c, m * ldc * sizeof *c);
    gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
    for (size_t i = 0; i < m; i++) {
        assert_close("row of c", c + i * ldc, truth + i * ldc, n, 1e-5);
        assert_same_bits("between rows", c + i * ldc + n, before + i * ldc + n, SLACK);
    }
    free(a);
    free(b);
    free(c);
    free(truth);
    free(before);
}

static void test_products(void **state)
{
    (void)state;
    const size_t sizes[][3] = {{1, 1, 1},    {1, 17, 5},    {33, 1, 8},    {7, 9, 1},
                               {32, 32, 32}, {65, 33, 129}, {130, 40, 300}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int form = 0; form < 8; form++)
            check(form & 1, form & 2, sizes[s][0], sizes[s][1], sizes[s][2], form & 4 ? 1.0f : 0.0f);
}

/* Its own threads would change the bits with the machine. The OpenMP build has none inside our regions. */
static void test_one_thread(void **state)
{
    (void)state;
    gemm_prepare();
    if (openblas_get_parallel() == OPENBLAS_THREAD)
        assert_int_equal(openblas_get_num_threads(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_one_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
