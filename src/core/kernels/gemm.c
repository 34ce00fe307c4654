#include "core/kernels/gemm.h"

#include <cblas.h>

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

void gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
          const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, blas_size(m), blas_size(n), blas_size(k), 1, a,
                blas_size(lda), b, blas_size(ldb), beta, c, blas_size(ldc));
}
