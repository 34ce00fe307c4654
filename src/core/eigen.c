#include "core/eigen.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SWEEPS_MAX = 60 }; /* some ten are enough */

/* Rows p and q of m become c p - s q and s p + c q. */
static void rotate_rows(size_t n, double *m, size_t p, size_t q, double c, double s)
{
    double *a = m + p * n, *b = m + q * n;
    for (size_t k = 0; k < n; k++) {
        double x = a[k], y = b[k];
        a[k] = c * x - s * y;
        b[k] = s * x + c * y;
    }
}

static void rotate_columns(size_t n, double *m, size_t p, size_t q, double c, double s)
{
    for (size_t k = 0; k < n; k++) {
        double x = m[k * n + p], y = m[k * n + q];
        m[k * n + p] = c * x - s * y;
        m[k * n + q] = s * x + c * y;
    }
}

/* Makes a[p][q] zero. */
static void rotate(size_t n, double *a, double *vectors, size_t p, size_t q)
{
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1)), c = 1 / hypot(t, 1), s = t * c;
    rotate_rows(n, a, p, q, c, s);
    rotate_columns(n, a, p, q, c, s);
    a[p * n + q] = a[q * n + p] = 0;
    rotate_rows(n, vectors, p, q, c, s);
}

static double largest(size_t n, const double *a)
{
    double most = 0;
    for (size_t i = 0; i < n * n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

static void swap(size_t count, double *a, double *b)
{
    for (size_t k = 0; k < count; k++) {
        double x = a[k];
        a[k] = b[k];
        b[k] = x;
    }
}

/* Falling, by selection: the vectors are few. */
static void sort(size_t n, double *values, double *vectors)
{
    for (size_t i = 0; i < n; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < n; j++)
            best = values[j] > values[best] ? j : best;
        swap(1, &values[i], &values[best]);
        swap(n, vectors + i * n, vectors + best * n);
    }
}

static void fix_sign(size_t n, double *vector)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        best = fabs(vector[k]) > fabs(vector[best]) ? k : best;
    double sign = vector[best] < 0 ? -1 : 1;
    for (size_t k = 0; k < n; k++)
        vector[k] *= sign;
}

void eigen_symmetric(size_t n, double *a, double *values, double *vectors)
{
    double tiny = 1e-17 * largest(n, a);
    bool changed = true;
    memset(vectors, 0, n * n * sizeof *vectors);
    for (size_t i = 0; i < n; i++)
        vectors[i * n + i] = 1;
    for (int sweep = 0; changed && sweep < SWEEPS_MAX; sweep++) {
        changed = false;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > tiny) {
                    rotate(n, a, vectors, p, q);
                    changed = true;
                }
    }
    for (size_t i = 0; i < n; i++)
        values[i] = a[i * n + i];
    sort(n, values, vectors);
    for (size_t i = 0; i < n; i++)
        fix_sign(n, vectors + i * n);
}
