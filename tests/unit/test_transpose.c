/* Sums of several parts, transposed, against three loops; nothing else is written. */
#include "core/kernels/transpose.h"
#include "support/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SLACK = 3 };

static void check(size_t outputs, size_t inputs, size_t parts, size_t step)
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
    transpose_add(&(struct transpose){.from = from,
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

static void test_shapes(void **state)
{
    (void)state;
    for (size_t outputs = 1; outputs <= 9; outputs++)
        for (size_t inputs = 1; inputs <= 9; inputs++)
            for (size_t parts = 1; parts <= 3; parts++)
                for (size_t step = 1; step <= 9; step += 4)
                    check(outputs, inputs, parts, step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
