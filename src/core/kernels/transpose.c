#include "core/kernels/transpose.h"

#include "core/kernels/cut.h"

enum { QUAD = 4 };

typedef float quad __attribute__((vector_size(QUAD * sizeof(float)), aligned(sizeof(float)), may_alias));

/* Four of the eight floats of a and b. */
#ifdef __clang__
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int quad_order __attribute__((vector_size(QUAD * sizeof(int))));
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (quad_order){i, j, k, l})
#endif

/* Four by four floats on their own. */
struct square {
    quad row[QUAD];
};

static inline struct square square_transpose(quad a, quad b, quad c, quad d)
{
    quad ab = SHUFFLE(a, b, 0, 4, 1, 5), ab_high = SHUFFLE(a, b, 2, 6, 3, 7), cd = SHUFFLE(c, d, 0, 4, 1, 5),
         cd_high = SHUFFLE(c, d, 2, 6, 3, 7);
    return (struct square){{SHUFFLE(ab, cd, 0, 1, 4, 5), SHUFFLE(ab, cd, 2, 3, 6, 7),
                            SHUFFLE(ab_high, cd_high, 0, 1, 4, 5), SHUFFLE(ab_high, cd_high, 2, 3, 6, 7)}};
}

static inline quad load(const float *from)
{
    return *(const quad *)from;
}

void transpose(const float *from, size_t from_row, size_t from_step, float *to, size_t to_row, size_t columns,
               size_t rows)
{
    size_t j = 0;
    for (; j + QUAD <= columns; j += QUAD) {
        const float *a = from + j * from_row, *b = a + from_row, *c = b + from_row, *d = c + from_row;
        size_t i = 0;
        for (; from_step == 1 && i + QUAD <= rows; i += QUAD) {
            struct square square = square_transpose(load(a + i), load(b + i), load(c + i), load(d + i));
            for (size_t q = 0; q < QUAD; q++)
                *(quad *)(to + (i + q) * to_row + j) = square.row[q];
        }
        for (; i < rows; i++) {
            size_t at = i * from_step;
            *(quad *)(to + i * to_row + j) = (quad){a[at], b[at], c[at], d[at]};
        }
    }
    for (; j < columns; j++)
        for (size_t i = 0; i < rows; i++)
            to[i * to_row + j] = from[j * from_row + i * from_step];
}

static inline quad sum_parts(const struct transposed_sums *t, const float *from)
{
    quad sum = load(from);
    for (size_t q = 1; q < t->parts; q++)
        sum += load(from + q * t->from_part);
    return sum;
}

/* Adds one input of up to four outputs. */
static inline void add_line(const struct transposed_sums *t, const float *from, float *to, size_t outputs)
{
    quad sum = sum_parts(t, from);
    for (size_t o = 0; o < outputs; o++)
        to[o * t->to_row] += sum[o];
}

/* Adds four inputs of up to four outputs. */
static inline void add_square(const struct transposed_sums *t, const float *from, float *to, size_t outputs)
{
    struct square square =
        square_transpose(sum_parts(t, from), sum_parts(t, from + t->from_row),
                         sum_parts(t, from + 2 * t->from_row), sum_parts(t, from + 3 * t->from_row));
    for (size_t o = 0; o < outputs; o++, to += t->to_row) {
        if (t->to_step == 1)
            *(quad *)to += square.row[o];
        else
            for (size_t i = 0; i < QUAD; i++)
                to[i * t->to_step] += square.row[o][i];
    }
}

void transposed_sums_add(const struct transposed_sums *t)
{
    for (size_t o = 0; o < t->outputs; o += QUAD) {
        const float *from = t->from + o;
        float *to = t->to + o * t->to_row;
        size_t outputs = size_min(QUAD, t->outputs - o), i = 0;
        for (; i + QUAD <= t->inputs; i += QUAD)
            add_square(t, from + i * t->from_row, to + i * t->to_step, outputs);
        for (; i < t->inputs; i++)
            add_line(t, from + i * t->from_row, to + i * t->to_step, outputs);
    }
}
