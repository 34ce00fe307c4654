#include "io/dataset.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 5, H = 2, W = 3, C = 2, K = 3 };

static unsigned char bytes[N * H * W * C];
static float floats[N * H * W * C];
static const int32_t classes[N] = {2, 0, 1, 1, 0};
static const int8_t bits[N * K] = {0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1};

static int fill(void **state)
{
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 37 + 5);
        floats[i] = (float)i * 0.25f - 3;
    }
    return scratch_create(state);
}

static hid_t create(void)
{
    h5_quiet();
    hid_t file = H5Fcreate(scratch_path("a.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    H5Gclose(H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    return file;
}

/* data NULL: not written. */
static void put(hid_t file, const char *name, hid_t type, const void *data, int rank, const hsize_t *dims)
{
    hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    if (data)
        assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static void put_images(hid_t file, hid_t type, const void *data)
{
    put(file, "/train/images", type, data, 4, (hsize_t[]){N, H, W, C});
}

static void put_classes(hid_t file)
{
    put(file, "/train/labels", H5T_NATIVE_INT32, classes, 1, (hsize_t[]){N});
}

static void annotate(hid_t file, const char *set, const char *name, const float *values, size_t count)
{
    hid_t id = H5Dopen2(file, set, H5P_DEFAULT);
    assert_true(h5_write_floats(id, name, values, count));
    H5Dclose(id);
}

static void name_classes(hid_t file, size_t count)
{
    const char *const names[] = {"zero", "one", "two", "three"};
    hid_t id = H5Dopen2(file, "/train/labels", H5P_DEFAULT);
    assert_true(h5_write_texts(id, "class_names", names, count));
    H5Dclose(id);
}

/* Closes the file and reads its train split. */
static enum status read_back(hid_t file, struct dataset_split *split)
{
    H5Fclose(file);
    return dataset_read(split, scratch_path("a.h5"), "train", true);
}

static void expect(hid_t file, const char *first, const char *second)
{
    struct dataset_split split;
    assert_failure(read_back(file, &split), STATUS_DATA, "a.h5", first, second, NULL);
    assert_null(split.images);
}

static void test_read_good(void **state)
{
    (void)state;
    struct dataset_split split;
    hid_t file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    put_classes(file);
    assert_done(read_back(file, &split));
    assert_int_equal(split.count, N);
    assert_true(shape_equal(split.shape, (struct shape){H, W, C}));
    assert_false(split.is_float);
    assert_memory_equal(split.images, bytes, sizeof bytes);
    assert_memory_equal(split.classes, classes, sizeof classes);
    assert_int_equal(split.outputs, 3);
    assert_null(split.values);
    assert_false(split.normalization.present);
    assert_true(split.normalization.mean[1] == 0 && split.normalization.std[1] == 1);
    dataset_destroy(&split);
    assert_true(dataset_exists(scratch_path("a.h5"), "train"));
    assert_false(dataset_exists(scratch_path("a.h5"), "test"));
}

static void test_read_without_channels_and_labels(void **state)
{
    (void)state;
    struct dataset_split split;
    hid_t file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, bytes, 3, (hsize_t[]){N, H * C, W});
    H5Fclose(file);
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "/train/labels",
                   "no such dataset", NULL);
    assert_done(dataset_read(&split, scratch_path("a.h5"), "train", false));
    assert_true(shape_equal(split.shape, (struct shape){H * C, W, 1}));
    assert_int_equal(split.outputs, 0);
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, 3), STATUS_DATA, "/train/labels", NULL);
    dataset_destroy(&split);
}

static void test_read_float16_and_bits(void **state)
{
    (void)state;
    struct dataset_split split;
    hid_t file = create(), half = H5Tcopy(H5T_NATIVE_FLOAT);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    put_images(file, half, (const uint16_t[N * H * W * C]){0});
    put(file, "/train/labels", H5T_NATIVE_INT8, bits, 2, (hsize_t[]){N, K});
    H5Tclose(half);
    name_classes(file, K);
    assert_done(read_back(file, &split));
    assert_true(split.is_float);
    assert_true(((float *)split.images)[7] == 0);
    assert_true(split.binary);
    assert_null(split.classes);
    assert_int_equal(split.outputs, K);
    assert_string_equal(split.class_names[2], "two");
    for (size_t i = 0; i < N * K; i++)
        assert_true(split.values[i] == bits[i]);
    dataset_destroy(&split);
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    struct dataset_split split;
    unlink(scratch_path("a.h5"));
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "a.h5",
                   "no such file", "cnn-data import", NULL);
    scratch_write(scratch_path("a.h5"), "P5 1 1 255 a", 12);
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "not an HDF5",
                   NULL);
    hid_t file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    H5Fclose(file);
    assert_int_equal(truncate(scratch_path("a.h5"), 2000), 0);
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "truncated", NULL);
}

