/* What bfloat16 would gain: a tile of a matrix product, 13 rows by 32 columns over `depth`, in float32 as
 * core/kernels/tile.c has it, and with AVX512-BF16, whose instruction adds two products of pairs to a float32
 * sum. Operands lie in the first-level cache; weights are packed, rows are 1 KiB apart. In a second column
 * the rows are converted to bfloat16 each time, as activations would have to be, which stay in float32.
 *
 *     bench_bf16
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 13, COLUMNS = 32, DEPTH_MAX = 256, ROUNDS = 9 };

static float rows[ROWS * DEPTH_MAX] __attribute__((aligned(64)));
static float weights[DEPTH_MAX * COLUMNS] __attribute__((aligned(64)));
static uint16_t half_rows[ROWS * DEPTH_MAX] __attribute__((aligned(64)));
static uint16_t half_weights[DEPTH_MAX * COLUMNS] __attribute__((aligned(64))); /* (depth / 2, columns, 2) */
static float results[ROWS * COLUMNS] __attribute__((aligned(64)));

#define BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,fma")))

BF16 static void tile_float(size_t depth)
{
    __m512 sum[ROWS][2];
#pragma GCC unroll 32
    for (size_t m = 0; m < ROWS; m++)
        sum[m][0] = sum[m][1] = _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k++) {
        __m512 left = _mm512_load_ps(weights + k * COLUMNS),
               right = _mm512_load_ps(weights + k * COLUMNS + 16);
#pragma GCC unroll 32
        for (size_t m = 0; m < ROWS; m++) {
            __m512 x = _mm512_set1_ps(rows[m * DEPTH_MAX + k]);
            sum[m][0] = _mm512_fmadd_ps(x, left, sum[m][0]);
            sum[m][1] = _mm512_fmadd_ps(x, right, sum[m][1]);
        }
    }
#pragma GCC unroll 32
    for (size_t m = 0; m < ROWS; m++) {
        _mm512_store_ps(results + m * COLUMNS, sum[m][0]);
        _mm512_store_ps(results + m * COLUMNS + 16, sum[m][1]);
    }
}

BF16 static void convert(size_t depth)
{
    for (size_t m = 0; m < ROWS; m++)
        for (size_t k = 0; k < depth; k += 32) {
            const float *from = rows + m * DEPTH_MAX + k;
            __m512bh both = _mm512_cvtne2ps_pbh(_mm512_load_ps(from + 16), _mm512_load_ps(from));
            memcpy(half_rows + m * DEPTH_MAX + k, &both, sizeof both);
        }
}

BF16 static void tile_half(size_t depth)
{
    __m512 sum[ROWS][2];
#pragma GCC unroll 32
    for (size_t m = 0; m < ROWS; m++)
        sum[m][0] = sum[m][1] = _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k += 2) {
        const char *line = (const char *)(half_weights + k * COLUMNS);
        __m512bh left = (__m512bh)_mm512_load_si512(line), right = (__m512bh)_mm512_load_si512(line + 64);
#pragma GCC unroll 32
        for (size_t m = 0; m < ROWS; m++) {
            int32_t pair;
            memcpy(&pair, half_rows + m * DEPTH_MAX + k, sizeof pair);
            __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            sum[m][0] = _mm512_dpbf16_ps(sum[m][0], x, left);
            sum[m][1] = _mm512_dpbf16_ps(sum[m][1], x, right);
        }
    }
#pragma GCC unroll 32
    for (size_t m = 0; m < ROWS; m++) {
        _mm512_store_ps(results + m * COLUMNS, sum[m][0]);
        _mm512_store_ps(results + m * COLUMNS + 16, sum[m][1]);
    }
}

static void convert_and_half(size_t depth)
{
    convert(depth);
    tile_half(depth);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* GFLOP/s, the best of some rounds. */
static double speed(void (*tile)(size_t depth), size_t depth)
{
    double best = 0;
    size_t times = 20000000 / (ROWS * COLUMNS * depth) * 10;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = seconds();
        for (size_t i = 0; i < times; i++)
            tile(depth);
        double rate = 2e-9 * (double)(ROWS * COLUMNS * depth * times) / (seconds() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

int main(void)
{
    if (!__builtin_cpu_supports("avx512bf16")) {
        puts("this processor has no AVX512-BF16");
        return 0;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rows[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < sizeof half_weights / sizeof *half_weights; i++)
        half_weights[i] = 0x3f80; /* 1 */
    puts("depth   float32  bfloat16   ratio   rows converted   ratio");
    for (size_t depth = 64; depth <= DEPTH_MAX; depth *= 2) {
        double single = speed(tile_float, depth), half = speed(tile_half, depth),
               converted = speed(convert_and_half, depth);
        printf("%5zu  %8.1f  %8.1f  %6.2f  %15.1f  %6.2f\n", depth, single, half, half / single, converted,
               converted / single);
    }
    return 0;
}
