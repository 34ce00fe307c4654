#pragma once
/* The instruction sets that the innermost loops are compiled for, and which of them this processor has. */
#include "core/kernels/tile.h"

/* Kernel i of those that this processor can run, the fastest first; NULL behind the last one. There is always
 * one. */
const struct tile_kernel *isa_kernel(size_t i);

/* The one to use: the fastest, or the one that the environment variable CNN_ISA names. NULL where that names
 * none that this processor can run. */
const struct tile_kernel *isa_choose(void);
