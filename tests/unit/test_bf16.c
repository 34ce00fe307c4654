/* Rounding to bfloat16 against its definition, and products of slots against products of rounded numbers in
 * double, with every kernel for slots that this processor has. */
#include "core/kernels/bf16.h"
#include "core/kernels/tile.h"
#include "support/array.h"
#include "support/rounded.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const isas[] = {"", "portable"};
enum { ISAS = 2 };

static float part(float slot, bool upper)
{
    uint32_t bits;
    memcpy(&bits, &slot, sizeof bits);
    bits = upper ? bits & 0xffff0000 : bits << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static void assert_part(float slot, bool upper, float value)
{
    float got = part(slot, upper), wanted = rounded(value);
    if (isnan(value) ? !isnan(got) : memcmp(&got, &wanted, sizeof got) != 0)
        fail_msg("%a is rounded to %a, should be %a", (double)value, (double)got, (double)wanted);
}

/* Numbers of all sizes, halves between two bfloat16 among them, and what is no number. */
static void fill(float *values, size_t count)
{
    static const float some[] = {1 + 0x1p-8f,
                                 1 + 0x3p-8f,
                                 1 + 0x1p-8f + 0x1p-20f,
                                 -1 - 0x1p-8f,
                                 0,
                                 -0.0f,
                                 0x1.fffffep127f,
                                 INFINITY,
                                 -INFINITY,
                                 NAN,
                                 0x1p-100f,
                                 3};
    array_fill(values, count, 5);
    for (size_t i = 0; i < count; i++) {
        values[i] = ldexpf(values[i], (int)(i % 90) - 45);
        if (i % 3 == 0)
            values[i] = some[i / 3 % (sizeof some / sizeof *some)];
    }
}

static void test_rounding(void **state)
{
    (void)state;
    enum { MOST = 150, GUARD = 3 };
    float from[2][MOST], to[MOST + GUARD], before[MOST + GUARD];
    for (size_t k = 0; k < ISAS; k++) {
        setenv("CNN_ISA", isas[k], 1);
        const struct bf16 *bf16 = bf16_kernel()->bf16;
        fill(from[0], MOST);
        for (size_t i = 0; i < MOST; i++)
            from[1][i] = from[0][MOST - 1 - i];
        for (size_t count = 1; count <= MOST; count++) {
            array_fill(to, MOST + GUARD, 9);
            memcpy(before, to, sizeof to);
            size_t slots = (count + 1) / 2;
            bf16->neighbours(from[0], count, to);
            for (size_t i = 0; i < 2 * slots; i++)
                assert_part(to[i / 2], i % 2, i < count ? from[0][i] : 0);
            assert_same_bits("behind the slots", to + slots, before + slots, MOST + GUARD - slots);
            for (int both = 0; both < 2; both++) {
                memcpy(to, before, sizeof to);
                bf16->lines(from[0], both ? from[1] : NULL, count, to);
                for (size_t i = 0; i < count; i++) {
                    assert_part(to[i], false, from[0][i]);
                    assert_part(to[i], true, both ? from[1][i] : 0);
                }
                assert_same_bits("behind the slots", to + count, before + count, MOST + GUARD - count);
            }
        }
    }
    unsetenv("CNN_ISA");
}

enum { STEPS_MAX = 70, FLOATS = 2 * STEPS_MAX * 40 };

/* Rows of a lie apart, or side by side. */
static void check_product(const struct tile_kernel *kernel, size_t rows, size_t columns, size_t steps,
                          bool adjacent)
{
    float *slots[2], *c[TILE_ROWS_MAX], results[TILE_ROWS_MAX * 2 * TILE_VECTOR_MAX];
    for (size_t k = 0; k < 2; k++) {
        float *first = array_floats(FLOATS), *second = array_floats(FLOATS);
        array_fill(first, FLOATS, 2 * k);
        array_fill(second, FLOATS, 2 * k + 1);
        slots[k] = array_floats(FLOATS);
        kernel->bf16->lines(first, second, FLOATS, slots[k]);
        free(first);
        free(second);
    }
    size_t a_step = adjacent ? rows + 1 : 1, a_row = adjacent ? 1 : STEPS_MAX + 5,
           b_step = 2 * kernel->vector;
    const float *a[TILE_ROWS_MAX];
    for (size_t m = 0; m < rows; m++) {
        a[m] = slots[0] + m * a_row;
        c[m] = results + m * columns;
    }
    struct tile_run run = {.length = steps};
    struct tile_product product = {
        .runs = &run, .run_count = 1, .a_step = a_step, .b_step = b_step, .adjacent = adjacent};
    float plain[sizeof results / sizeof *results];
    kernel->product(&product, rows, columns, a, slots[1], c);
    memcpy(plain, results, sizeof plain);
    product.ahead_rows = a; /* asking for lines changes nothing */
    product.ahead = slots[1];
    product.ahead_b = true;
    kernel->product(&product, rows, columns, a, slots[1], c);
    assert_same_bits("product that asks", results, plain, rows * columns);
    for (size_t m = 0; m < rows; m++)
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t i = 0; i < steps; i++)
                for (int upper = 0; upper < 2; upper++)
                    sum +=
                        (double)part(a[m][i * a_step], upper) * (double)part(slots[1][i * b_step + j], upper);
            if (!(fabs(sum - (double)c[m][j]) <= 1e-5))
                fail_msg("%s, %zu x %zu x %zu: row %zu column %zu is %.9g, should be %.9g", kernel->name,
                         rows, columns, steps, m, j, (double)c[m][j], sum);
        }
    free(slots[0]);
    free(slots[1]);
}

static void test_products(void **state)
{
    (void)state;
    for (size_t k = 0; k < ISAS; k++) {
        setenv("CNN_ISA", isas[k], 1);
        const struct tile_kernel *kernel = bf16_kernel();
        print_message("%s\n", kernel->name);
        for (size_t rows = 1; rows <= kernel->rows; rows++)
            for (size_t columns = 1; columns <= 2 * kernel->vector; columns++)
                for (size_t steps = 1; steps <= STEPS_MAX; steps += 1 + steps)
                    for (int adjacent = 0; adjacent < 2; adjacent++)
                        check_product(kernel, rows, columns, steps, adjacent);
    }
    unsetenv("CNN_ISA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounding), cmocka_unit_test(test_products)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
