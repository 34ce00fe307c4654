#include "io/dataset.h"

#include "support/dataset_sample.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_fits(void **state)
{
    (void)state;
    struct dataset_split split;
    dataset_sample_labelled(&split, H5T_NATIVE_INT32, sample_classes, 1, 0);
    assert_done(dataset_fits(&split, LOSS_CROSS_ENTROPY, 3));
    assert_done(dataset_fits(&split, LOSS_CROSS_ENTROPY, 10));
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, 2), STATUS_DATA, "/train/labels[0] is class 2",
                   "2 outputs", NULL);
    assert_failure(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, 3), STATUS_DATA, "sigmoid", "softmax",
                   NULL);
    assert_failure(dataset_fits(&split, LOSS_MEAN_SQUARED_ERROR, 3), STATUS_DATA, "linear", "softmax", NULL);
    dataset_destroy(&split);

    dataset_sample_labelled(&split, H5T_NATIVE_INT32, sample_classes, 1, 4);
    assert_done(dataset_fits(&split, LOSS_CROSS_ENTROPY, 4));
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, 5), STATUS_DATA, "4 class_names", "5 outputs",
                   NULL);
    dataset_destroy(&split);

    dataset_sample_labelled(&split, H5T_NATIVE_INT8, sample_bits, 2, 0);
    assert_done(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, K));
    assert_done(dataset_fits(&split, LOSS_MEAN_SQUARED_ERROR, K));
    assert_failure(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, K + 1), STATUS_DATA, "3 values per sample",
                   "4 outputs", NULL);
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, K), STATUS_DATA, "0 or 1", "sigmoid", NULL);
    dataset_destroy(&split);

    dataset_sample_labelled(&split, H5T_NATIVE_FLOAT, sample_floats, 2, 0);
    assert_done(dataset_fits(&split, LOSS_MEAN_SQUARED_ERROR, K));
    assert_failure(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, K), STATUS_DATA,
                   "/train/labels[0, 0] is -3", NULL);
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, K), STATUS_DATA, "floats", "linear", NULL);
    dataset_destroy(&split);
}

/* (v - mean) / std for every gathered value, also where a batch is gathered in parts. */
static void check_gather(const struct dataset_split *split, const struct normalization *normalization)
{
    enum { COUNT = 7 };
    const size_t indices[COUNT] = {4, 0, 3, 3, 1, 2, 0}, channels = split->shape.c,
                 item = shape_count(split->shape);
    float *x = malloc(COUNT * item * sizeof *x), *again = malloc(COUNT * item * sizeof *again);
    assert_true(x && again);
    int32_t got[COUNT];
    dataset_gather(split, normalization, indices, COUNT, x, got, NULL);
    for (size_t i = 0; i < COUNT; i += 3)
        dataset_gather(split, normalization, indices + i, COUNT - i < 3 ? COUNT - i : 3, again + i * item,
                       NULL, NULL);
    assert_memory_equal(x, again, COUNT * item * sizeof *x);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(got[i], sample_classes[indices[i]]);
        for (size_t j = 0; j < item; j++) {
            size_t at = indices[i] * item + j;
            double value = split->is_float ? (double)((float *)split->images)[at]
                                           : ((unsigned char *)split->images)[at] / 255.0;
            double truth = (value - (double)normalization->mean[j % channels]) /
                           (double)normalization->std[j % channels];
            assert_true(fabs((double)x[i * item + j] - truth) <= 2e-7 * fabs(truth) + 1e-7);
        }
    }
    free(x);
    free(again);
}

static void test_splits_match(void **state)
{
    (void)state;
    struct dataset_split train = {.path = "a.h5", .name = "train", .shape = {H, W, C}}, test = train;
    strcpy(test.name, "test");
    for (int is_float = 0; is_float < 2; is_float++) {
        train.is_float = test.is_float = is_float;
        assert_done(dataset_splits_match(&train, &test));
        test.is_float = !is_float;
        assert_failure(dataset_splits_match(&train, &test), STATUS_DATA, "a.h5: /train/images are ",
                       is_float ? "are float32, /test/images uint8" : "are uint8, /test/images float32",
                       NULL);
        test.is_float = is_float;
        test.shape.w++;
        assert_failure(dataset_splits_match(&train, &test), STATUS_DATA,
                       "a.h5: /train/images are 2x3x2, /test/images 2x4x2", NULL);
        test.shape.w--;
    }
}

