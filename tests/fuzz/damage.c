#include "fuzz/damage.h"

#include "support/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_MAX = 64, BLOCK = 512 };

/* The random numbers of one change, in the order in which they are asked for. */
struct dice {
    uint64_t seed, next;
};

static size_t below(struct dice *dice, size_t limit)
{
    return (size_t)(array_random(dice->seed, dice->next++) * (double)limit);
}

size_t damage_cuts(size_t size)
{
    return (size + DAMAGE_CUT_STEP - 1) / DAMAGE_CUT_STEP;
}

static void flip_bits(struct dice *dice, unsigned char *bytes, size_t size, char text[DAMAGE_TEXT_MAX])
{
    size_t count = below(dice, 2) ? 1 : 1 + below(dice, 8), at = 0;
    for (size_t i = 0; i < count; i++) {
        at = below(dice, size);
        bytes[at] ^= (unsigned char)(1u << below(dice, 8));
    }
    snprintf(text, DAMAGE_TEXT_MAX, "%zu bits inverted, the last of them in byte %zu", count, at);
}

static void set_byte(struct dice *dice, unsigned char *bytes, size_t size, char text[DAMAGE_TEXT_MAX])
{
    size_t at = below(dice, size);
    unsigned value = (unsigned)below(dice, 256);
    snprintf(text, DAMAGE_TEXT_MAX, "byte %zu set from 0x%02x to 0x%02x", at, bytes[at], value);
    bytes[at] = (unsigned char)value;
}

/* A little-endian number of 1, 2, 4 or 8 bytes: off by a little, a place in the file, or of some magnitude.
 */
static void set_number(struct dice *dice, unsigned char *bytes, size_t size, char text[DAMAGE_TEXT_MAX])
{
    size_t width = (size_t)1 << below(dice, 4), at = below(dice, size);
    unsigned long long number = 0, past;
    width = width < size - at ? width : size - at;
    memcpy(&number, bytes + at, width);
    past = number;
    switch (below(dice, 4)) {
    case 0:
        number += 1 + below(dice, 16);
        break;
    case 1:
        number -= 1 + below(dice, 16);
        break;
    case 2:
        number = below(dice, 2 * size);
        break;
    default:
        number = UINT64_MAX >> below(dice, 64);
    }
    memcpy(bytes + at, &number, width);
    snprintf(text, DAMAGE_TEXT_MAX, "number of %zu bytes at %zu changed from 0x%llx to 0x%llx", width, at,
             past, number);
}

static void fill(struct dice *dice, unsigned char *bytes, size_t size, char text[DAMAGE_TEXT_MAX])
{
    size_t at = below(dice, size), length = 1 + below(dice, below(dice, 2) ? RUN_MAX : 8);
    unsigned value = below(dice, 2) ? 0xff : 0;
    if (below(dice, 8) == 0) { /* a block that never reached the disk */
        at = at / BLOCK * BLOCK;
        length = BLOCK;
    }
    length = length < size - at ? length : size - at;
    memset(bytes + at, (int)value, length);
    snprintf(text, DAMAGE_TEXT_MAX, "%zu bytes from %zu on set to 0x%02x", length, at, value);
}

/* Bytes of another place of the file: structures that are sound, but not here. */
static void copy(struct dice *dice, unsigned char *bytes, size_t size, char text[DAMAGE_TEXT_MAX])
{
    size_t to = below(dice, size), from = below(dice, size), length = 1 + below(dice, RUN_MAX);
    if (below(dice, 2)) { /* HDF5 lies on multiples of 8 */
        to = to / 8 * 8;
        from = from / 8 * 8;
    }
    length = length < size - to ? length : size - to;
    length = length < size - from ? length : size - from;
    memmove(bytes + to, bytes + from, length);
    snprintf(text, DAMAGE_TEXT_MAX, "%zu bytes copied from %zu to %zu", length, from, to);
}

size_t damage_apply(uint64_t seed, size_t number, unsigned char *bytes, size_t size,
                    char text[DAMAGE_TEXT_MAX])
{
    static void (*const changes[])(struct dice *, unsigned char *, size_t,
                                   char[DAMAGE_TEXT_MAX]) = {flip_bits, set_byte, set_number, fill, copy};
    struct dice dice = {.seed = (seed << 32) + number};
    if (number < damage_cuts(size)) {
        snprintf(text, DAMAGE_TEXT_MAX, "truncated to %zu bytes", number * DAMAGE_CUT_STEP);
        return number * DAMAGE_CUT_STEP;
    }
    unsigned char *before = malloc(size);
    memcpy(before, bytes, size);
    for (int tries = 0; tries < 100 && !memcmp(before, bytes, size); tries++)
        changes[below(&dice, sizeof changes / sizeof *changes)](&dice, bytes, size, text);
    free(before);
    return size;
}
