/* The tile product of every instruction set that this processor has, against three loops in double. */
#include "core/kernels/isa.h"
#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 19, COUNT = 4096 }; /* floats between rows of c, which nobody may touch; of a and of b */

static const struct tile_run run_lists[][3] = {
    {{0}},
    {{3, 1, 1}},
    {{7, 2, 2}, {0, 90, 9}},
    {{5, 0, 3}, {70, 33, 4}, {1, 11, 0}},
    {{2, 60, 5}, {9, 100, 51}},
};
enum { LISTS = 5 };
static const size_t run_counts[LISTS] = {0, 1, 2, 3, 2};

struct setting {
    const struct tile_kernel *kernel;
    size_t rows, columns, list, a_step;
    bool adjacent, bias, accumulate, relu, asks;
};

/* One product; c (rows, columns + GUARD) holds what it was accumulated on, and then the result. */
static void multiply(const struct setting *s, const float *const *a, const float *b, const float *bias,
                     float *memory)
{
    struct tile_product product = {.runs = run_lists[s->list],
                                   .run_count = run_counts[s->list],
                                   .a_step = s->a_step,
                                   .b_step = 2 * s->kernel->vector + 1,
                                   .bias = s->bias ? bias : NULL,
                                   .adjacent = s->adjacent,
                                   .accumulate = s->accumulate,
                                   .relu = s->relu,
                                   .ahead = s->asks ? b : NULL,
                                   .ahead_b = s->rows % 2,
                                   .ahead_rows = s->asks && !s->adjacent ? a : NULL};
    float *c[TILE_ROWS_MAX];
    for (size_t m = 0; m < s->rows; m++)
        c[m] = memory + m * (s->columns + GUARD);
    s->kernel->product(&product, s->rows, s->columns, a, b, c);
}

static double formula(const struct setting *s, const float *a, const float *b, const float *bias,
                      double before, size_t j)
{
    double sum = s->accumulate ? before : s->bias ? (double)bias[j] : 0;
    for (size_t r = 0; r < run_counts[s->list]; r++) {
        const struct tile_run *run = &run_lists[s->list][r];
        for (size_t i = 0; i < run->length; i++)
            sum +=
                (double)a[run->a + i * s->a_step] * (double)b[run->b + i * (2 * s->kernel->vector + 1) + j];
    }
    return s->relu && sum < 0 ? 0 : sum;
}

static void check(const struct setting *s)
{
    float *a = array_floats(COUNT), *b = array_floats(COUNT), *bias = array_floats(2 * s->kernel->vector);
    size_t count = s->rows * (s->columns + GUARD);
    float *c = array_floats(count), *before = array_floats(count), *alone = array_floats(s->columns + GUARD);
    const float *rows[TILE_ROWS_MAX];
    array_fill(a, COUNT, 1);
    array_fill(b, COUNT, 2);
    array_fill(bias, 2 * s->kernel->vector, 3);
    if (s->accumulate)
        array_fill(c, count, 4);
    memcpy(before, c, count * sizeof *c);
    for (size_t m = 0; m < s->rows; m++)
        rows[m] = s->adjacent ? a + m : a + (m * 37 + m * m) % 500;
    multiply(s, rows, b, bias, c);
    for (size_t m = 0; m < s->rows; m++) {
        const float *line = c + m * (s->columns + GUARD), *old = before + m * (s->columns + GUARD);
        double truth[2 * 16];
        for (size_t j = 0; j < s->columns; j++)
            truth[j] = formula(s, rows[m], b, bias, (double)old[j], j);
        /* relu of a sum near 0 may round either way, so the scale is that of the terms */
        for (size_t j = 0; j < s->columns; j++)
            if (!(fabs((double)line[j] - truth[j]) <= 1e-5))
                fail_msg("%s, %zu x %zu, runs %zu, step %zu: row %zu column %zu is %.9g, should be %.9g",
                         s->kernel->name, s->rows, s->columns, s->list, s->a_step, m, j, (double)line[j],
                         truth[j]);
        assert_same_bits("behind the columns", line + s->columns, old + s->columns, GUARD);
        /* a row by itself has the same bits */
        struct setting one = *s;
        one.rows = 1;
        memcpy(alone, old, (s->columns + GUARD) * sizeof *alone);
        multiply(&one, &rows[m], b, bias, alone);
        assert_same_bits("a row alone", alone, line, s->columns);
    }
    struct setting asking = *s; /* for lines ahead, which changes nothing */
    asking.asks = true;
    multiply(&asking, rows, b, bias, before);
    assert_same_bits("asking", before, c, count);
    free(a);
    free(b);
    free(bias);
    free(c);
    free(before);
    free(alone);
}

static void test_products(void **state)
{
    (void)state;
    const struct tile_kernel *kernel;
    for (size_t k = 0; (kernel = isa_kernel(k)) != NULL; k++) {
        const size_t v = kernel->vector, columns[] = {1, v - 1, v, v + 1, 2 * v - 1, 2 * v};
        print_message("%s\n", kernel->name);
        for (size_t rows = 1; rows <= kernel->rows; rows++)
            for (size_t c = 0; c < 6; c++)
                for (size_t list = 0; list < LISTS; list++)
                    for (size_t form = 0; form < 6; form++)
                        check(&(struct setting){kernel, rows, columns[c], list, form % 3 == 0 ? 1 : 5,
                                                form % 3 == 2, (form + list) % 2 == 0, (rows + form) % 3 == 0,
                                                form >= 3});
    }
}

/* A NaN gets into its own row or column and into no other, and relu keeps it. */
static void test_nan(void **state)
{
    (void)state;
    const struct tile_kernel *kernel;
    for (size_t k = 0; (kernel = isa_kernel(k)) != NULL; k++) {
        struct setting s = {kernel, kernel->rows, 2 * kernel->vector - 1, 2, 1, .relu = true};
        float *a = array_floats(COUNT), *b = array_floats(COUNT);
        float *c = array_floats(s.rows * (s.columns + GUARD));
        const float *rows[TILE_ROWS_MAX];
        array_fill(a, COUNT, 1);
        array_fill(b, COUNT, 2);
        for (size_t m = 0; m < s.rows; m++)
            rows[m] = a + m * 50;
        a[50 * 2 + 8] = NAN;                            /* step 1 of the first run, of row 2 alone */
        b[90 + 3 * (2 * kernel->vector + 1) + 1] = NAN; /* step 3 of the second run, column 1 */
        multiply(&s, rows, b, NULL, c);
        for (size_t m = 0; m < s.rows; m++)
            for (size_t j = 0; j < s.columns; j++)
                assert_int_equal(isnan(c[m * (s.columns + GUARD) + j]) != 0, m == 2 || j == 1);
        free(a);
        free(b);
        free(c);
    }
}

static void test_peak_counts_what_it_does(void **state)
{
    (void)state;
    const struct tile_kernel *kernel;
    for (size_t k = 0; (kernel = isa_kernel(k)) != NULL; k++)
        assert_true(kernel->peak(20) == 2 * kernel->peak(10) && kernel->peak(1) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_peak_counts_what_it_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
