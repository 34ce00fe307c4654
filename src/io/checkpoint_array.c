#include "io/checkpoint_format.h"
#include "io/h5_chunks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct visit {
    const char *path, *group;
    struct checkpoint_names *list;
    enum status status;
};

static enum status append(struct checkpoint_names *list, const char *name)
{
    char **names = realloc(list->names, (list->count + 1) * sizeof *names), *copy = strdup(name);
    if (names)
        list->names = names;
    if (!names || !copy) {
        free(copy);
        return status_no_memory("the names in a checkpoint", strlen(name));
    }
    list->names[list->count++] = copy;
    return STATUS_OK;
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    struct visit *visit = data;
    hid_t object = info->type == H5L_TYPE_HARD ? H5Oopen(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
    H5I_type_t kind = object >= 0 ? H5Iget_type(object) : H5I_BADID;
    if (object >= 0)
        H5Oclose(object);
    if (kind == H5I_DATASET)
        visit->status = append(visit->list, name);
    else if (kind != H5I_GROUP)
        visit->status = status_set(STATUS_CHECKPOINT, "%s: %s/%s is neither an array nor a group",
                                   visit->path, visit->group, name);
    return visit->status == STATUS_OK ? 0 : -1;
}

/* Ours are in the order of the network; other files know none. */
static bool keeps_order(hid_t file, const char *name)
{
    unsigned flags = 0;
    hid_t group = checkpoint_group_open(file, name);
    hid_t creation = group >= 0 ? H5Gget_create_plist(group) : H5I_INVALID_HID;
    if (creation >= 0) {
        H5Pget_link_creation_order(creation, &flags);
        H5Pclose(creation);
    }
    checkpoint_group_close(group);
    return flags & H5P_CRT_ORDER_INDEXED;
}

enum status checkpoint_list(const char *path, hid_t file, const char *group, struct checkpoint_names *list)
{
    struct visit visit = {path, group, list, STATUS_OK};
    *list = (struct checkpoint_names){0};
    if (H5Lexists(file, group, H5P_DEFAULT) <= 0)
        return STATUS_OK;
    bool ordered = keeps_order(file, group);
    herr_t failed = H5Lvisit_by_name(file, group, ordered ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, H5_ITER_INC,
                                     visit_link, &visit, H5P_DEFAULT);
    if (failed < 0 && ordered && visit.status == STATUS_OK) { /* a group below may keep none */
        checkpoint_names_free(list);
        failed = H5Lvisit_by_name(file, group, H5_INDEX_NAME, H5_ITER_INC, visit_link, &visit, H5P_DEFAULT);
    }
    if (failed < 0 && visit.status == STATUS_OK)
        visit.status = status_set(STATUS_CHECKPOINT, "%s: %s is damaged or not a group", path, group);
    if (visit.status != STATUS_OK)
        checkpoint_names_free(list);
    return visit.status;
}

void checkpoint_names_free(struct checkpoint_names *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct checkpoint_names){0};
}

/* "64-bit float" and the like. */
static void describe_type(hid_t type, char out[64])
{
    size_t bits = 8 * H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_FLOAT:
        snprintf(out, 64, "%s%zu-bit float", H5Tget_order(type) == H5T_ORDER_BE ? "big-endian " : "", bits);
        break;
    case H5T_INTEGER:
        snprintf(out, 64, "%zu-bit integer", bits);
        break;
    default:
        snprintf(out, 64, "something else");
    }
}

static enum status check_type(const char *path, const char *name, hid_t dataset)
{
    char is[64] = "something else";
    hid_t type = H5Dget_type(dataset);
    bool ok = type >= 0 && H5Tequal(type, H5T_IEEE_F32LE) > 0;
    if (type >= 0) {
        describe_type(type, is);
        H5Tclose(type);
    }
    return ok ? STATUS_OK
              : status_set(STATUS_CHECKPOINT, "%s: %s is of %s, 32-bit float is wanted", path, name, is);
}

static enum status read_shape(const char *path, const char *name, struct checkpoint_array *array)
{
    hsize_t dimensions[H5S_MAX_RANK];
    hid_t space = H5Dget_space(array->id);
    int rank =
        space >= 0 && H5Sis_simple(space) > 0 ? H5Sget_simple_extent_dims(space, dimensions, NULL) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (rank < 0)
        return status_set(STATUS_CHECKPOINT, "%s: %s has no shape", path, name);
    array->rank = (size_t)rank;
    array->count = 1;
    for (size_t i = 0; i < array->rank; i++) {
        array->dimensions[i] = (size_t)dimensions[i];
        if (dimensions[i] == 0 || dimensions[i] > SIZE_MAX / sizeof(float) / array->count)
            return status_set(STATUS_CHECKPOINT, "%s: %s has no elements, or more than can be", path, name);
        array->count *= array->dimensions[i];
    }
    return STATUS_OK;
}

enum status checkpoint_array_open(const char *path, hid_t file, const char *name,
                                  struct checkpoint_array *array)
{
    *array = (struct checkpoint_array){.id = H5Dopen2(file, name, H5P_DEFAULT)};
    if (array->id < 0)
        return status_set(STATUS_CHECKPOINT, "%s: %s is missing or damaged", path, name);
    enum status status = check_type(path, name, array->id);
    if (status == STATUS_OK)
        status = read_shape(path, name, array);
    if (status != STATUS_OK)
        checkpoint_array_close(array);
    return status;
}

void checkpoint_array_close(struct checkpoint_array *array)
{
    if (array->id >= 0)
        H5Dclose(array->id);
    array->id = H5I_INVALID_HID;
}

static enum status check_finite(const char *path, const char *name, const struct checkpoint_array *array,
                                const float *values)
{
    char index[256] = "";
    size_t first = 0, used = 0;
    while (first < array->count && isfinite(values[first]))
        first++;
    if (first == array->count)
        return STATUS_OK;
    for (size_t i = 0, block = array->count, rest = first; i < array->rank && used < sizeof index; i++) {
        block /= array->dimensions[i];
        used += (size_t)snprintf(index + used, sizeof index - used, "%s%zu", i ? "," : "", rest / block);
        rest %= block;
    }
    return status_set(STATUS_CHECKPOINT, "%s: %s[%s] is %f: weights must be finite", path, name, index,
                      (double)values[first]);
}

enum status checkpoint_array_read(const char *path, hid_t digests, const char *name,
                                  const struct checkpoint_array *array, bool digest_needed, float *values)
{
    char reason[H5_FAILURE_MAX];
    if (!h5_is_stored(array->id) || !h5_chunks_are_whole(array->id))
        return status_set(STATUS_CHECKPOINT,
                          "%s: not all of %s is in the file: it was not written to the end, or the file is "
                          "damaged",
                          path, name);
    if (H5Dread(array->id, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        return status_set(STATUS_CHECKPOINT, "%s: %s cannot be read: %s", path, name, h5_failure(reason));
    enum status status =
        checkpoint_check_digest(path, digests, name, values, array->count * sizeof *values, digest_needed);
    return status == STATUS_OK ? check_finite(path, name, array, values) : status;
}
