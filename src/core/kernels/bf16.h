#pragma once
/* Operands in bfloat16, the upper half of a float32: products of them are exact in float32, in which they are
 * added up. Two operands that follow each other in a sum share a slot of 32 bits, the first one in its lower
 * half; to everybody but these kernels a slot is a float that is moved about.
 *
 * A kernel for slots is a struct tile_kernel whose product is that of core/kernels/tile.h over slots: a step
 * of a run is a slot of a and one of b, and adds both their products. On processors with AVX512-BF16 one
 * instruction does that, elsewhere several do. */
#include <stdbool.h>
#include <stddef.h>

struct bf16 {
    /* Slots of neighbours: to[i] = (from[2i], from[2i+1]), rounded to nearest, ties to even; count floats,
     * and a zero after an odd last one. */
    void (*neighbours)(const float *from, size_t count, float *to);

    /* Slots of two lines: to[i] = (first[i], second[i]); second = NULL: zeros. */
    void (*lines)(const float *first, const float *second, size_t count, float *to);
};

struct tile_kernel;

/* The kernel for slots: the processor's own arithmetic where it has that and CNN_ISA names no other
 * instruction set, else the one that takes several instructions. */
const struct tile_kernel *bf16_kernel(void);

/* Whether that is the processor's own arithmetic. */
bool bf16_is_fast(void);
