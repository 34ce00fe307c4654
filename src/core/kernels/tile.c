/* Compiled once per instruction set, and for slots (core/kernels/bf16.h), with
 *
 *   TILE_KERNEL  name of the table that it defines      TILE_NAME    what the user calls it
 *   TILE_VECTOR  floats in a register                   TILE_ROWS    rows that registers suffice for
 *   WINOGRAD_KERNEL  the table of winograd.c, or for slots BF16_TABLE, that of bf16.c */
#include "core/kernels/tile.h"

#include "core/kernels/cut.h"
#include "core/kernels/vector.h"

#ifdef BF16_TABLE
enum { STEPS = 2 /* of a sum, in a slot */ };
#else
enum { STEPS = 1 };
#endif
enum { VECTORS_MAX = 2, STEPS_MAX = 4 /* of one vector, that share the loading of a row's address */ };

/* How the rows of a lie, which makes three loops. */
enum access {
    CHANNELS, /* anywhere, and a run goes over neighbouring floats: a few at a time, for each address is then
                 loaded less often */
    ANYWHERE,
    ADJACENT,
};

/* spread: x in every place. multiply_add: sum + x * factor; of slots, both their products. */
#if defined BF16_TABLE && defined __AVX512BF16__
static inline vector spread(float x)
{
    return (vector)_mm512_set1_ps(x);
}

static inline vector multiply_add(vector sum, vector x, vector factor)
{
    return (vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)factor);
}
#elif defined BF16_TABLE
static inline vector spread(float x)
{
    int slot; /* a float's arithmetic would change some */
    memcpy(&slot, &x, sizeof slot);
    return (vector)(slot + (vector_mask){0});
}

static inline vector multiply_add(vector sum, vector x, vector factor)
{
    typedef unsigned bits __attribute__((vector_size(sizeof(vector))));
    const bits upper = (bits){0} + 0xffff0000;
    sum += (vector)((bits)x << 16) * (vector)((bits)factor << 16);
    return sum + (vector)((bits)x & upper) * (vector)((bits)factor & upper);
}
#else
static inline vector spread(float x)
{
    return x - (vector){0}; /* of which compilers make an operand in memory */
}

static inline vector multiply_add(vector sum, vector x, vector factor)
{
    return sum + x * factor;
}
#endif

/* Asks for a cache line of every row. */
static inline __attribute__((always_inline)) void ask(const size_t rows, const float *const *row, size_t at)
{
    UNROLL
    for (size_t m = 0; m < rows; m++) {
        __builtin_prefetch(row[m] + at * STEPS);
        if (STEPS == 2)
            __builtin_prefetch(row[m] + at * STEPS + LINE_FLOATS);
    }
}

/* each[i] = x[i] in every place. Four of them can come with one load: tiles of one register need more loads
 * than a processor has time for, and it has other units that spread. Where every fourth row does so, 3/4 of
 * the peak become 9/10. */
static inline __attribute__((always_inline)) void spread_each(const size_t count, bool one_load,
                                                              const float *x, vector *each)
{
#ifdef __AVX512F__
    if (one_load && count == 4) {
        const vector four = load_four(x);
        UNROLL
        for (size_t i = 0; i < 4; i++)
            each[i] = spread_one(four, i);
        return;
    }
#endif
    (void)one_load;
    UNROLL
    for (size_t i = 0; i < count; i++)
        each[i] = spread(x[i]);
}

/* sum[m][v] += x * factor[v], one step of a run. */
static inline __attribute__((always_inline)) void add_step(const size_t rows, const size_t vectors,
                                                           const enum access access, const float *const *row,
                                                           size_t at, const float *line,
                                                           vector sum[][VECTORS_MAX])
{
    vector factor[VECTORS_MAX], x[4];
    UNROLL
    for (size_t v = 0; v < vectors; v++)
        factor[v] = load(line + v * TILE_VECTOR);
    UNROLL
    for (size_t m = 0; m < rows; m++) {
        if (access == ADJACENT && m % 4 == 0)
            spread_each(size_min(4, rows - m), vectors == 1 && m == 4, row[0] + at + m, x);
        else if (access != ADJACENT)
            x[m % 4] = spread(row[m][at]);
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            sum[m][v] = multiply_add(sum[m][v], x[m % 4], factor[v]);
    }
}

