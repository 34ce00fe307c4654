/* Compiled once per instruction set, as tile.c, with WINOGRAD_KERNEL as the name of the table that it
 * defines. */
#include "core/kernels/winograd.h"

#include "core/kernels/vector.h"

static const float P = 0.70710678118654752f, Q = 1.41421356237309505f;

/* Bt times a column. */
static inline __attribute__((always_inline)) void times_b(const vector d[6], vector t[6])
{
    vector even = d[4] - 2 * d[2], odd = P * d[3] - Q * d[1];
    t[0] = d[0] + d[4] - 2.5f * d[2];
    t[1] = even + odd;
    t[2] = even - odd;
    even = d[4] - 0.5f * d[2];
    odd = Q * d[3] - P * d[1];
    t[3] = even + odd;
    t[4] = even - odd;
    t[5] = d[1] + d[5] - 2.5f * d[3];
}

/* At times a column. */
static inline __attribute__((always_inline)) void times_at(const vector m[6], vector y[4])
{
    vector sum_p = m[1] + m[2], less_p = m[1] - m[2], sum_q = m[3] + m[4], less_q = m[3] - m[4];
    y[0] = m[0] + sum_p + sum_q;
    y[1] = P * less_p + Q * less_q;
    y[2] = 0.5f * sum_p + 2 * sum_q;
    y[3] = m[5] + 0.5f * P * less_p + 2 * Q * less_q;
}

/* A times a column. */
static inline __attribute__((always_inline)) void times_a(const vector y[4], vector m[6])
{
    vector even = y[0] + 0.5f * y[2], odd = P * y[1] + 0.5f * P * y[3];
    m[0] = y[0];
    m[1] = even + odd;
    m[2] = even - odd;
    even = y[0] + 2 * y[2];
    odd = Q * y[1] + 2 * Q * y[3];
    m[3] = even + odd;
    m[4] = even - odd;
    m[5] = y[3];
}

/* G times a column. */
static inline __attribute__((always_inline)) void times_g(const vector g[3], vector u[6])
{
    vector even = g[0] * (-2 / 3.0f) - g[2] * (1 / 3.0f), odd = g[1] * (-2 / 3.0f * P);
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    even = g[0] * (1 / 6.0f) + g[2] * (1 / 3.0f);
    odd = g[1] * (Q / 6);
    u[3] = even + odd;
    u[4] = even - odd;
    u[5] = g[2];
}

/* Gt times a column. */
static inline __attribute__((always_inline)) void times_gt(const vector u[6], vector g[3])
{
    vector sum_p = u[1] + u[2], less_p = u[1] - u[2], sum_q = u[3] + u[4], less_q = u[3] - u[4];
    g[0] = u[0] - (2 / 3.0f) * sum_p + (1 / 6.0f) * sum_q;
    g[1] = (Q / 6) * less_q - (2 / 3.0f * P) * less_p;
    g[2] = u[5] - (1 / 3.0f) * sum_p + (1 / 3.0f) * sum_q;
}

typedef void transform(const vector *column, vector *product);

/* A transform is M v Mt: M times each of v's `size` columns gives half (size, rows), M times row y of that
 * the row y of the result. The compiler knows `times`. */
static inline __attribute__((always_inline)) void across(transform *times, const size_t size, size_t rows,
                                                         const vector *half, size_t y, vector *result)
{
    vector row[6];
    UNROLL
    for (size_t x = 0; x < size; x++)
        row[x] = half[x * rows + y];
    times(row, result);
}

/* Row y of a tile of 6 x 6. */
static inline __attribute__((always_inline)) void store_row(float *to, size_t step, size_t y,
                                                            const vector *row)
{
    UNROLL
    for (size_t x = 0; x < 6; x++)
        store(to + (y * 6 + x) * step, row[x]);
}

/* Column x of such a tile. */
static inline __attribute__((always_inline)) void load_column(const float *from, size_t step, size_t x,
                                                              vector *column)
{
    UNROLL
    for (size_t y = 0; y < 6; y++)
        column[y] = load(from + (y * 6 + x) * step);
}

/* One register, of `part` channels; 0: all that it has. */
static inline __attribute__((always_inline)) void input_at(size_t i, const size_t part,
                                                           const float *const *pixel, float *to, size_t step)
{
    vector half[6 * 6]; /* (column, row) */
    UNROLL
    for (size_t x = 0; x < 6; x++) {
        vector column[6];
        UNROLL
        for (size_t y = 0; y < 6; y++)
            column[y] = load_part(pixel[y * 6 + x] + i, part);
        times_b(column, half + x * 6);
    }
    UNROLL
    for (size_t y = 0; y < 6; y++) {
        vector result[6];
        across(times_b, 6, 6, half, y, result);
        store_row(to + i, step, y, result);
    }
}

