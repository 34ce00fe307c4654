/* Augmentation against the formulas, pixel by pixel, and as what it is used for: each sample its own changes,
 * the same again for the same epoch. */
#include "io/augment.h"

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

enum { N = 40, H = 9, W = 7, C = 3, ITEM = H * W * C };

static float mean[C] = {0.25f, 0.5f, 0.625f}, deviation[C] = {0.5f, 0.25f, 0.125f};
static const struct normalization normalization = {true, C, mean, deviation};

struct data {
    struct dataset_split split;
    unsigned char bytes[N * ITEM];
    float floats[N * ITEM];
    size_t indices[N];
};

static struct data *make(bool is_float)
{
    struct data *d = calloc(1, sizeof *d);
    for (size_t i = 0; i < N * ITEM; i++) {
        d->bytes[i] = (unsigned char)(255.9 * array_random(3, i));
        d->floats[i] = (float)(4 * array_random(4, i) - 2);
    }
    for (size_t i = 0; i < N; i++)
        d->indices[i] = (i * 7 + 3) % N;
    d->split = (struct dataset_split){.count = N,
                                      .shape = {H, W, C},
                                      .is_float = is_float,
                                      .images = is_float ? (void *)d->floats : (void *)d->bytes};
    return d;
}

static float *gather(const struct data *d, const struct augment *a, uint64_t epoch)
{
    float *x = array_floats(N * ITEM);
    augment_gather(a, epoch, &d->split, &normalization, d->indices, N, x);
    return x;
}

/* What the network sees of pixel (y, x, c) of a sample; outside it is black. */
static double pixel(const struct data *d, size_t sample, ptrdiff_t y, ptrdiff_t x, size_t c)
{
    double value = 0;
    if (y >= 0 && y < H && x >= 0 && x < W) {
        size_t at = sample * ITEM + ((size_t)y * W + (size_t)x) * C + c;
        value = d->split.is_float ? (double)d->floats[at] : d->bytes[at] / 255.0;
    }
    return (value - (double)mean[c]) / (double)deviation[c];
}

static ptrdiff_t reflected(ptrdiff_t at, ptrdiff_t size)
{
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
}

/* Whether image i is its sample mirrored so and moved so. */
static bool is_moved(const struct data *d, const float *x, size_t i, bool mirrored, ptrdiff_t down,
                     ptrdiff_t across, bool reflect)
{
    for (ptrdiff_t row = 0; row < H; row++)
        for (ptrdiff_t column = 0; column < W; column++)
            for (size_t c = 0; c < C; c++) {
                ptrdiff_t y = row + down, at = column + across;
                if (reflect) {
                    y = reflected(y, H);
                    at = reflected(at, W);
                }
                double truth = pixel(d, d->indices[i], y, mirrored ? W - 1 - at : at, c);
                if (fabs(truth - (double)x[i * ITEM + (size_t)(row * W + column) * C + c]) > 1e-5)
                    return false;
            }
    return true;
}

/* How many of the images are mirrored; every one must be its sample, mirrored or not, moved by up to `pad`.
 * Counts how often each movement was found. */
static size_t check_moves(const struct data *d, const float *x, ptrdiff_t pad, bool reflect, size_t *moves)
{
    size_t mirrored = 0;
    for (size_t i = 0; i < N; i++) {
        size_t found = 0, width = (size_t)(2 * pad + 1);
        for (int flip = 0; flip < 2; flip++)
            for (ptrdiff_t down = -pad; down <= pad; down++)
                for (ptrdiff_t across = -pad; across <= pad; across++)
                    if (is_moved(d, x, i, flip, down, across, reflect)) {
                        found++;
                        mirrored += (size_t)flip;
                        moves[(size_t)(down + pad) * width + (size_t)(across + pad)]++;
                    }
        assert_int_equal(found, 1);
    }
    return mirrored;
}

static void test_flip_and_shift(void **state)
{
    (void)state;
    for (int is_float = 0; is_float < 2; is_float++)
        for (int reflect = 0; reflect < 2; reflect++) {
            struct data *d = make(is_float);
            struct augment a = {.flip = AUGMENT_FLIP_RANDOM,
                                .pad = 1,
                                .padding = reflect ? AUGMENT_PAD_REFLECT : AUGMENT_PAD_ZERO,
                                .seed = 5};
            size_t moves[9] = {0}, mirrored = 0;
            for (uint64_t epoch = 0; epoch < 10; epoch++) {
                float *x = gather(d, &a, epoch);
                mirrored += check_moves(d, x, 1, reflect, moves);
                free(x);
            }
            /* 400 coins, and 400 throws of nine sides: five deviations */
            assert_in_range(mirrored, 150, 250);
            for (size_t i = 0; i < 9; i++)
                assert_in_range(moves[i], 13, 76);
            free(d);
        }
}

