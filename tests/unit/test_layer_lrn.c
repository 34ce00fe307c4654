/* lrn: the formula, windows of all widths. */
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct row {
    const char *text;
    long size;
    double alpha, beta, k;
};

static const struct row rows[] = {
    {"lrn size=5 alpha=0.9 beta=0.6 k=2", 5, 0.9, 0.6, 2},
    {"lrn size=4 alpha=1.5", 4, 1.5, 0.75, 1},
    {"lrn size=1", 1, 1e-4, 0.75, 1},
    {"lrn size=40 alpha=3 k=0.5", 40, 3, 0.75, 0.5},
};
static const struct row *row;

/* Channel i has size/2 neighbours before it, and the rest behind. */
static void naive(const struct probe *p, double *y)
{
    long c = (long)p->layer.in[0].c;
    for (long i = 0; i < (long)p->y_count; i++) {
        double sum = 0;
        for (long j = 0; j < c; j++) {
            double v = p->x[0][i / c * c + j];
            long distance = j - i % c;
            if (distance >= -(row->size / 2) && distance <= (row->size - 1) / 2)
                sum += v * v;
        }
        y[i] = p->x[0][i] / pow(row->k + row->alpha * sum / (double)row->size, row->beta);
    }
}

static void test_grid(void **state)
{
    (void)state;
    for (row = rows; row < rows + 4; row++)
        for (size_t n = 1; n <= 3; n += 2) {
            probe_check_formula(row->text, (struct shape){1, 1, 1}, n, true, naive);
            probe_check_formula(row->text, (struct shape){5, 3, 17}, n, true, naive);
        }
}

static void test_refusals(void **state)
{
    (void)state;
    probe_must_refuse("lrn", "lrn needs size=");
    probe_must_refuse("lrn size=0", "size = 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
