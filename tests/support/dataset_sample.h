#pragma once
/* A small dataset for tests, "a.h5" in the scratch folder, written with HDF5 alone. Failing to write fails
 * the running test. */
#include "io/dataset.h"

#include <hdf5.h>

enum { N = 5, H = 2, W = 3, C = 2, K = 3 }; /* images, their shape, values per sample */

extern unsigned char sample_bytes[N * H * W * C];
extern float sample_floats[N * H * W * C];
extern const int32_t sample_classes[N];
extern const int8_t sample_bits[N * K];

/* A cmocka group's set-up: the arrays and the scratch folder. */
int dataset_sample_fill(void **state);

/* The file with an empty group /train; and with sample_bytes as its images. */
hid_t dataset_sample_create(void);
hid_t dataset_sample_with_images(void);

/* data NULL: not written. */
void dataset_sample_put(hid_t file, const char *name, hid_t type, const void *data, int rank,
                        const hsize_t *dims);

/* (N, H, W, C); and sample_classes. */
void dataset_sample_images(hid_t file, hid_t type, const void *data);
void dataset_sample_classes(hid_t file);

void dataset_sample_annotate(hid_t file, const char *set, const char *name, const float *values,
                             size_t count);
void dataset_sample_class_names(hid_t file, size_t count); /* 4 at most */

/* Closes the file and reads its train split. */
enum status dataset_sample_read(hid_t file, struct dataset_split *split);

/* sample_bytes with labels (N), or (N, K) of rank 2, and so many class names, read back. */
void dataset_sample_labelled(struct dataset_split *split, hid_t type, const void *labels, int rank,
                             size_t names);
