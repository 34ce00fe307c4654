/* Compiled once per kernel for slots, with BF16_TABLE, the name of the table that it defines. */
#include "core/kernels/bf16.h"

#include <stdint.h>
#include <string.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

static uint32_t rounded(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return bits >> 16 | 0x40; /* not a number, and stays so */
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static float slot(float first, float second)
{
    uint32_t bits = rounded(first) | rounded(second) << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static void neighbours(const float *from, size_t count, float *to)
{
    size_t i = 0;
#ifdef __AVX512BF16__
    for (; i + 32 <= count; i += 32)
        _mm512_storeu_si512(to + i / 2, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + i + 16),
                                                                     _mm512_loadu_ps(from + i)));
#endif
    for (; i < count; i += 2)
        to[i / 2] = slot(from[i], i + 1 < count ? from[i + 1] : 0);
}

static void lines(const float *first, const float *second, size_t count, float *to)
{
    size_t i = 0;
#ifdef __AVX512BF16__
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (; i + 16 <= count; i += 16) {
        __m512 upper = second ? _mm512_loadu_ps(second + i) : _mm512_setzero_ps();
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(upper, _mm512_loadu_ps(first + i));
        _mm512_storeu_si512(to + i, _mm512_permutexvar_epi16(order, both));
    }
#endif
    for (; i < count; i++)
        to[i] = slot(first[i], second ? second[i] : 0);
}

const struct bf16 BF16_TABLE = {neighbours, lines};