static void test_images_wrong(void **state)
{
    (void)state;
    hid_t file = create();
    expect(file, "/train/images", "no such dataset");
    file = create();
    H5Gclose(H5Gcreate2(file, "/train/images", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    expect(file, "/train/images", "cannot be opened as a dataset");
    file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, bytes, 2, (hsize_t[]){N, H});
    expect(file, "/train/images", "2 dimensions");
    file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, bytes, 0, NULL);
    expect(file, "/train/images", "0 dimensions");
    file = create();
    put_images(file, H5T_NATIVE_INT32, NULL);
    expect(file, "/train/images", "holds int32; uint8 or a float");
    file = create();
    put_images(file, H5T_NATIVE_INT8, NULL);
    expect(file, "/train/images", "holds int8;");
    file = create();
    put_images(file, H5T_C_S1, NULL);
    expect(file, "/train/images", "holds text;");
    file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){0, H, W, C});
    expect(file, "/train/images", "no sample");
    file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){N, H, 0, C});
    expect(file, "/train/images", "2x0x2 are empty or");
}

static void test_absurd_sizes_are_refused(void **state)
{
    (void)state;
    hid_t file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){1ULL << 40, 1024, 1024, 3});
    expect(file, "/train/images", "memory");
    file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){1, 1ULL << 31, 1ULL << 28, 1});
    expect(file, "/train/images", "too large");
    file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){2, 3, 28, 50000});
    expect(file, "/train/images", "3x28x50000 are empty or too large");
    file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    put(file, "/train/labels", H5T_NATIVE_INT8, NULL, 2, (hsize_t[]){N, 1ULL << 50});
    expect(file, "/train/labels", "memory");
}

static void test_images_not_finite(void **state)
{
    (void)state;
    float spoiled[N * H * W * C];
    memcpy(spoiled, floats, sizeof spoiled);
    spoiled[2 * H * W * C + 1 * W * C + 2 * C + 1] = NAN;
    hid_t file = create();
    put_images(file, H5T_NATIVE_FLOAT, spoiled);
    expect(file, "/train/images[2, 1, 2, 1]", "nan");
    double large[N * H * W * C] = {1e300};
    file = create();
    put_images(file, H5T_NATIVE_DOUBLE, large);
    expect(file, "/train/images[0, 0, 0, 0]", "inf");
}

static void test_attributes_wrong(void **state)
{
    (void)state;
    const float good[C] = {0.5f, 0.25f}, zero[C] = {1, 0}, bad[C] = {NAN, 1};
    hid_t file = create(), id;
    put_images(file, H5T_NATIVE_UINT8, bytes);
    id = H5Dopen2(file, "/train/images", H5P_DEFAULT);
    assert_true(h5_write_text(id, "layout", "NCHW"));
    H5Dclose(id);
    expect(file, "layout is NCHW", "NHWC");
    file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    annotate(file, "/train/images", "mean", good, C);
    expect(file, "attribute std", "missing");
    file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    annotate(file, "/train/images", "mean", good, 1);
    annotate(file, "/train/images", "std", good, C);
    expect(file, "mean has 1 values", "2 channels");
    file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    annotate(file, "/train/images", "mean", good, C);
    annotate(file, "/train/images", "std", zero, C);
    expect(file, "std[1] is 0", "above 0");
    file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    annotate(file, "/train/images", "mean", bad, C);
    annotate(file, "/train/images", "std", good, C);
    expect(file, "mean[0] is nan", "finite");
}

static hid_t with_images(void)
{
    hid_t file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    return file;
}