/* STEPS_MAX / vectors steps of a run over neighbouring floats. */
static inline __attribute__((always_inline)) void add_steps(const size_t rows, const size_t vectors,
                                                            const float *const *row, size_t at,
                                                            const float *line, size_t b_step,
                                                            vector sum[][VECTORS_MAX])
{
    const size_t steps = STEPS_MAX / vectors;
    vector factor[STEPS_MAX];
    UNROLL
    for (size_t i = 0; i < STEPS_MAX; i++)
        factor[i] = load(line + i / vectors * b_step + i % vectors * TILE_VECTOR);
    UNROLL
    for (size_t m = 0; m < rows; m++) {
        vector x[STEPS_MAX];
        spread_each(steps, m % 4 == 3, row[m] + at, x);
        UNROLL
        for (size_t i = 0; i < steps; i++) {
            UNROLL
            for (size_t v = 0; v < vectors; v++)
                sum[m][v] = multiply_add(sum[m][v], x[i], factor[i * vectors + v]);
        }
    }
}

static inline __attribute__((always_inline)) void start(const struct tile_product *p, const size_t rows,
                                                        const size_t vectors, size_t rest, float *const *c,
                                                        vector sum[][VECTORS_MAX])
{
    UNROLL
    for (size_t v = 0; v < vectors; v++) {
        vector value = {0};
        if (p->bias)
            value = load(p->bias + v * TILE_VECTOR);
        UNROLL
        for (size_t m = 0; m < rows; m++)
            sum[m][v] = value;
    }
    if (!p->accumulate)
        return;
    if (rest == 0) {
        UNROLL
        for (size_t m = 0; m < rows; m++) {
            UNROLL
            for (size_t v = 0; v < vectors; v++)
                sum[m][v] = load(c[m] + v * TILE_VECTOR);
        }
        return;
    }
    UNROLL
    for (size_t m = 0; m < rows; m++) {
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            sum[m][v] = load_part(c[m] + v * TILE_VECTOR, v + 1 == vectors ? rest : 0);
    }
}

static inline __attribute__((always_inline)) void finish(const struct tile_product *p, const size_t rows,
                                                         const size_t vectors, size_t rest, float *const *c,
                                                         vector sum[][VECTORS_MAX])
{
    if (rest == 0 && !p->relu && !p->relu_output) {
        UNROLL
        for (size_t m = 0; m < rows; m++) {
            UNROLL
            for (size_t v = 0; v < vectors; v++)
                store(c[m] + v * TILE_VECTOR, sum[m][v]);
        }
        return;
    }
    UNROLL
    for (size_t m = 0; m < rows; m++) {
        UNROLL
        for (size_t v = 0; v < vectors; v++) {
            float *to = c[m] + v * TILE_VECTOR;
            size_t part = v + 1 == vectors ? rest : 0;
            vector result = p->relu ? relu(sum[m][v]) : sum[m][v];
            if (p->relu_output)
                result = where_positive(result, load_part(p->relu_output + (to - p->origin), part));
            store_part(to, result, part);
        }
    }
}

/* One product with numbers of rows and vectors that the compiler knows, which makes registers of the arrays.
 * Columns beyond the last whole vector: `rest`, 0 where there are none. */
static inline __attribute__((always_inline)) void product(const struct tile_product *p, const size_t rows,
                                                          const size_t vectors, const enum access access,
                                                          size_t rest, const float *const *a, const float *b,
                                                          float *const *c)
{
    vector sum[TILE_ROWS][VECTORS_MAX];
    const float *row[TILE_ROWS];
    const size_t a_step = p->a_step, b_step = p->b_step, steps = STEPS_MAX / vectors;
    UNROLL
    for (size_t m = 0; m < rows; m++)
        row[m] = access == ADJACENT ? a[0] : a[m];
    start(p, rows, vectors, rest, c, sum);
    const float *ahead = p->ahead ? p->ahead : row[0];
    const bool ahead_b = p->ahead && p->ahead_b;
    const size_t ahead_step = p->ahead_step ? p->ahead_step : ahead_b ? b_step : a_step;
    for (size_t r = 0; r < p->run_count; r++) {
        size_t at = p->runs[r].a, left = p->runs[r].length;
        const float *line = b + p->runs[r].b, *next = ahead + (ahead_b ? p->runs[r].b : at);
        if (access == CHANNELS) {
            for (bool asks = p->ahead_rows && r + 1 == p->run_count; asks && left >= LINE_FLOATS;
                 left -= LINE_FLOATS) {
                ask(rows, p->ahead_rows, at);
                for (size_t end = at + LINE_FLOATS; at < end; at += steps, line += steps * b_step)
                    add_steps(rows, vectors, row, at, line, b_step, sum);
            }
            for (; left >= steps; left -= steps, at += steps, line += steps * b_step)
                add_steps(rows, vectors, row, at, line, b_step, sum);
            for (; left > 0; left--, at++, line += b_step)
                add_step(rows, vectors, access, row, at, line, sum);
        } else {
            for (; left > 0; left--, at += a_step, line += b_step) {
                if (access == ADJACENT) {
                    __builtin_prefetch(next, 0, 2);
                    if (STEPS == 2)
                        __builtin_prefetch(next + ahead_step / 2, 0, 2);
                    next += ahead_step;
                }
                add_step(rows, vectors, access, row, at, line, sum);
            }
        }
    }
    finish(p, rows, vectors, rest, c, sum);
}

