/* What is read, and what is refused. */
#include "io/dataset.h"

#include "io/h5.h"
#include "support/dataset_sample.h"
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

static void expect(hid_t file, const char *first, const char *second)
{
    struct dataset_split split;
    assert_failure(dataset_sample_read(file, &split), STATUS_DATA, "a.h5", first, second, NULL);
    assert_null(split.images);
}

static void test_read_good(void **state)
{
    (void)state;
    struct dataset_split split;
    hid_t file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_classes(file);
    assert_done(dataset_sample_read(file, &split));
    assert_int_equal(split.count, N);
    assert_true(shape_equal(split.shape, (struct shape){H, W, C}));
    assert_false(split.is_float);
    assert_memory_equal(split.images, sample_bytes, sizeof sample_bytes);
    assert_memory_equal(split.classes, sample_classes, sizeof sample_classes);
    assert_int_equal(split.outputs, 3);
    assert_null(split.values);
    assert_false(split.normalization.present);
    assert_true(split.normalization.mean[1] == 0 && split.normalization.std[1] == 1);
    dataset_destroy(&split);
    bool exists;
    assert_done(dataset_exists(scratch_path("a.h5"), "train", &exists));
    assert_true(exists);
    assert_done(dataset_exists(scratch_path("a.h5"), "test", &exists));
    assert_false(exists);
    assert_failure(dataset_exists(scratch_path("none.h5"), "test", &exists), STATUS_DATA, "none.h5", NULL);
}

static void test_read_without_channels_and_labels(void **state)
{
    (void)state;
    struct dataset_split split;
    hid_t file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, sample_bytes, 3, (hsize_t[]){N, H * C, W});
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
    hid_t file = dataset_sample_create(), half = H5Tcopy(H5T_NATIVE_FLOAT);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    dataset_sample_images(file, half, (const uint16_t[N * H * W * C]){0});
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT8, sample_bits, 2, (hsize_t[]){N, K});
    H5Tclose(half);
    dataset_sample_class_names(file, K);
    assert_done(dataset_sample_read(file, &split));
    assert_true(split.is_float);
    assert_true(((float *)split.images)[7] == 0);
    assert_true(split.binary);
    assert_null(split.classes);
    assert_int_equal(split.outputs, K);
    assert_string_equal(split.class_names[2], "two");
    for (size_t i = 0; i < N * K; i++)
        assert_true(split.values[i] == sample_bits[i]);
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
    hid_t file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    H5Fclose(file);
    assert_int_equal(truncate(scratch_path("a.h5"), 2000), 0);
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "truncated", NULL);
}

static void test_images_wrong(void **state)
{
    (void)state;
    hid_t file = dataset_sample_create();
    expect(file, "/train/images", "no such dataset");
    file = dataset_sample_create();
    H5Gclose(H5Gcreate2(file, "/train/images", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    expect(file, "/train/images", "cannot be opened as a dataset");
    file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, sample_bytes, 2, (hsize_t[]){N, H});
    expect(file, "/train/images", "2 dimensions");
    file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, sample_bytes, 0, NULL);
    expect(file, "/train/images", "0 dimensions");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_INT32, NULL);
    expect(file, "/train/images", "holds int32; uint8 or a float");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_INT8, NULL);
    expect(file, "/train/images", "holds int8;");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_C_S1, NULL);
    expect(file, "/train/images", "holds text;");
    file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){0, H, W, C});
    expect(file, "/train/images", "no sample");
    file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){N, H, 0, C});
    expect(file, "/train/images", "2x0x2 are empty or");
}

static void test_absurd_sizes_are_refused(void **state)
{
    (void)state;
    hid_t file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4,
                       (hsize_t[]){1ULL << 40, 1024, 1024, 3});
    expect(file, "/train/images", "memory");
    file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4,
                       (hsize_t[]){1, 1ULL << 31, 1ULL << 28, 1});
    expect(file, "/train/images", "too large");
    file = dataset_sample_create();
    dataset_sample_put(file, "/train/images", H5T_NATIVE_UINT8, NULL, 4, (hsize_t[]){2, 3, 28, 50000});
    expect(file, "/train/images", "3x28x50000 are empty or too large");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT8, NULL, 2, (hsize_t[]){N, 1ULL << 50});
    expect(file, "/train/labels", "memory");
}