static void test_gather_against_formula(void **state)
{
    (void)state;
    static const struct {
        hid_t *type;
        bool normalised;
        hsize_t h, w, c; /* h * w * c = H * W * C */
    } cases[] = {{&H5T_NATIVE_UINT8_g, true, H, W, C}, {&H5T_NATIVE_UINT8_g, false, 3, 4, 1},
                 {&H5T_NATIVE_UINT8_g, true, 4, 3, 1}, {&H5T_NATIVE_UINT8_g, true, 1, 1, 12},
                 {&H5T_NATIVE_FLOAT_g, true, H, W, C}, {&H5T_NATIVE_FLOAT_g, false, H, W, C}};
    const float mean[12] = {0.5f, 0.1f, 0.3f, -1}, std[12] = {0.25f, 2, 1, 3, 0.1f, 4, 5, 6, 7, 8, 9, 10};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset_split split;
        hid_t file = dataset_sample_create();
        bool is_float = cases[i].type == &H5T_NATIVE_FLOAT_g;
        dataset_sample_put(file, "/train/images", *cases[i].type,
                           is_float ? (void *)sample_floats : sample_bytes, 4,
                           (hsize_t[]){N, cases[i].h, cases[i].w, cases[i].c});
        dataset_sample_classes(file);
        if (cases[i].normalised) {
            dataset_sample_annotate(file, "/train/images", "mean", mean, cases[i].c);
            dataset_sample_annotate(file, "/train/images", "std", std, cases[i].c);
        }
        assert_done(dataset_sample_read(file, &split));
        assert_int_equal(split.normalization.present, cases[i].normalised);
        check_gather(&split, &split.normalization);
        dataset_destroy(&split);
    }
}

static void test_gather_with_more_channels_than_tables(void **state)
{
    (void)state;
    enum { CHANNELS = 40 };
    unsigned char *images = malloc(N * 3 * CHANNELS);
    assert_non_null(images);
    for (size_t i = 0; i < N * 3 * CHANNELS; i++)
        images[i] = (unsigned char)(i * 89);
    struct dataset_split split;
    hid_t file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, images, 4, (hsize_t[]){N, 1, 3, CHANNELS});
    dataset_sample_classes(file);
    assert_done(dataset_sample_read(file, &split));
    free(images);
    struct normalization normalization;
    assert_done(normalization_copy(&normalization, &split.normalization));
    for (size_t c = 0; c < CHANNELS; c++) {
        normalization.mean[c] = (float)c / CHANNELS;
        normalization.std[c] = 0.5f + (float)c;
    }
    check_gather(&split, &normalization);
    normalization_destroy(&normalization);
    dataset_destroy(&split);
}

static void test_gather_values(void **state)
{
    (void)state;
    struct dataset_split split;
    dataset_sample_labelled(&split, H5T_NATIVE_INT8, sample_bits, 2, 0);
    const size_t indices[] = {3, 1};
    float x[2 * H * W * C], values[2 * K];
    dataset_gather(&split, &split.normalization, indices, 2, x, NULL, values);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < K; k++)
            assert_true(values[i * K + k] == sample_bits[indices[i] * K + k]);
    dataset_destroy(&split);
}

static void test_grow(void **state)
{
    (void)state;
    struct dataset_split split = {.shape = {2, 1, 3}};
    size_t capacity = 0;
    assert_done(dataset_grow(&split, &capacity, 4));
    assert_int_equal(capacity, 4);
    memcpy(split.images, "abcdef", 6);
    split.classes[3] = 7;
    assert_done(dataset_grow(&split, &capacity, 4));
    assert_int_equal(capacity, 8);
    memset((char *)split.images + 24, 1, 24);
    split.classes[7] = 1;
    assert_memory_equal(split.images, "abcdef", 6);
    assert_int_equal(split.classes[3], 7);
    capacity = (size_t)1 << 60;
    assert_failure(dataset_grow(&split, &capacity, 4), STATUS_DATA, "2x1x3",
                   "more than this machine's memory", NULL);
    dataset_destroy(&split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_splits_match),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_gather_against_formula),
        cmocka_unit_test(test_gather_with_more_channels_than_tables),
        cmocka_unit_test(test_gather_values),
    };
    return cmocka_run_group_tests(tests, dataset_sample_fill, scratch_destroy);
}
