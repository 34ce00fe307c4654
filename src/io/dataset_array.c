#include "io/dataset_array.h"

#include "io/guard.h"
#include "io/h5.h"
#include "io/h5_chunks.h"
#include "io/h5_header.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* STATUS_DATA with "FILE: /train/images" in front of the words. */
enum status __attribute__((format(printf, 3, 4)))
dataset_array_wrong(const struct dataset_split *split, const char *array, const char *format, ...)
{
    char words[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return status_set(STATUS_DATA, "%s: /%s/%s%s", split->path, split->name, array, words);
}

void dataset_array_close(struct dataset_array *a)
{
    if (a->type >= 0)
        H5Tclose(a->type);
    if (a->id >= 0)
        H5Dclose(a->id);
}

bool dataset_array_exists(hid_t file, const char *split, const char *array)
{
    char path[64];
    snprintf(path, sizeof path, "/%s/%s", split, array);
    return H5Lexists(file, split, H5P_DEFAULT) > 0 && H5Lexists(file, path, H5P_DEFAULT) > 0;
}

enum status dataset_array_open(const struct dataset_split *split, hid_t file, const char *name,
                               struct dataset_array *a)
{
    char path[64], cause[H5_FAILURE_MAX];
    *a = (struct dataset_array){.name = name, .id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    if (!dataset_array_exists(file, split->name, name))
        return dataset_array_wrong(split, name,
                                   ": no such dataset; cnn-data import makes files that have it");
    snprintf(path, sizeof path, "/%s/%s", split->name, name);
    hid_t space = H5I_INVALID_HID;
    if ((a->id = H5Dopen2(file, path, H5P_DEFAULT)) < 0 || (a->type = H5Dget_type(a->id)) < 0 ||
        (space = H5Dget_space(a->id)) < 0)
        return dataset_array_wrong(split, name, ": cannot be opened as a dataset: %s", h5_failure(cause));
    if (!h5_header_is_sound(a->id)) {
        H5Sclose(space);
        return dataset_array_wrong(split, name,
                                   ": damaged: an attribute is larger than its place in the file");
    }
    a->kind = H5Tget_class(a->type);
    if (a->kind == H5T_ENUM)
        a->kind = H5T_INTEGER;
    a->rank = H5Sget_simple_extent_dims(space, a->dims, NULL);
    H5Sclose(space);
    return a->rank < 0 ? dataset_array_wrong(split, name, ": damaged: its size cannot be read") : STATUS_OK;
}

const char *dataset_array_type(char out[32], const struct dataset_array *a)
{
    unsigned bits = (unsigned)H5Tget_size(a->type) * 8;
    if (a->kind == H5T_FLOAT)
        snprintf(out, 32, "float%u", bits);
    else if (a->kind == H5T_INTEGER)
        snprintf(out, 32, "%sint%u", H5Tget_sign(a->type) == H5T_SGN_NONE ? "u" : "", bits);
    else
        snprintf(out, 32, "%s", a->kind == H5T_STRING ? "text" : "a compound or other type");
    return out;
}

/* Memory for so many numbers, where this machine can have so much; NULL where `status` is not OK, before or
 * after. */
void *dataset_array_memory(const struct dataset_split *split, const struct dataset_array *a,
                           struct shape shape, size_t element, enum status *status)
{
    size_t bytes = dataset_bytes(split->count, shape, element);
    if (!*status && bytes == 0)
        *status = dataset_array_wrong(split, a->name,
                                      ": more than this machine's memory: %zu samples of %zux%zux%zu numbers",
                                      split->count, shape.h, shape.w, shape.c);
    void *memory = *status ? NULL : malloc(bytes);
    if (!*status && !memory)
        *status = status_no_memory("the dataset", bytes);
    return memory;
}

/* Chunks that the array is laid out in; 1 where it is not chunked. */
static double chunk_count(const struct dataset_array *a)
{
    hsize_t chunk[H5S_MAX_RANK];
    double count = 1;
    hid_t properties = H5Dget_create_plist(a->id);
    if (properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED &&
        H5Pget_chunk(properties, H5S_MAX_RANK, chunk) == a->rank)
        for (int i = 0; i < a->rank; i++)
            count *= ceil((double)a->dims[i] / (double)chunk[i]);
    if (properties >= 0)
        H5Pclose(properties);
    return count;
}

/* A damaged chunk size can mean more chunks than the file has bytes, which HDF5 would look for one by one,
 * for hours. */
static enum status check_chunks(const struct dataset_split *split, const struct dataset_array *a)
{
    struct stat info;
    double chunks = chunk_count(a);
    if (stat(split->path, &info) == 0 && chunks > 1 && chunks > (double)info.st_size)
        return dataset_array_wrong(split, a->name,
                                   ": %.0f chunks in a file of %lld bytes: the file is damaged", chunks,
                                   (long long)info.st_size);
    return STATUS_OK;
}

/* Before any of it is read. */
enum status dataset_array_check(const struct dataset_split *split, const struct dataset_array *a)
{
    enum status status = check_chunks(split, a);
    if (status)
        return status;
    if (!h5_is_stored(a->id) || (!split->sealed && !h5_chunks_are_whole(a->id)))
        return dataset_array_wrong(split, a->name,
                                   ": not all of it is in the file: it was not written to the end, or the "
                                   "file is damaged");
    return STATUS_OK;
}

enum status dataset_array_unreadable(const struct dataset_split *split, const struct dataset_array *a)
{
    char cause[H5_FAILURE_MAX];
    return dataset_array_wrong(split, a->name, ": cannot be read, the file is damaged or needs a filter: %s",
                               h5_failure(cause));
}

enum status dataset_array_read(const struct dataset_split *split, const struct dataset_array *a, hid_t type,
                               void *memory)
{
    enum status status = dataset_array_check(split, a);
    if (!status && H5Dread(a->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) < 0)
        status = dataset_array_unreadable(split, a);
    return status;
}
