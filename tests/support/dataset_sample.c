#include "support/dataset_sample.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

unsigned char sample_bytes[N * H * W * C];
float sample_floats[N * H * W * C];
const int32_t sample_classes[N] = {2, 0, 1, 1, 0};
const int8_t sample_bits[N * K] = {0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1};

int dataset_sample_fill(void **state)
{
    for (size_t i = 0; i < sizeof sample_bytes; i++) {
        sample_bytes[i] = (unsigned char)(i * 37 + 5);
        sample_floats[i] = (float)i * 0.25f - 3;
    }
    return scratch_create(state);
}

hid_t dataset_sample_create(void)
{
    h5_quiet();
    hid_t file = H5Fcreate(scratch_path("a.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    H5Gclose(H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    return file;
}

void dataset_sample_put(hid_t file, const char *name, hid_t type, const void *data, int rank,
                        const hsize_t *dims)
{
    hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    if (data)
        assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

void dataset_sample_images(hid_t file, hid_t type, const void *data)
{
    dataset_sample_put(file, "/train/images", type, data, 4, (hsize_t[]){N, H, W, C});
}

void dataset_sample_classes(hid_t file)
{
    dataset_sample_put(file, "/train/labels", H5T_NATIVE_INT32, sample_classes, 1, (hsize_t[]){N});
}

void dataset_sample_annotate(hid_t file, const char *set, const char *name, const float *values, size_t count)
{
    hid_t id = H5Dopen2(file, set, H5P_DEFAULT);
    assert_true(h5_write_floats(id, name, values, count));
    H5Dclose(id);
}

void dataset_sample_class_names(hid_t file, size_t count)
{
    const char *const names[] = {"zero", "one", "two", "three"};
    hid_t id = H5Dopen2(file, "/train/labels", H5P_DEFAULT);
    assert_true(h5_write_texts(id, "class_names", names, count));
    H5Dclose(id);
}

hid_t dataset_sample_with_images(void)
{
    hid_t file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    return file;
}

enum status dataset_sample_read(hid_t file, struct dataset_split *split)
{
    H5Fclose(file);
    return dataset_read(split, scratch_path("a.h5"), "train", true);
}

void dataset_sample_labelled(struct dataset_split *split, hid_t type, const void *labels, int rank,
                             size_t names)
{
    hid_t file = dataset_sample_with_images();
    dataset_sample_put(file, "/train/labels", type, labels, rank, (hsize_t[]){N, K});
    if (names)
        dataset_sample_class_names(file, names);
    assert_done(dataset_sample_read(file, split));
}
