#pragma once
#include <stddef.h>

/* The middle one of `count` numbers, of an even count the later one of the two; puts them in order. */
double median(double *values, size_t count);