static void input(size_t channels, const float *const *pixel, float *to, size_t step)
{
    size_t i = 0;
    for (; i + TILE_VECTOR <= channels; i += TILE_VECTOR)
        input_at(i, 0, pixel, to, step);
    if (i < channels)
        input_at(i, channels - i, pixel, to, step);
}

static inline __attribute__((always_inline)) void put(const struct winograd_epilogue *e, size_t i,
                                                      size_t part, vector value, float *pixel)
{
    if (!pixel)
        return;
    if (e->bias)
        value += load(e->bias + i);
    if (e->relu)
        value = relu(value);
    if (e->relu_output)
        value = where_positive(value, load_part(e->relu_output + (pixel + i - e->origin), part));
    store_part(pixel + i, value, part);
}

static inline __attribute__((always_inline)) void output_at(const struct winograd_epilogue *epilogue,
                                                            size_t i, const size_t part, const float *from,
                                                            size_t step, float *const *pixel)
{
    vector half[6 * 4]; /* (column, row) */
    UNROLL
    for (size_t x = 0; x < 6; x++) {
        vector column[6];
        load_column(from + i, step, x, column);
        times_at(column, half + x * 4);
    }
    UNROLL
    for (size_t y = 0; y < 4; y++) {
        vector result[4];
        across(times_at, 6, 4, half, y, result);
        UNROLL
        for (size_t x = 0; x < 4; x++)
            put(epilogue, i, part, result[x], pixel[y * 4 + x]);
    }
}

static void output(const struct winograd_epilogue *epilogue, size_t channels, const float *from, size_t step,
                   float *const *pixel)
{
    size_t i = 0;
    for (; i + TILE_VECTOR <= channels; i += TILE_VECTOR)
        output_at(epilogue, i, 0, from, step, pixel);
    if (i < channels)
        output_at(epilogue, i, channels - i, from, step, pixel);
}

static inline __attribute__((always_inline)) void
gradient_at(size_t i, const size_t part, const float *const *pixel, float *to, size_t step, float *sum)
{
    vector half[4 * 6], all = {0}; /* (column, row) */
    UNROLL
    for (size_t x = 0; x < 4; x++) {
        vector column[4];
        UNROLL
        for (size_t y = 0; y < 4; y++)
            column[y] = load_part(pixel[y * 4 + x] + i, part);
        all += (column[0] + column[1]) + (column[2] + column[3]);
        times_a(column, half + x * 6);
    }
    if (sum)
        store_part(sum + i, load(sum + i) + all, 0);
    UNROLL
    for (size_t y = 0; y < 6; y++) {
        vector result[6];
        across(times_a, 4, 6, half, y, result);
        store_row(to + i, step, y, result);
    }
}

static void gradient(size_t channels, const float *const *pixel, float *to, size_t step, float *sum)
{
    size_t i = 0;
    for (; i + TILE_VECTOR <= channels; i += TILE_VECTOR)
        gradient_at(i, 0, pixel, to, step, sum);
    if (i < channels)
        gradient_at(i, channels - i, pixel, to, step, sum);
}

static void weight(size_t channels, const float *taps, size_t taps_step, float *to, size_t step)
{
    for (size_t i = 0; i < channels; i += TILE_VECTOR) {
        vector half[3 * 6]; /* (column, row) */
        UNROLL
        for (size_t x = 0; x < 3; x++) {
            vector column[3];
            UNROLL
            for (size_t y = 0; y < 3; y++)
                column[y] = load(taps + (y * 3 + x) * taps_step + i);
            times_g(column, half + x * 6);
        }
        UNROLL
        for (size_t y = 0; y < 6; y++) {
            vector result[6];
            across(times_g, 3, 6, half, y, result);
            store_row(to + i, step, y, result);
        }
    }
}

static void weight_gradient(size_t channels, const float *from, size_t step, float *taps, size_t taps_step)
{
    for (size_t i = 0; i < channels; i += TILE_VECTOR) {
        vector half[6 * 3]; /* (column, row) */
        UNROLL
        for (size_t x = 0; x < 6; x++) {
            vector column[6];
            load_column(from + i, step, x, column);
            times_gt(column, half + x * 3);
        }
        UNROLL
        for (size_t y = 0; y < 3; y++) {
            vector result[3];
            across(times_gt, 6, 3, half, y, result);
            UNROLL
            for (size_t x = 0; x < 3; x++)
                store_part(taps + (y * 3 + x) * taps_step + i, result[x], 0);
        }
    }
}

const struct winograd WINOGRAD_KERNEL = {
    .input = input,
    .output = output,
    .gradient = gradient,
    .weight = weight,
    .weight_gradient = weight_gradient,
};
