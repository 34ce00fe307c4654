#pragma once
/* bfloat16 by its definition: eight bits of mantissa, the nearest, of two the one with an even last bit. */
#include <stddef.h>

float rounded(float value);
void round_all(float *values, size_t count);
