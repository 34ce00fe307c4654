#include "core/kernels/gemm.h"

#include <cblas.h>
#include <omp.h>

void gemm_prepare(void)
{
    /* The OpenMP build needs no telling: inside a parallel region it runs on the caller alone. Telling it
     * would also set OpenMP's own number of threads. */
    if (openblas_get_parallel() == OPENBLAS_THREAD)
        openblas_set_num_threads(1);
}

/* The network's plan admits no size beyond 2^30. */
static blasint blas_size(size_t size)
{
    return (blasint)size;
}

/* The OpenMP build outside of a parallel region, which is therefore made for it. */
static bool takes_all_threads(void)
{
    return openblas_get_parallel() == OPENBLAS_OPENMP && !omp_in_parallel() && omp_get_max_threads() > 1;
}

static void product(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a,
                    size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, blas_size(m), blas_size(n), blas_size(k), 1, a,
                blas_size(lda), b, blas_size(ldb), beta, c, blas_size(ldc));
}

void gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
          const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    if (!takes_all_threads()) {
        product(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
        return;
    }
#pragma omp parallel num_threads(2)
#pragma omp single
    product(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
