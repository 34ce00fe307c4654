/* Rows and columns exchanged, and sums of several parts, against plain loops; nothing else is written. */
#include "core/kernels/transpose.h"
#include "support/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SLACK = 3 };

static void check_copy(size_t columns, size_t rows, size_t step)
{
    size_t from_row = rows * step + SLACK, to_row = columns + SLACK, to_count = rows * to_row;
    float *from = array_floats(columns * from_row), *to = array_floats(to_count),
          *truth = array_floats(to_count);
    array_fill(from, columns * from_row, 1);
    array_fill(to, to_count, 2);
    memcpy(truth, to, to_count * sizeof *to);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            truth[i * to_row + j] = from[j * from_row + i * step];
    transpose(from, from_row, step, to, to_row, columns, rows);
    assert_same_bits("to", to, truth, to_count);
    free(from);
    free(to);
    free(truth);
}

static void check_sums(size_t outputs, size_t inputs, size_t parts, size_t step)
{
    size_t from_row = (outputs + 3) / 4 * 4 + 4, from_part = inputs * from_row + SLACK,
           to_row = inputs * step + SLACK, to_count = outputs * to_row;
    float *from = array_floats(parts * from_part), *to = array_floats(to_count),
          *truth = array_floats(to_count);
    array_fill(from, parts * from_part, 1);
    array_fill(to, to_count, 2);
    memcpy(truth, to, to_count * sizeof *to);
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++) {
            float sum = from[i * from_row + o];
            for (size_t q = 1; q < parts; q++)
                sum += from[q * from_part + i * from_row + o];
            truth[o * to_row + i * step] += sum;
        }
    transposed_sums_add(&(struct transposed_sums){.from = from,
                                                  .parts = parts,
                                                  .from_part = from_part,
                                                  .from_row = from_row,
                                                  .to = to,
                                                  .to_row = to_row,
                                                  .to_step = step,
                                                  .outputs = outputs,
                                                  .inputs = inputs});
    assert_same_bits("to", to, truth, to_count);
    free(from);
    free(to);
    free(truth);
}

static void test_copies(void **state)
{
    (void)state;
    for (size_t columns = 1; columns <= 9; columns++)
        for (size_t rows = 1; rows <= 9; rows++)
            for (size_t step = 1; step <= 9; step += 4)
                check_copy(columns, rows, step);
}

static void test_sums(void **state)
{
    (void)state;
    for (size_t outputs = 1; outputs <= 9; outputs++)
        for (size_t inputs = 1; inputs <= 9; inputs++)
            for (size_t parts = 1; parts <= 3; parts++)
                for (size_t step = 1; step <= 9; step += 4)
                    check_sums(outputs, inputs, parts, step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies), cmocka_unit_test(test_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
