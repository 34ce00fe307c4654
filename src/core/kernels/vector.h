#pragma once
/* A register of TILE_VECTOR floats in the compiler's vector extensions: for what is compiled once per
 * instruction set. */
#include <stddef.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h> /* masks, for which there is no vector extension */
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

typedef float vector __attribute__((vector_size(TILE_VECTOR * sizeof(float))));
typedef int vector_mask __attribute__((vector_size(TILE_VECTOR * sizeof(int))));
typedef float vector_anywhere
    __attribute__((vector_size(TILE_VECTOR * sizeof(float)), aligned(sizeof(float)), may_alias));

static inline vector load(const float *from)
{
    return *(const vector_anywhere *)from;
}

static inline void store(float *to, vector v)
{
    *(vector_anywhere *)to = v;
}

#ifdef __AVX512F__
/* The first `count` floats of a register; 0: all. */
static inline vector load_part(const float *from, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)(count ? (1u << count) - 1 : 0xffff), from);
}

static inline void store_part(float *to, vector v, size_t count)
{
    _mm512_mask_storeu_ps(to, (__mmask16)(count ? (1u << count) - 1 : 0xffff), v);
}

/* Four neighbouring floats, four times. */
static inline vector load_four(const float *from)
{
    return (vector)_mm512_broadcast_f32x4(_mm_loadu_ps(from));
}

/* Float i of the four in every place. */
static inline vector spread_one(vector four, size_t i)
{
    switch (i) {
    case 0:
        return (vector)_mm512_permute_ps((__m512)four, 0x00);
    case 1:
        return (vector)_mm512_permute_ps((__m512)four, 0x55);
    case 2:
        return (vector)_mm512_permute_ps((__m512)four, 0xaa);
    default:
        return (vector)_mm512_permute_ps((__m512)four, 0xff);
    }
}
#else
/* memcpy of fewer floats than a register has, in pieces of fixed sizes. */
static inline void copy_part(float *to, const float *from, size_t count)
{
    UNROLL
    for (size_t piece = TILE_VECTOR / 2; piece > 0; piece /= 2) {
        if (!(count & piece))
            continue;
        memcpy(to, from, piece * sizeof *to);
        to += piece;
        from += piece;
    }
}

static inline vector load_part(const float *from, size_t count)
{
    float part[TILE_VECTOR] __attribute__((aligned(sizeof(vector)))) = {0};
    if (!count)
        return load(from);
    copy_part(part, from, count);
    return load(part);
}

static inline void store_part(float *to, vector v, size_t count)
{
    float part[TILE_VECTOR] __attribute__((aligned(sizeof(vector))));
    if (count) {
        *(vector *)part = v;
        copy_part(to, part, count);
    } else {
        *(vector_anywhere *)to = v;
    }
}
#endif

/* A NaN is kept. */
static inline vector relu(vector v)
{
    return (vector)((vector_mask)v & ~(v < 0));
}

static inline vector where_positive(vector v, vector output)
{
    return (vector)((vector_mask)v & ~(output <= 0));
}
