#pragma once
/* Rows and columns exchanged, for weights, whose order in files is not the one that products want. */
#include <stddef.h>

/* to[i * to_row + j] = from[j * from_row + i * from_step]      j < columns, i < rows */
void transpose(const float *from, size_t from_row, size_t from_step, float *to, size_t to_row, size_t columns,
               size_t rows);

/* Sums that were made in several parts, put where they belong with rows and columns exchanged:
 *
 *   to[o * to_row + i * to_step] += sum over parts q of from[q * from_part + i * from_row + o]
 *                                                                     o < outputs, i < inputs
 *
 * Parts are added in their order. Of from, groups of four outputs are read, of to only what is written. */
struct transposed_sums {
    const float *from;
    size_t parts, from_part, from_row;
    float *to;
    size_t to_row, to_step;
    size_t outputs, inputs;
};

void transposed_sums_add(const struct transposed_sums *t);