/* One half in even epochs, the other in odd ones, and again the first. */
static void test_alternating_flip(void **state)
{
    (void)state;
    struct data *d = make(false);
    struct augment a = {.flip = AUGMENT_FLIP_ALTERNATE, .seed = 5};
    float *epochs[3];
    size_t mirrored = 0;
    for (uint64_t epoch = 0; epoch < 3; epoch++)
        epochs[epoch] = gather(d, &a, epoch);
    for (size_t i = 0; i < N; i++) {
        bool first = is_moved(d, epochs[0], i, true, 0, 0, false);
        assert_true(is_moved(d, epochs[0], i, first, 0, 0, false));
        assert_true(is_moved(d, epochs[1], i, !first, 0, 0, false));
        mirrored += first;
    }
    assert_in_range(mirrored, 5, 35);
    assert_same_bits("epoch 2", epochs[2], epochs[0], N * ITEM);
    for (size_t epoch = 0; epoch < 3; epoch++)
        free(epochs[epoch]);
    free(d);
}

/* Nothing asked for: what dataset_gather gives. */
static void test_nothing(void **state)
{
    (void)state;
    struct data *d = make(false);
    struct augment none = {.seed = 5};
    float *x = gather(d, &none, 3), *plain = array_floats(N * ITEM);
    dataset_gather(&d->split, &normalization, d->indices, N, plain, NULL, NULL);
    assert_same_bits("unchanged images", x, plain, N * ITEM);
    assert_false(augment_changes(&none));
    free(x);
    free(plain);
    free(d);
}

/* Of an image that shows more than two bytes of a channel unclipped, the two factors can be found; the rest
 * must fit them. */
static void test_colour(void **state)
{
    (void)state;
    struct data *d = make(false);
    struct augment a = {.brightness = 0.3, .contrast = 0.4, .seed = 9};
    float *x = gather(d, &a, 1);
    double least = 2, most = 0;
    for (size_t i = 0; i < N; i++) {
        const unsigned char *bytes = d->bytes + d->indices[i] * ITEM;
        double grey = 0, scale = NAN, shift = NAN;
        for (size_t p = 0; p < H * W; p++)
            grey += (0.299 * bytes[3 * p] + 0.587 * bytes[3 * p + 1] + 0.114 * bytes[3 * p + 2]) / (H * W);
        for (size_t j = 3; j < ITEM && isnan(scale); j += 3) {
            double u = (double)x[i * ITEM] * (double)deviation[0] + (double)mean[0];
            double v = (double)x[i * ITEM + j] * (double)deviation[0] + (double)mean[0];
            if (abs(bytes[j] - bytes[0]) > 60 && u > 1e-3 && u < 0.999 && v > 1e-3 && v < 0.999) {
                scale = 255 * (v - u) / (bytes[j] - bytes[0]);
                shift = 255 * u - scale * bytes[0];
            }
        }
        if (isnan(scale))
            continue;
        /* shift = (1 - contrast) * bright * grey and scale = bright * contrast */
        double bright = shift / grey + scale, contrast = scale / bright;
        assert_true(fabs(bright - 1) < 0.3001 && fabs(contrast - 1) < 0.4001);
        least = fmin(least, bright);
        most = fmax(most, bright);
        for (size_t j = 0; j < ITEM; j++) {
            double truth = fmin(fmax(bytes[j] * scale + shift, 0), 255) / 255;
            double got = (double)x[i * ITEM + j] * (double)deviation[j % C] + (double)mean[j % C];
            assert_true(fabs(truth - got) < 1e-4);
        }
    }
    assert_true(least < 0.85 && most > 1.15);
    free(x);
    free(d);
}

