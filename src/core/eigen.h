#pragma once
/* Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, Matrix
 * Computations, section 8.5): for matrices of some hundred rows at most, exact to rounding, and the same bits
 * always. */
#include <stddef.h>

/* a (n, n), symmetric, is overwritten. values (n), falling; vectors (n, n): row i, of length 1, belongs to
 * values[i], and its largest element by magnitude (of equals the first) is positive. */
void eigen_symmetric(size_t n, double *a, double *values, double *vectors);
