#pragma once
/* What the processor could do at most, to be compared with. */
#include "core/kernels/tile.h"

/* Floating-point operations per second of all threads together, in a loop that needs registers only: the best
 * of some tries. `seconds` is a clock: the wall's, or for one thread its own, which neighbours disturb less.
 */
double peak_measure(const struct tile_kernel *kernel, int threads, double (*seconds)(void));