static void test_labels_wrong(void **state)
{
    (void)state;
    const int64_t negative[N] = {0, 1, 2, -1, 0}, huge[N] = {0, INT64_MAX}, seven[N] = {0, 1, 7};
    const float nothing[N] = {0, 1, NAN};
    hid_t file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT64, negative, 1, (hsize_t[]){N});
    expect(file, "/train/labels[3] is -1", "0 to 65535");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT64, huge, 1, (hsize_t[]){N});
    expect(file, "/train/labels[1] is 9223372036854775807", "0 to 65535");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT64, seven, 1, (hsize_t[]){N});
    name_classes(file, 3);
    expect(file, "/train/labels[2] is 7", "0 to 2");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT64, seven, 2, (hsize_t[]){N, 1});
    expect(file, "/train/labels[2, 0] is 7", "class indices are a list");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_FLOAT, nothing, 1, (hsize_t[]){N});
    expect(file, "/train/labels[2, 0] is nan", "finite");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT64, negative, 1, (hsize_t[]){N - 1});
    expect(file, "/train/labels: has 4 samples", "/train/images has 5");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT8, bits, 3, (hsize_t[]){N, K, 1});
    expect(file, "/train/labels", "3 dimensions");
    file = with_images();
    put(file, "/train/labels", H5T_C_S1, NULL, 1, (hsize_t[]){N});
    expect(file, "/train/labels", "holds text");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT8, NULL, 2, (hsize_t[]){N, 0});
    expect(file, "/train/labels", "no value per sample");
    file = with_images();
    put(file, "/train/labels", H5T_NATIVE_INT8, bits, 2, (hsize_t[]){N, K});
    name_classes(file, 4);
    expect(file, "3 values per sample", "4 class_names");
    file = with_images();
    put_classes(file);
    annotate(file, "/train/labels", "class_names", floats, 3);
    expect(file, "/train/labels", "not a list of texts");
}

static void test_damaged_chunk(void **state)
{
    (void)state;
    hid_t file = create(), space = H5Screate_simple(4, (hsize_t[]){N, H, W, C}, NULL);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 4, (hsize_t[]){1, H, W, C});
    H5Pset_fletcher32(list);
    hid_t set = H5Dcreate2(file, "/train/images", H5T_NATIVE_UINT8, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    H5Dclose(set);
    H5Pclose(list);
    H5Sclose(space);
    put_classes(file);
    H5Fclose(file);
    size_t size;
    char *content = scratch_read(scratch_path("a.h5"), &size);
    char *chunk = memmem(content, size, bytes + 3 * H * W * C, H * W * C);
    assert_non_null(chunk);
    *chunk ^= 1;
    scratch_write(scratch_path("a.h5"), content, size);
    free(content);
    struct dataset_split split;
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "/train/images",
                   "damaged", NULL);
}

static void read_labelled(struct dataset_split *split, hid_t type, const void *labels, int rank, size_t names)
{
    hid_t file = with_images();
    put(file, "/train/labels", type, labels, rank, (hsize_t[]){N, K});
    if (names)
        name_classes(file, names);
    assert_done(read_back(file, split));
}

static void test_fits(void **state)
{
    (void)state;
    struct dataset_split split;
    read_labelled(&split, H5T_NATIVE_INT32, classes, 1, 0);
    assert_done(dataset_fits(&split, LOSS_CROSS_ENTROPY, 3));
    assert_done(dataset_fits(&split, LOSS_CROSS_ENTROPY, 10));
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, 2), STATUS_DATA, "/train/labels[0] is class 2",
                   "2 outputs", NULL);
    assert_failure(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, 3), STATUS_DATA, "sigmoid", "softmax",
                   NULL);
    assert_failure(dataset_fits(&split, LOSS_MEAN_SQUARED_ERROR, 3), STATUS_DATA, "linear", "softmax", NULL);
    dataset_destroy(&split);

    read_labelled(&split, H5T_NATIVE_INT32, classes, 1, 4);
    assert_done(dataset_fits(&split, LOSS_CROSS_ENTROPY, 4));
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, 5), STATUS_DATA, "4 class_names", "5 outputs",
                   NULL);
    dataset_destroy(&split);

    read_labelled(&split, H5T_NATIVE_INT8, bits, 2, 0);
    assert_done(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, K));
    assert_done(dataset_fits(&split, LOSS_MEAN_SQUARED_ERROR, K));
    assert_failure(dataset_fits(&split, LOSS_BINARY_CROSS_ENTROPY, K + 1), STATUS_DATA, "3 values per sample",
                   "4 outputs", NULL);
    assert_failure(dataset_fits(&split, LOSS_CROSS_ENTROPY, K), STATUS_DATA, "0 or 1", "sigmoid", NULL);
    dataset_destroy(&split);

    read_labelled(&split, H5T_NATIVE_FLOAT, floats, 2, 0);
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
        assert_int_equal(got[i], classes[indices[i]]);
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
        hid_t file = create();
        bool is_float = cases[i].type == &H5T_NATIVE_FLOAT_g;
        put(file, "/train/images", *cases[i].type, is_float ? (void *)floats : bytes, 4,
            (hsize_t[]){N, cases[i].h, cases[i].w, cases[i].c});
        put_classes(file);
        if (cases[i].normalised) {
            annotate(file, "/train/images", "mean", mean, cases[i].c);
            annotate(file, "/train/images", "std", std, cases[i].c);
        }
        assert_done(read_back(file, &split));
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
    hid_t file = create();
    put(file, "/train/images", H5T_NATIVE_UINT8, images, 4, (hsize_t[]){N, 1, 3, CHANNELS});
    put_classes(file);
    assert_done(read_back(file, &split));
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
    read_labelled(&split, H5T_NATIVE_INT8, bits, 2, 0);
    const size_t indices[] = {3, 1};
    float x[2 * H * W * C], values[2 * K];
    dataset_gather(&split, &split.normalization, indices, 2, x, NULL, values);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < K; k++)
            assert_true(values[i * K + k] == bits[indices[i] * K + k]);
    dataset_destroy(&split);
}