/* `rows` made known to the compiler. */
static inline __attribute__((always_inline)) void product_rows(const struct tile_product *p, size_t rows,
                                                               const size_t vectors, const enum access access,
                                                               size_t rest, const float *const *a,
                                                               const float *b, float *const *c)
{
    _Static_assert(TILE_ROWS == 6 || TILE_ROWS == 13, "cases below");
    switch (rows) {
    case 1:
        product(p, 1, vectors, access, rest, a, b, c);
        break;
    case 2:
        product(p, 2, vectors, access, rest, a, b, c);
        break;
    case 3:
        product(p, 3, vectors, access, rest, a, b, c);
        break;
    case 4:
        product(p, 4, vectors, access, rest, a, b, c);
        break;
    case 5:
        product(p, 5, vectors, access, rest, a, b, c);
        break;
    case 6:
        product(p, 6, vectors, access, rest, a, b, c);
        break;
#if TILE_ROWS > 6
    case 7:
        product(p, 7, vectors, access, rest, a, b, c);
        break;
    case 8:
        product(p, 8, vectors, access, rest, a, b, c);
        break;
    case 9:
        product(p, 9, vectors, access, rest, a, b, c);
        break;
    case 10:
        product(p, 10, vectors, access, rest, a, b, c);
        break;
    case 11:
        product(p, 11, vectors, access, rest, a, b, c);
        break;
    case 12:
        product(p, 12, vectors, access, rest, a, b, c);
        break;
    case 13:
        product(p, 13, vectors, access, rest, a, b, c);
        break;
#endif
    }
}

static void channels(const struct tile_product *p, size_t rows, size_t columns, const float *const *a,
                     const float *b, float *const *c)
{
    if (columns > TILE_VECTOR)
        product_rows(p, rows, 2, CHANNELS, columns % TILE_VECTOR, a, b, c);
    else
        product_rows(p, rows, 1, CHANNELS, columns % TILE_VECTOR, a, b, c);
}

static void anywhere(const struct tile_product *p, size_t rows, size_t columns, const float *const *a,
                     const float *b, float *const *c)
{
    if (columns > TILE_VECTOR)
        product_rows(p, rows, 2, ANYWHERE, columns % TILE_VECTOR, a, b, c);
    else
        product_rows(p, rows, 1, ANYWHERE, columns % TILE_VECTOR, a, b, c);
}

static void adjacent(const struct tile_product *p, size_t rows, size_t columns, const float *const *a,
                     const float *b, float *const *c)
{
    if (columns > TILE_VECTOR)
        product_rows(p, rows, 2, ADJACENT, columns % TILE_VECTOR, a, b, c);
    else
        product_rows(p, rows, 1, ADJACENT, columns % TILE_VECTOR, a, b, c);
}

static void any_product(const struct tile_product *p, size_t rows, size_t columns, const float *const *a,
                        const float *b, float *const *c)
{
    if (p->adjacent)
        adjacent(p, rows, columns, a, b, c);
    else if (p->a_step == 1)
        channels(p, rows, columns, a, b, c);
    else
        anywhere(p, rows, columns, a, b, c);
}

static double peak(size_t count)
{
    enum { CHAINS = TILE_ROWS > 6 ? 24 : 12 };
    volatile float values[CHAINS + 1]; /* nothing that the compiler could compute beforehand */
    vector sum[CHAINS], factor = {0}, all = {0};
    for (size_t k = 0; k <= CHAINS; k++)
        values[k] = 0.5f;
    factor += values[CHAINS];
    UNROLL
    for (size_t k = 0; k < CHAINS; k++)
        sum[k] = factor * values[k];
    for (size_t i = 0; i < count; i++) {
        UNROLL
        for (size_t k = 0; k < CHAINS; k++)
            sum[k] = sum[k] * factor + factor;
    }
    UNROLL
    for (size_t k = 0; k < CHAINS; k++)
        all += sum[k];
    values[0] = all[0];
    return 2.0 * CHAINS * TILE_VECTOR * (double)count;
}

#ifdef BF16_TABLE
extern const struct bf16 BF16_TABLE;
#else
extern const struct winograd WINOGRAD_KERNEL;
#endif

const struct tile_kernel TILE_KERNEL = {
    .name = TILE_NAME,
    .vector = TILE_VECTOR,
    .rows = TILE_ROWS,
    .product = any_product,
    .peak = peak,
#ifdef BF16_TABLE
    .bf16 = &BF16_TABLE,
#else
    .winograd = &WINOGRAD_KERNEL,
#endif
};