static void test_images_not_finite(void **state)
{
    (void)state;
    float spoiled[N * H * W * C];
    memcpy(spoiled, sample_floats, sizeof spoiled);
    spoiled[2 * H * W * C + 1 * W * C + 2 * C + 1] = NAN;
    hid_t file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_FLOAT, spoiled);
    expect(file, "/train/images[2, 1, 2, 1]", "nan");
    double large[N * H * W * C] = {1e300};
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_DOUBLE, large);
    expect(file, "/train/images[0, 0, 0, 0]", "inf");
}

static void test_attributes_wrong(void **state)
{
    (void)state;
    const float good[C] = {0.5f, 0.25f}, zero[C] = {1, 0}, bad[C] = {NAN, 1};
    hid_t file = dataset_sample_create(), id;
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    id = H5Dopen2(file, "/train/images", H5P_DEFAULT);
    assert_true(h5_write_text(id, "layout", "NCHW"));
    H5Dclose(id);
    expect(file, "layout is NCHW", "NHWC");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_annotate(file, "/train/images", "mean", good, C);
    expect(file, "attribute std", "missing");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_annotate(file, "/train/images", "mean", good, 1);
    dataset_sample_annotate(file, "/train/images", "std", good, C);
    expect(file, "mean has 1 values", "2 channels");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_annotate(file, "/train/images", "mean", good, C);
    dataset_sample_annotate(file, "/train/images", "std", zero, C);
    expect(file, "std[1] is 0", "above 0");
    file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_annotate(file, "/train/images", "mean", bad, C);
    dataset_sample_annotate(file, "/train/images", "std", good, C);
    expect(file, "mean[0] is nan", "finite");
}

static void test_labels_wrong(void **state)
{
    (void)state;
    const int64_t negative[N] = {0, 1, 2, -1, 0}, huge[N] = {0, INT64_MAX}, seven[N] = {0, 1, 7};
    const float nothing[N] = {0, 1, NAN};
    hid_t file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT64, negative, 1, (hsize_t[]){N});
    expect(file, "/train/labels[3] is -1", "0 to 65535");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT64, huge, 1, (hsize_t[]){N});
    expect(file, "/train/labels[1] is 9223372036854775807", "0 to 65535");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT64, seven, 1, (hsize_t[]){N});
    dataset_sample_class_names(file, 3);
    expect(file, "/train/labels[2] is 7", "0 to 2");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT64, seven, 2, (hsize_t[]){N, 1});
    expect(file, "/train/labels[2, 0] is 7", "class indices are a list");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_FLOAT, nothing, 1, (hsize_t[]){N});
    expect(file, "/train/labels[2, 0] is nan", "finite");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT64, negative, 1, (hsize_t[]){N - 1});
    expect(file, "/train/labels: has 4 samples", "/train/images has 5");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT8, sample_bits, 3, (hsize_t[]){N, K, 1});
    expect(file, "/train/labels", "3 dimensions");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_C_S1, NULL, 1, (hsize_t[]){N});
    expect(file, "/train/labels", "holds text");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT8, NULL, 2, (hsize_t[]){N, 0});
    expect(file, "/train/labels", "no value per sample");
    file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT8, sample_bits, 2, (hsize_t[]){N, K});
    dataset_sample_class_names(file, 4);
    expect(file, "3 values per sample", "4 class_names");
    file = dataset_sample_with_images();
    dataset_sample_classes(file);
    dataset_sample_annotate(file, "/train/labels", "class_names", sample_floats, 3);
    expect(file, "/train/labels", "not a list of texts");
}

static void test_damaged_chunk(void **state)
{
    (void)state;
    hid_t file = dataset_sample_create(), space = H5Screate_simple(4, (hsize_t[]){N, H, W, C}, NULL);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 4, (hsize_t[]){1, H, W, C});
    H5Pset_fletcher32(list);
    hid_t set = H5Dcreate2(file, "/train/images", H5T_NATIVE_UINT8, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, sample_bytes) >= 0);
    H5Dclose(set);
    H5Pclose(list);
    H5Sclose(space);
    dataset_sample_classes(file);
    H5Fclose(file);
    size_t size;
    char *content = scratch_read(scratch_path("a.h5"), &size);
    char *chunk = memmem(content, size, sample_bytes + 3 * H * W * C, H * W * C);
    assert_non_null(chunk);
    *chunk ^= 1;
    scratch_write(scratch_path("a.h5"), content, size);
    free(content);
    struct dataset_split split;
    assert_failure(dataset_read(&split, scratch_path("a.h5"), "train", true), STATUS_DATA, "/train/images",
                   "damaged", NULL);
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
    };
    return cmocka_run_group_tests(tests, dataset_sample_fill, scratch_destroy);
}
