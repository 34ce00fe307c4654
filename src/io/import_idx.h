#pragma once
/* The IDX format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist), plain or gzipped, all numbers
 * big-endian:
 *
 *   4 bytes       0, 0, type of the elements (0x08: unsigned bytes), number of dimensions
 *   4 bytes each  the dimensions
 *   the elements */
#include "io/dataset.h"

/* Images (N, H, W) or (N, H, W, C) and labels (N), both of unsigned bytes, become a split of that name with
 * classes. STATUS_DATA with the file, and nothing to destroy, for: missing, no IDX, another type or rank,
 * truncated, something behind the end, counts that differ, no sample. */
enum status import_idx(struct dataset_split *split, const char *name, const char *images_path,
                       const char *labels_path);
