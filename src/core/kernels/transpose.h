#pragma once
/* Sums that were made in several parts, put where they belong with rows and columns exchanged:
 *
 *   to[o * to_row + i * to_step] += sum over parts q of from[q * from_part + i * from_row + o]
 *                                                                     o < outputs, i < inputs
 *
 * Parts are added in their order. Of from, groups of four outputs are read, of to only what is written. */
#include <stddef.h>

struct transpose {
    const float *from;
    size_t parts, from_part, from_row;
    float *to;
    size_t to_row, to_step;
    size_t outputs, inputs;
};

void transpose_add(const struct transpose *t);
