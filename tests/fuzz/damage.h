#pragma once
/* Ways to damage the bytes of a file, numbered: the same seed and number damage the same bytes. */
#include <stddef.h>
#include <stdint.h>

enum { DAMAGE_CUT_STEP = 512, DAMAGE_TEXT_MAX = 128 };

/* Truncations at every DAMAGE_CUT_STEP-th byte of a file of `size` bytes; they have the numbers from 0 on,
 * and random changes follow. */
size_t damage_cuts(size_t size);

/* Damages `bytes` and returns the length that is left; `text` gets what was done. Some bit is another
 * afterwards. */
size_t damage_apply(uint64_t seed, size_t number, unsigned char *bytes, size_t size,
                    char text[DAMAGE_TEXT_MAX]);
