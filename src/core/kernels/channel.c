#include "core/kernels/channel.h"

#include "core/kernels/cut.h"

#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h> /* masks, for which there is no vector extension */
#endif

#if defined __AVX512F__
enum { LANES = 16 };
#elif defined __AVX__
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

/* Channels are taken by a register, or by several side by side; what is summed is the same. */
enum {
    GROUPS = 4, /* registers, at most */
    ROWS = 64,  /* rows whose sum is taken in float */
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int mask __attribute__((vector_size(LANES * sizeof(int))));

#define INLINE static inline __attribute__((always_inline))

#ifdef __AVX512F__
INLINE __mmask16 first_lanes(size_t width)
{
    return (__mmask16)((1u << width) - 1);
}

/* Lanes beyond the width are zero. */
INLINE lanes load(const float *from, size_t width)
{
    return (lanes)_mm512_maskz_loadu_ps(first_lanes(width), from);
}

INLINE void store(float *to, lanes values, size_t width)
{
    _mm512_mask_storeu_ps(to, first_lanes(width), (__m512)values);
}
#else
/* memcpy, of fewer floats than all in pieces of fixed sizes. */
INLINE void copy(float *to, const float *from, size_t count)
{
    if (count == LANES) {
        memcpy(to, from, LANES * sizeof *to);
        return;
    }
    for (size_t piece = LANES / 2; piece > 0; piece /= 2)
        if (count & piece) {
            memcpy(to, from, piece * sizeof *to);
            to += piece;
            from += piece;
        }
}

INLINE lanes load(const float *from, size_t width)
{
    lanes values = {0};
    copy((float *)&values, from, width);
    return values;
}

INLINE void store(float *to, lanes values, size_t width)
{
    copy(to, (const float *)&values, width);
}
#endif

INLINE void add_up(double *to, lanes values)
{
    for (size_t i = 0; i < LANES; i++)
        to[i] += (double)values[i];
}

/* Of `groups` times LANES channels, but `width` of the one where there is only one. */
INLINE void moments(const float *x, size_t rows, size_t stride, size_t groups, size_t width, double *mean,
                    double *squares)
{
    lanes shift[GROUPS] = {{0}};
    double sum[GROUPS * LANES] = {0}, square[GROUPS * LANES] = {0};
    size_t head = size_min(rows, ROWS);
    for (size_t g = 0; g < groups; g++) {
        for (size_t r = 0; r < head; r++)
            shift[g] += load(x + r * stride + g * LANES, width);
        shift[g] /= (float)head;
    }
    for (size_t first = 0; first < rows; first += ROWS) {
        lanes s[GROUPS] = {{0}}, q[GROUPS] = {{0}};
        for (size_t r = first; r < size_min(first + ROWS, rows); r++)
            for (size_t g = 0; g < groups; g++) {
                lanes d = load(x + r * stride + g * LANES, width) - shift[g];
                s[g] += d;
                q[g] += d * d;
            }
        for (size_t g = 0; g < groups; g++) {
            add_up(sum + g * LANES, s[g]);
            add_up(square + g * LANES, q[g]);
        }
    }
    for (size_t i = 0; i < (groups - 1) * LANES + width; i++) {
        double left = square[i] - sum[i] * sum[i] / (double)rows;
        mean[i] = (double)shift[i / LANES][i % LANES] + sum[i] / (double)rows;
        squares[i] = left < 0 ? 0 : left; /* a NaN stays one */
    }
}

/* `to` NULL: dy is whole already, else it is dy. */
INLINE void products(const float *dy, const float *more, const float *relu, float *to, const float *x,
                     size_t rows, size_t stride, size_t groups, size_t width, const float *mean, double *sum,
                     double *product)
{
    const lanes zero = {0};
    lanes m[GROUPS] = {{0}};
    double s_all[GROUPS * LANES] = {0}, p_all[GROUPS * LANES] = {0};
    for (size_t g = 0; g < groups; g++)
        m[g] = load(mean + g * LANES, width);
    for (size_t first = 0; first < rows; first += ROWS) {
        lanes s[GROUPS] = {{0}}, p[GROUPS] = {{0}};
        for (size_t r = first; r < size_min(first + ROWS, rows); r++)
            for (size_t g = 0; g < groups; g++) {
                size_t at = r * stride + g * LANES;
                lanes d = load(dy + at, width);
                if (more)
                    d += load(more + at, width);
                if (relu)
                    d = (lanes)((mask)d & ~(load(relu + at, width) <= zero));
                if (to)
                    store(to + at, d, width);
                s[g] += d;
                p[g] += d * (load(x + at, width) - m[g]);
            }
        for (size_t g = 0; g < groups; g++) {
            add_up(s_all + g * LANES, s[g]);
            add_up(p_all + g * LANES, p[g]);
        }
    }
    for (size_t i = 0; i < (groups - 1) * LANES + width; i++) {
        sum[i] = s_all[i];
        product[i] = p_all[i];
    }
}

INLINE void sums(const float *x, size_t rows, size_t stride, size_t width, double *sum)
{
    double all[LANES] = {0};
    for (size_t first = 0; first < rows; first += ROWS) {
        lanes s = {0};
        for (size_t r = first; r < size_min(first + ROWS, rows); r++)
            s += load(x + r * stride, width);
        add_up(all, s);
    }
    memcpy(sum, all, width * sizeof *sum);
}

/* Each is inlined several times, so that full widths, and what is NULL, are constants. */
void channel_moments(const float *x, size_t rows, size_t stride, size_t width, double *mean, double *squares)
{
    size_t c = 0;
    for (; c + GROUPS * LANES <= width; c += GROUPS * LANES)
        moments(x + c, rows, stride, GROUPS, LANES, mean + c, squares + c);
    for (; c + 2 * LANES <= width; c += 2 * LANES)
        moments(x + c, rows, stride, 2, LANES, mean + c, squares + c);
    for (; c + LANES <= width; c += LANES)
        moments(x + c, rows, stride, 1, LANES, mean + c, squares + c);
    if (c < width)
        moments(x + c, rows, stride, 1, width - c, mean + c, squares + c);
}

INLINE void all_products(const float *dy, const float *more, const float *relu, float *to, const float *x,
                         size_t rows, size_t stride, size_t width, const float *mean, double *sum,
                         double *product)
{
    size_t c = 0;
    for (; c + GROUPS * LANES <= width; c += GROUPS * LANES)
        products(dy + c, more ? more + c : NULL, relu ? relu + c : NULL, to ? to + c : NULL, x + c, rows,
                 stride, GROUPS, LANES, mean + c, sum + c, product + c);
    for (; c + 2 * LANES <= width; c += 2 * LANES)
        products(dy + c, more ? more + c : NULL, relu ? relu + c : NULL, to ? to + c : NULL, x + c, rows,
                 stride, 2, LANES, mean + c, sum + c, product + c);
    for (; c + LANES <= width; c += LANES)
        products(dy + c, more ? more + c : NULL, relu ? relu + c : NULL, to ? to + c : NULL, x + c, rows,
                 stride, 1, LANES, mean + c, sum + c, product + c);
    if (c < width)
        products(dy + c, more ? more + c : NULL, relu ? relu + c : NULL, to ? to + c : NULL, x + c, rows,
                 stride, 1, width - c, mean + c, sum + c, product + c);
}

void channel_products(const float *dy, const float *x, size_t rows, size_t stride, size_t width,
                      const float *mean, double *sum, double *product)
{
    all_products(dy, NULL, NULL, NULL, x, rows, stride, width, mean, sum, product);
}

void channel_products_completed(float *dy, const float *more, const float *relu, const float *x, size_t rows,
                                size_t stride, size_t width, const float *mean, double *sum, double *product)
{
    if (more && relu)
        all_products(dy, more, relu, dy, x, rows, stride, width, mean, sum, product);
    else if (more)
        all_products(dy, more, NULL, dy, x, rows, stride, width, mean, sum, product);
    else
        all_products(dy, NULL, relu, dy, x, rows, stride, width, mean, sum, product);
}

void channel_sums(const float *x, size_t rows, size_t stride, size_t width, double *sum)
{
    size_t c = 0;
    for (; c + LANES <= width; c += LANES)
        sums(x + c, rows, stride, LANES, sum + c);
    if (c < width)
        sums(x + c, rows, stride, width - c, sum + c);
}
