#include "io/predictions.h"

#include "core/loss.h"
#include "io/dataset_writer.h"
#include "io/h5.h"

#include <stdint.h>
#include <stdlib.h>

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
        best[i] = (int32_t)loss_best(p->values + i * p->outputs, p->outputs);
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

static bool write_arrays(hid_t file, const struct predictions *p)
{
    hid_t group = H5Gcreate2(file, p->split, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t dataset = H5I_INVALID_HID;
    if (group >= 0)
        dataset = write_array(group, "probabilities", H5T_IEEE_F32LE, 2, (hsize_t[]){p->count, p->outputs},
                              p->values);
    bool good = dataset >= 0 && (!p->classes || write_classes(group, p));
    if (dataset >= 0)
        good = H5Dclose(dataset) >= 0 && good;
    if (group >= 0)
        good = H5Gclose(group) >= 0 && good;
    return good;
}

enum status predictions_write(const char *path, const struct predictions *predictions, bool overwrite)
{
    char cause[H5_FAILURE_MAX];
    h5_quiet();
    enum status status = dataset_write_allowed(path, overwrite);
    if (status)
        return status;
    hid_t file = h5_create();
    status = file >= 0 && write_arrays(file, predictions)
                 ? h5_save(file, path, STATUS_DATA)
                 : status_set(STATUS_DATA, "%s: cannot be made: %s", path, h5_failure(cause));
    if (file >= 0)
        H5Fclose(file);
    return status;
}
