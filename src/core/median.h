#pragma once
#include <stddef.h>

/* The middle one of `count` numbers, of which there is one at least, of an even count the later one of the
 * two; puts them in order. */
double median(double *values, size_t count);
