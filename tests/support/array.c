#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALIGNMENT = 64 };

void array_poison(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
}

void array_poison_bytes(void *bytes, size_t count)
{
    if (count)
        memset(bytes, ARRAY_POISON, count);
}

void *array_bytes(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, bytes ? bytes : 1))
        fail_msg("no memory for %zu bytes", bytes);
    array_poison_bytes(memory, bytes);
    return memory;
}

float *array_floats(size_t count)
{
    float *values = array_bytes(count * sizeof *values);
    array_poison(values, count);
    return values;
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double array_random(uint64_t seed, uint64_t i)
{
    return (double)(mix(mix(seed) + (i + 1) * 0x9e3779b97f4a7c15u) >> 11) * 0x1p-53;
}

void array_fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(2 * ((double)i + 0.6) / (double)count - 1);
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)(array_random(seed, i) * (double)i);
        float other = values[j];
        values[j] = values[i - 1];
        values[i - 1] = other;
    }
}

double *array_doubles(const float *values, size_t count)
{
    if (!values)
        return NULL;
    double *copy = array_bytes(count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = values[i];
    return copy;
}

void assert_close_double(const char *what, const double *got, const double *truth, size_t count,
                         double tolerance)
{
    double scale = 0, worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(truth[i]));
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(got[i] - truth[i]);
        if (isnan(got[i]))
            difference = INFINITY;
        if (difference > worst) {
            worst = difference;
            at = i;
        }
    }
    if (!isfinite(scale) || worst > tolerance * scale)
        fail_msg(
            "%s: element %zu of %zu is %.9g, should be %.9g: off by %.2g of the largest (%.9g), allowed %.2g",
            what, at, count, got[at], truth[at], worst / scale, scale, tolerance);
}

void assert_close(const char *what, const float *got, const double *truth, size_t count, double tolerance)
{
    double *copy = array_doubles(got, count);
    assert_close_double(what, copy, truth, count, tolerance);
    free(copy);
}

void assert_same_bits(const char *what, const float *got, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &expected[i], sizeof *got))
            fail_msg("%s: element %zu of %zu is %.9g (%a), should have the bits of %.9g (%a)", what, i, count,
                     (double)got[i], (double)got[i], (double)expected[i], (double)expected[i]);
}
