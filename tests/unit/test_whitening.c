/* Whitening filters against PyTorch's numbers, and by what they are for: answers of variance 1 that know
 * nothing of each other. */
#include "core/whitening.h"

#include "support/array.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float *filters(struct shape image, struct pair kernel, const float *x, size_t n, double eps,
                      int threads)
{
    struct whitening w;
    assert_done(whitening_create(&w, image, kernel));
    float *weights = array_floats(2 * w.size * w.size);
    size_t half = n / 2; /* in two parts */
    whitening_add(&w, x, half, threads);
    whitening_add(&w, x + half * shape_count(image), n - half, threads);
    whitening_filters(&w, eps, weights);
    whitening_destroy(&w);
    return weights;
}

/* The recipe's init_whiten with torch.linalg.eigh, kernel 1x2 of 2 channels, eps 0.05; signs are the
 * library's. */
static void test_pytorch(void **state)
{
    (void)state;
    static const double truth[4][4] = {{-0.7345, 0.2209, 0.5189, -0.7184},
                                       {-0.0131, 1.0994, -0.8419, -0.2568},
                                       {1.8529, 0.3779, 0.8252, -1.1822},
                                       {0.0075, 1.6520, 1.6427, 1.6866}};
    float x[3 * 4 * 5 * 2];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)(i * 37 % 101) / 50 - 1;
    float *weights = filters((struct shape){4, 5, 2}, (struct pair){1, 2}, x, 3, 5e-2, 1);
    for (size_t f = 0; f < 8; f++) {
        double dot = 0;
        for (size_t i = 0; i < 4; i++)
            dot += truth[f % 4][i] * (double)weights[f * 4 + i];
        for (size_t i = 0; i < 4; i++)
            assert_true(fabs((double)weights[f * 4 + i] - copysign(truth[f % 4][i], truth[f % 4][i] * dot)) <
                        2e-4);
        assert_true(f < 4 || weights[f * 4] == -weights[(f - 4) * 4]);
    }
    free(weights);
}

/* Answer of a filter to the patch at (y, x), from the definition of a convolution. */
static double answer(const float *weights, size_t f, const float *image, struct shape s, struct pair k,
                     size_t y, size_t x)
{
    double sum = 0;
    for (size_t c = 0; c < s.c; c++)
        for (size_t dy = 0; dy < k.h; dy++)
            for (size_t dx = 0; dx < k.w; dx++)
                sum += (double)weights[((f * s.c + c) * k.h + dy) * k.w + dx] *
                       (double)image[((y + dy) * s.w + x + dx) * s.c + c];
    return sum;
}

static void check_white(struct shape s, struct pair k)
{
    enum { N = 40 };
    size_t size = k.h * k.w * s.c, patches = N * (s.h - k.h + 1) * (s.w - k.w + 1);
    float *x = array_floats(N * shape_count(s));
    for (size_t i = 0; i < N * shape_count(s); i++) /* neighbours alike, as in pictures */
        x[i] = (float)(array_random(5, i) + 0.7 * array_random(5, i + s.c) - 0.6);
    float *weights = filters(s, k, x, N, 1e-9, 1), *again = filters(s, k, x, N, 1e-9, 3);
    assert_same_bits("with 3 threads", again, weights, 2 * size * size);
    for (size_t f = 0; f < size; f++)
        for (size_t g = 0; g <= f; g++) {
            double moment = 0;
            for (size_t i = 0; i < N; i++)
                for (size_t y = 0; y + k.h <= s.h; y++)
                    for (size_t col = 0; col + k.w <= s.w; col++)
                        moment += answer(weights, f, x + i * shape_count(s), s, k, y, col) *
                                  answer(weights, g, x + i * shape_count(s), s, k, y, col) / (double)patches;
            assert_true(fabs(moment - (f == g)) < 1e-4);
        }
    free(x);
    free(weights);
    free(again);
}

static void test_white(void **state)
{
    (void)state;
    check_white((struct shape){6, 7, 3}, (struct pair){2, 2});
    check_white((struct shape){8, 5, 1}, (struct pair){3, 2});
    check_white((struct shape){3, 9, 2}, (struct pair){3, 3});
    check_white((struct shape){4, 4, 5}, (struct pair){1, 1});
}

/* Numbers that never differ have no direction to be scaled up: eps holds them. */
static void test_constant(void **state)
{
    (void)state;
    float x[2 * 3 * 3];
    for (size_t i = 0; i < 18; i++)
        x[i] = 2;
    float *weights = filters((struct shape){3, 3, 1}, (struct pair){2, 2}, x, 2, 1e-2, 2);
    for (size_t i = 0; i < 32; i++)
        assert_true(fabsf(weights[i]) < 10.001f);
    assert_true(fabs((double)weights[0] - 0.5 / sqrt(16.01)) < 1e-6);
    free(weights);
}

static void test_images(void **state)
{
    (void)state;
    struct whitening w;
    assert_done(whitening_create(&w, (struct shape){32, 32, 3}, (struct pair){2, 2}));
    assert_int_equal(whitening_images(&w, 50000), 5000);
    assert_int_equal(whitening_images(&w, 17), 17);
    whitening_destroy(&w);
    assert_done(whitening_create(&w, (struct shape){224, 224, 3}, (struct pair){7, 7}));
    assert_int_equal(whitening_images(&w, 1281167), 354); /* 2^24 / 218^2 */
    whitening_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pytorch), cmocka_unit_test(test_white),
                                       cmocka_unit_test(test_constant), cmocka_unit_test(test_images)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
