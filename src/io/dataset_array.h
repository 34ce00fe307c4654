#pragma once
/* One array of a dataset's file, images or labels of a split, opened with HDF5. */
#include "io/dataset.h"

#include <hdf5.h>

/* A dataset of the file, opened. */
struct dataset_array {
    const char *name; /* "images", "labels" */
    hid_t id, type;
    H5T_class_t kind;
    int rank;
    hsize_t dims[H5S_MAX_RANK];
};

/* STATUS_DATA with "FILE: /train/images" in front of the words. */
enum status __attribute__((format(printf, 3, 4)))
dataset_array_wrong(const struct dataset_split *split, const char *array, const char *format, ...);

/* Whether the file has it. */
bool dataset_array_exists(hid_t file, const char *split, const char *array);

/* /SPLIT/NAME of the file; dataset_array_close afterwards, also where it failed. */
enum status dataset_array_open(const struct dataset_split *split, hid_t file, const char *name,
                               struct dataset_array *a);

void dataset_array_close(struct dataset_array *a);

/* Before any of it is read: all of it is in the file, in a layout that can be. */
enum status dataset_array_check(const struct dataset_split *split, const struct dataset_array *a);

/* Memory for so many numbers, malloc'ed, where this machine can have so much; NULL where `status` is not OK,
 * before or after. */
void *dataset_array_memory(const struct dataset_split *split, const struct dataset_array *a,
                           struct shape shape, size_t element, enum status *status);

/* All of it, as numbers of `type`; checked first. */
enum status dataset_array_read(const struct dataset_split *split, const struct dataset_array *a, hid_t type,
                               void *memory);

/* What HDF5 says of a read that failed. */
enum status dataset_array_unreadable(const struct dataset_split *split, const struct dataset_array *a);

/* "uint8", "float32" and so on. */
const char *dataset_array_type(char out[32], const struct dataset_array *a);