/* A square of zeros, cut off at the border, the rest untouched. */
static void test_cutout(void **state)
{
    (void)state;
    struct data *d = make(true);
    struct augment a = {.cutout = 3, .seed = 2};
    float *x = gather(d, &a, 0);
    size_t whole = 0;
    for (size_t i = 0; i < N; i++) {
        size_t top = H, left = W, bottom = 0, right = 0;
        for (size_t p = 0; p < H * W; p++)
            if (x[i * ITEM + p * C] == 0 && x[i * ITEM + p * C + 1] == 0) {
                top = p / W < top ? p / W : top;
                bottom = p / W + 1 > bottom ? p / W + 1 : bottom;
                left = p % W < left ? p % W : left;
                right = p % W + 1 > right ? p % W + 1 : right;
            }
        assert_true(bottom > top && bottom - top <= 3 && right > left && right - left <= 3);
        assert_true(bottom - top == 3 || top == 0 || bottom == H);
        whole += bottom - top == 3 && right - left == 3;
        for (size_t p = 0; p < H * W; p++) {
            bool hole = p / W >= top && p / W < bottom && p % W >= left && p % W < right;
            for (size_t c = 0; c < C; c++) {
                double truth = hole ? 0 : pixel(d, d->indices[i], (ptrdiff_t)(p / W), (ptrdiff_t)(p % W), c);
                assert_true(fabs((double)x[i * ITEM + p * C + c] - truth) < 1e-5);
            }
        }
    }
    assert_true(whole > N / 4 && whole < N);
    free(x);
    free(d);
}

/* A function of seed, epoch and sample: not of the place in the batch, nor of the parts that it is
 * gathered in. */
static void test_what_it_hangs_on(void **state)
{
    (void)state;
    struct data *d = make(false);
    struct augment a = {AUGMENT_FLIP_RANDOM, 2, AUGMENT_PAD_REFLECT, 2, 0.2, 0.2, 1};
    float *x = gather(d, &a, 4), *parts = array_floats(N * ITEM), *other = gather(d, &a, 5);
    for (size_t i = 0; i < N; i++)
        augment_gather(&a, 4, &d->split, &normalization, d->indices + i, 1, parts + i * ITEM);
    assert_same_bits("in parts", parts, x, N * ITEM);
    assert_memory_not_equal(x, other, N * ITEM * sizeof *x);
    a.seed = 2;
    float *seed = gather(d, &a, 4);
    assert_memory_not_equal(x, seed, N * ITEM * sizeof *x);
    a.seed = 1;
    size_t first = d->indices[0];
    for (size_t i = 0; i + 1 < N; i++)
        d->indices[i] = d->indices[i + 1];
    d->indices[N - 1] = first;
    float *turned = gather(d, &a, 4);
    assert_same_bits("other places", turned, x + ITEM, (N - 1) * ITEM);
    free(x);
    free(parts);
    free(other);
    free(seed);
    free(turned);
    free(d);
}

static void test_check(void **state)
{
    (void)state;
    struct shape shape = {28, 6, 1};
    assert_done(augment_check(&(struct augment){.pad = 5, .cutout = 6}, shape));
    assert_failure(augment_check(&(struct augment){.pad = 6}, shape), STATUS_USAGE, "augment.pad = 6", "28x6",
                   NULL);
    assert_failure(augment_check(&(struct augment){.cutout = 7}, shape), STATUS_USAGE, "augment.cutout = 7",
                   NULL);
}

static void test_view(void **state)
{
    (void)state;
    struct data *d = make(true);
    float *y = array_floats(ITEM);
    for (int dy = -2; dy <= 2; dy++)
        for (int dx = -2; dx <= 2; dx++)
            for (int mirrored = 0; mirrored < 2; mirrored++) {
                augment_view(d->floats, d->split.shape, mirrored, dy, dx, y);
                for (ptrdiff_t row = 0; row < H; row++)
                    for (ptrdiff_t column = 0; column < W; column++) {
                        ptrdiff_t from = reflected(row - dy, H), at = reflected(column - dx, W);
                        at = mirrored ? W - 1 - at : at;
                        assert_memory_equal(y + (row * W + column) * C, d->floats + (from * W + at) * C,
                                            C * sizeof *y);
                    }
            }
    free(y);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flip_and_shift), cmocka_unit_test(test_alternating_flip),
        cmocka_unit_test(test_nothing),        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_cutout),         cmocka_unit_test(test_what_it_hangs_on),
        cmocka_unit_test(test_check),          cmocka_unit_test(test_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
