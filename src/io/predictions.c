#include "io/predictions.h"

#include "io/dataset_writer.h"
#include "io/file.h"
#include "io/h5.h"

#include <stdint.h>
#include <stdlib.h>

size_t predictions_best(const float *values, size_t k)
{
    size_t best = 0;
    for (size_t j = 1; j < k; j++)
        best = values[j] > values[best] ? j : best;
    return best;
}

/* Returns the open dataset, invalid on failure. */
static hid_t write_array(hid_t group, const char *name, hid_t type, int rank, const hsize_t *dimensions,
                         const void *values)
{
    hid_t space = H5Screate_simple(rank, dimensions, NULL), dataset = H5I_INVALID_HID;
    if (space >= 0)
        dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        H5Dclose(dataset);
        dataset = H5I_INVALID_HID;
    }
    if (space >= 0)
        H5Sclose(space);
    return dataset;
}

static bool write_classes(hid_t group, const struct predictions *p)
{
    int32_t *best = malloc(p->count * sizeof *best);
    bool good = best != NULL;
    for (size_t i = 0; good && i < p->count; i++)
        best[i] = (int32_t)predictions_best(p->values + i * p->outputs, p->outputs);
    hid_t dataset = H5I_INVALID_HID;
    if (good)
        dataset = write_array(group, "predicted", H5T_NATIVE_INT32, 1, &(hsize_t){p->count}, best);
    good = dataset >= 0 &&
           (!p->class_names || h5_write_texts(dataset, "class_names", p->class_names, p->class_count));
    if (dataset >= 0)
        good = H5Dclose(dataset) >= 0 && good;
    free(best);
    return good;
}

static bool write_file(const char *path, const struct predictions *p)
{
    bool good = false;
    hid_t group = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file >= 0)
        group = H5Gcreate2(file, p->split, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group >= 0)
        dataset = write_array(group, "probabilities", H5T_IEEE_F32LE, 2, (hsize_t[]){p->count, p->outputs},
                              p->values);
    good = dataset >= 0 && (!p->classes || write_classes(group, p));
    if (dataset >= 0)
        good = H5Dclose(dataset) >= 0 && good;
    if (group >= 0)
        good = H5Gclose(group) >= 0 && good;
    if (file >= 0)
        good = H5Fclose(file) >= 0 && good;
    return good;
}

enum status predictions_write(const char *path, const struct predictions *predictions, bool overwrite)
{
    char temporary[FILE_PATH_MAX];
    h5_quiet();
    enum status status = dataset_write_allowed(path, overwrite);
    if (!status)
        status = file_begin(path, STATUS_DATA, temporary);
    if (status)
        return status;
    status = write_file(temporary, predictions)
                 ? file_commit(temporary, path, STATUS_DATA)
                 : status_set(STATUS_DATA, "%s: cannot be written; is the disk full?", path);
    file_abandon(temporary);
    return status;
}
