#include "core/kernels/channel.h"

#include "core/kernels/cut.h"

#include <string.h>

enum {
    LANES = 16, /* channels at a time */
    ROWS = 64,  /* rows whose sum is taken in float */
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int mask __attribute__((vector_size(LANES * sizeof(int))));

#define INLINE static inline __attribute__((always_inline))

/* Lanes beyond the width are zero. */
INLINE lanes load(const float *from, size_t width)
{
    lanes values = {0};
    memcpy(&values, from, width * sizeof *from);
    return values;
}

INLINE void add_up(double *to, lanes values)
{
    for (size_t i = 0; i < LANES; i++)
        to[i] += (double)values[i];
}

INLINE void moments(const float *x, size_t rows, size_t stride, size_t width, double *mean, double *squares)
{
    lanes shift = {0};
    double sum[LANES] = {0}, square[LANES] = {0};
    size_t head = size_min(rows, ROWS);
    for (size_t r = 0; r < head; r++)
        shift += load(x + r * stride, width);
    shift /= (float)head;
    for (size_t first = 0; first < rows; first += ROWS) {
        lanes s = {0}, q = {0};
        for (size_t r = first; r < size_min(first + ROWS, rows); r++) {
            lanes d = load(x + r * stride, width) - shift;
            s += d;
            q += d * d;
        }
        add_up(sum, s);
        add_up(square, q);
    }
    for (size_t i = 0; i < width; i++) {
        double left = square[i] - sum[i] * sum[i] / (double)rows;
        mean[i] = (double)shift[i] + sum[i] / (double)rows;
        squares[i] = left < 0 ? 0 : left; /* a NaN stays one */
    }
}

/* `to` NULL: dy is whole already, else it is dy. */
INLINE void products(const float *dy, const float *more, const float *relu, float *to, const float *x,
                     size_t rows, size_t stride, size_t width, const float *mean, double *sum,
                     double *product)
{
    const lanes m = load(mean, width), zero = {0};
    double s_all[LANES] = {0}, p_all[LANES] = {0};
    for (size_t first = 0; first < rows; first += ROWS) {
        lanes s = {0}, p = {0};
        for (size_t r = first; r < size_min(first + ROWS, rows); r++) {
            lanes g = load(dy + r * stride, width);
            if (more)
                g += load(more + r * stride, width);
            if (relu)
                g = (lanes)((mask)g & ~(load(relu + r * stride, width) <= zero));
            if (to)
                memcpy(to + r * stride, &g, width * sizeof *to);
            s += g;
            p += g * (load(x + r * stride, width) - m);
        }
        add_up(s_all, s);
        add_up(p_all, p);
    }
    for (size_t i = 0; i < width; i++) {
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

/* Each is inlined twice, so that a full width is a constant. */
void channel_moments(const float *x, size_t rows, size_t stride, size_t width, double *mean, double *squares)
{
    size_t c = 0;
    for (; c + LANES <= width; c += LANES)
        moments(x + c, rows, stride, LANES, mean + c, squares + c);
    if (c < width)
        moments(x + c, rows, stride, width - c, mean + c, squares + c);
}

void channel_products(const float *dy, const float *x, size_t rows, size_t stride, size_t width,
                      const float *mean, double *sum, double *product)
{
    size_t c = 0;
    for (; c + LANES <= width; c += LANES)
        products(dy + c, NULL, NULL, NULL, x + c, rows, stride, LANES, mean + c, sum + c, product + c);
    if (c < width)
        products(dy + c, NULL, NULL, NULL, x + c, rows, stride, width - c, mean + c, sum + c, product + c);
}

static const float *beside(const float *array, size_t c)
{
    return array ? array + c : NULL;
}

void channel_products_completed(float *dy, const float *more, const float *relu, const float *x, size_t rows,
                                size_t stride, size_t width, const float *mean, double *sum, double *product)
{
    size_t c = 0;
    for (; c + LANES <= width; c += LANES)
        products(dy + c, beside(more, c), beside(relu, c), dy + c, x + c, rows, stride, LANES, mean + c,
                 sum + c, product + c);
    if (c < width)
        products(dy + c, beside(more, c), beside(relu, c), dy + c, x + c, rows, stride, width - c, mean + c,
                 sum + c, product + c);
}

void channel_sums(const float *x, size_t rows, size_t stride, size_t width, double *sum)
{
    size_t c = 0;
    for (; c + LANES <= width; c += LANES)
        sums(x + c, rows, stride, LANES, sum + c);
    if (c < width)
        sums(x + c, rows, stride, width - c, sum + c);
}
