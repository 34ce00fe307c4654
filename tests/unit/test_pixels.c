/* Pixels in pairs, against their definition: which two share a slot, and where nothing is written. */
#include "core/kernels/pixels.h"
#include "core/kernels/tile.h"
#include "support/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SLACK = 3 };

static const struct row {
    struct pixels pixels;
    size_t channels;
} rows[] = {
    {{1, 1, 1, 50, 50, 50}, 5},   {{2, 3, 4, 200, 40, 9}, 9},  {{3, 1, 5, 70, 70, 12}, 7},
    {{1, 3, 3, 300, 90, 20}, 17}, {{5, 1, 1, 33, 33, 33}, 33}, {{1, 2, 7, 256, 128, 16}, 16},
};

static const float *pixel(const struct pixels *p, const float *from, size_t i)
{
    size_t column = i % p->columns, row = i / p->columns % p->rows, image = i / p->columns / p->rows;
    return from + image * p->image_step + row * p->row_step + column * p->column_step;
}

static void check(const struct row *r)
{
    const struct pixels *p = &r->pixels;
    const struct bf16 *bf16 = bf16_kernel()->bf16;
    size_t count = p->images * p->rows * p->columns, lines = (count + 1) / 2, step = r->channels + SLACK,
           floats = p->images * p->image_step + p->rows * p->row_step + r->channels;
    float *from = array_floats(floats), *to = array_floats(lines * step), *truth = array_floats(lines * step);
    array_fill(from, floats, 1);
    array_fill(to, lines * step, 2);
    array_fill(truth, lines * step, 2);
    for (size_t i = 0; i < lines; i++)
        bf16->lines(pixel(p, from, 2 * i), 2 * i + 1 < count ? pixel(p, from, 2 * i + 1) : NULL, r->channels,
                    truth + i * step);
    pixels_pair(bf16, p, from, r->channels, to, step);
    assert_same_bits("slots", to, truth, lines * step);
    free(from);
    free(to);
    free(truth);
}

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
