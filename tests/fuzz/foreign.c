#include "fuzz/foreign.h"

#include "io/h5.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 12, H = 5, W = 4, C = 2, K = 3 };

static hid_t create(const char *path, bool latest)
{
    h5_quiet();
    hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
    if (latest)
        H5Pset_libver_bounds(access_list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access_list);
    H5Pclose(access_list);
    assert_true(file >= 0);
    return file;
}

static void texts(hid_t object, const char *name, const char *const *values, size_t count)
{
    hsize_t dimension = count;
    hid_t type = H5Tcopy(H5T_C_S1),
          space = count > 1 ? H5Screate_simple(1, &dimension, NULL) : H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0 && H5Awrite(attribute, type, values) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* `chunk` NULL: stored as it is. To be closed with h5_close. */
static hid_t array(hid_t parent, const char *name, hid_t type, int rank, const hsize_t *dimensions,
                   const hsize_t *chunk, const void *values)
{
    hid_t space = H5Screate_simple(rank, dimensions, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk) {
        H5Pset_chunk(list, rank, chunk);
        H5Pset_shuffle(list);
        H5Pset_deflate(list, 4);
        H5Pset_fletcher32(list);
    }
    hid_t id = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(id >= 0 && H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Pclose(list);
    H5Sclose(space);
    return id;
}

static void split(hid_t file, const char *name, const hsize_t *chunk)
{
    static const char *const names[K] = {"T-shirt", "Gr\xc3\xbcn", "a name that is longer than others"};
    static const char *const layout[] = {"NHWC"};
    float images[N * H * W * C], mean[C] = {0.25f, -1}, std[C] = {2, 0.5f};
    int64_t labels[N];
    for (size_t i = 0; i < N * H * W * C; i++)
        images[i] = (float)i * 0.25f - 3;
    for (size_t i = 0; i < N; i++)
        labels[i] = (int64_t)(i * 2 % K);
    hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
          id = array(group, "images", H5T_IEEE_F32LE, 4, (hsize_t[]){N, H, W, C}, chunk, images);
    texts(id, "layout", layout, 1);
    assert_true(h5_write_floats(id, "mean", mean, C) && h5_write_floats(id, "std", std, C));
    h5_close(id);
    id = array(group, "labels", H5T_STD_I64LE, 1, (hsize_t[]){N}, NULL, labels);
    texts(id, "class_names", names, K);
    h5_close(id);
    H5Gclose(group);
}

void foreign_dataset(const char *path, bool latest)
{
    hid_t file = create(path, latest);
    split(file, "train", (hsize_t[]){5, H, W, C});
    split(file, "test", NULL);
    assert_true(H5Fclose(file) >= 0);
}

void foreign_model(const char *path, const struct network *network, bool latest)
{
    hid_t file = create(path, latest),
          model = H5Gcreate2(file, "model", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        if (!layer->parameter_count)
            continue;
        hid_t group = H5Gcreate2(model, layer->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        for (size_t p = 0; p < layer->parameter_count; p++) {
            const struct parameter *parameter = &layer->parameters[p];
            hsize_t dimensions[LAYER_DIMENSIONS_MAX];
            for (size_t d = 0; d < parameter->dimension_count; d++)
                dimensions[d] = parameter->dimensions[d];
            h5_close(array(group, parameter->name, H5T_IEEE_F32LE, (int)parameter->dimension_count,
                           dimensions, p ? NULL : dimensions, network->parameters + parameter->offset));
        }
        H5Gclose(group);
    }
    H5Gclose(model);
    assert_true(H5Fclose(file) >= 0);
}