static void test_digest_sees_every_part(void **state)
{
    (void)state;
    struct dataset_split split;
    uint64_t digests[4];
    read_labelled(&split, H5T_NATIVE_INT32, classes, 1, 0);
    digests[0] = split.digest;
    dataset_destroy(&split);
    bytes[sizeof bytes - 1] ^= 1;
    read_labelled(&split, H5T_NATIVE_INT32, classes, 1, 0);
    bytes[sizeof bytes - 1] ^= 1;
    digests[1] = split.digest;
    dataset_destroy(&split);
    read_labelled(&split, H5T_NATIVE_INT32, (int32_t[N]){2, 0, 1, 1, 1}, 1, 0);
    digests[2] = split.digest;
    dataset_destroy(&split);
    read_labelled(&split, H5T_NATIVE_INT32, classes, 1, 0);
    digests[3] = split.digest;
    dataset_destroy(&split);
    assert_true(digests[0] == digests[3]);
    assert_true(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
}

static uint64_t digest_of_normalization(const float *mean, const float *std)
{
    struct dataset_split split;
    hid_t file = create();
    put_images(file, H5T_NATIVE_UINT8, bytes);
    put_classes(file);
    if (mean)
        annotate(file, "/train/images", "mean", mean, C);
    if (mean)
        annotate(file, "/train/images", "std", std, C);
    assert_done(read_back(file, &split));
    uint64_t digest = split.digest;
    dataset_destroy(&split);
    return digest;
}

/* The same images are other data for a network that sees them through other numbers. */
static void test_digest_sees_normalization(void **state)
{
    (void)state;
    static const float zero[C] = {0}, half[C] = {0, 0.5f};
    float one[C], two[C];
    for (size_t c = 0; c < C; c++)
        one[c] = two[c] = 1;
    two[C - 1] = 2;
    const uint64_t digests[] = {digest_of_normalization(NULL, NULL), digest_of_normalization(zero, one),
                                digest_of_normalization(half, one), digest_of_normalization(zero, two)};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(digests[i] != digests[j]);
    assert_true(digests[2] == digest_of_normalization(half, one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_good),
        cmocka_unit_test(test_read_without_channels_and_labels),
        cmocka_unit_test(test_read_float16_and_bits),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_images_wrong),
        cmocka_unit_test(test_absurd_sizes_are_refused),
        cmocka_unit_test(test_images_not_finite),
        cmocka_unit_test(test_attributes_wrong),
        cmocka_unit_test(test_labels_wrong),
        cmocka_unit_test(test_damaged_chunk),
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_splits_match),
        cmocka_unit_test(test_gather_against_formula),
        cmocka_unit_test(test_gather_with_more_channels_than_tables),
        cmocka_unit_test(test_gather_values),
        cmocka_unit_test(test_digest_sees_every_part),
        cmocka_unit_test(test_digest_sees_normalization),
    };
    return cmocka_run_group_tests(tests, fill, scratch_destroy);
}
