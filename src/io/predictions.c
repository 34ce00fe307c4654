#include "io/predictions.h"

#include "core/loss.h"
#include "io/h5.h"
#include "io/output.h"

#include <stdint.h>
#include <stdlib.h>

static bool write_classes(hid_t group, const struct predictions *p)
{
    int32_t *best = malloc(p->count * sizeof *best);
    bool good = best != NULL;
    for (size_t i = 0; good && i < p->count; i++)
        best[i] = (int32_t)loss_best(p->values + i * p->outputs, p->outputs);
    hid_t array = H5I_INVALID_HID;
    if (good)
        array = h5_write_array(group, "predicted", H5T_STD_I32LE, 1, &(hsize_t){p->count}, NULL, best);
    good = array >= 0 &&
           (!p->class_names || h5_write_texts(array, "class_names", p->class_names, p->class_count));
    free(best);
    return h5_close(array) && good;
}

static bool write_arrays(hid_t file, const struct predictions *p)
{
    const hsize_t dimensions[] = {p->count, p->outputs};
    hid_t group = h5_create_group(file, p->split);
    bool good =
        group >= 0 &&
        h5_close(h5_write_array(group, "probabilities", H5T_IEEE_F32LE, 2, dimensions, NULL, p->values)) &&
        (!p->classes || write_classes(group, p));
    return h5_close(group) && good;
}

enum status predictions_write(const char *path, const struct predictions *predictions, bool overwrite)
{
    char cause[H5_FAILURE_MAX];
    enum status status = output_allowed(path, overwrite, NULL, 0);
    if (status)
        return status;
    hid_t file = h5_create(0);
    status = file >= 0 && write_arrays(file, predictions)
                 ? h5_save(file, path, STATUS_DATA)
                 : status_set(STATUS_DATA, "%s: cannot be made: %s", path, h5_failure(cause));
    if (file >= 0)
        H5Fclose(file);
    return status;
}
