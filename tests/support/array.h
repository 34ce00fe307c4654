#pragma once
/* Arrays for tests: poisoned, filled, compared. Memory is 64-byte aligned and exactly as long as asked for,
 * so that AddressSanitizer sees one element too many. Comparisons fail the running cmocka test. */
#include <stddef.h>
#include <stdint.h>

enum { ARRAY_POISON = 0xA5 };

/* Aligned; freed with free(). Floats are NaN, bytes 0xA5: whoever reads before writing is found out. */
float *array_floats(size_t count);
void *array_bytes(size_t bytes);

void array_poison(float *values, size_t count);
void array_poison_bytes(void *bytes, size_t count);

/* Even steps over (-1, 1) in an order that `seed` shuffles: no two are equal or nearly so and none is 0, so
 * that finite differences meet no kink of maximum or relu. */
void array_fill(float *values, size_t count, uint64_t seed);

/* A copy in double; freed with free(). Of NULL: NULL. */
double *array_doubles(const float *values, size_t count);

/* Pure function of (seed, i), independent of the product's generator: uniform in [0, 1). */
double array_random(uint64_t seed, uint64_t i);

/* |got - truth| <= tolerance * (largest |truth|) for every element; NaN fails. `what` and the worst element
 * are told. */
void assert_close(const char *what, const float *got, const double *truth, size_t count, double tolerance);
void assert_close_double(const char *what, const double *got, const double *truth, size_t count,
                         double tolerance);

/* Equal bit for bit. */
void assert_same_bits(const char *what, const float *got, const float *expected, size_t count);
