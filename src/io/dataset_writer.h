#pragma once
/* Writes the HDF5 files that dataset.h tells of: chunked for reading in random order, compressed, the same
 * bytes for the same content. */
#include "io/dataset.h"

/* The mean and the deviation of pixel/255 per channel, from exact sums; the deviation of a constant channel
 * is given as 1, since one divides by it. normalization_destroy frees. STATUS_INTERNAL for want of memory. */
enum status dataset_statistics(const struct dataset_split *split, struct normalization *normalization);

/* Splits of uint8 images with classes; `test` NULL: none. Class names may be fewer than none: NULL and 0. */
struct dataset_content {
    const struct dataset_split *train, *test;
    const char *const *class_names;
    size_t class_count;
};

/* Writes under a temporary name and renames. STATUS_USAGE of output_allowed; STATUS_DATA, with nothing left
 * behind: the splits differ in shape, a label is beyond the class names (file and index), or the file cannot
 * be written. */
enum status dataset_write(const char *path, const struct dataset_content *content, bool overwrite);
