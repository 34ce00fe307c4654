#pragma once
/* Matrix products, by OpenBLAS. All matrices are row-major. */
#include <stdbool.h>
#include <stddef.h>

/* Makes OpenBLAS use one thread per call; once, before the first product: several threads inside OpenBLAS
 * would change the bits, and cost speed inside our own OpenMP regions. */
void gemm_prepare(void);

/* c (m, n; row stride ldc) = beta * c + a' b', beta 0 or 1, where a' (m, k) is a (row stride lda), or its
 * transpose where a is stored (k, m); b' (k, n) likewise. On the calling thread alone, inside a parallel
 * region or not. */
void gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
          const float *b, size_t ldb, float beta, float *c, size_t ldc);
