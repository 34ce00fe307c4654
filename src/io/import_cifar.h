#pragma once
/* The binary version of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html): files of
 * records, each the label and 3 planes of 32 x 32 bytes, red, green, blue.
 *
 *   CIFAR-10    data_batch_1.bin ... data_batch_5.bin, test_batch.bin, batches.meta.txt; 1 byte: the class
 *   CIFAR-100   train.bin, test.bin, fine_label_names.txt, coarse_label_names.txt; 2 bytes: coarse, fine */
#include "io/class_names.h"
#include "io/dataset.h"

/* Both splits and the names of the classes from the folder with these files, plain or gzipped (NAME.bin.gz).
 * `coarse`: the 20 classes of CIFAR-100. STATUS_DATA with the file, and nothing to destroy: none of these
 * files, one missing, a size that is no whole number of records, a class beyond the names. STATUS_USAGE:
 * coarse labels of CIFAR-10. */
enum status import_cifar(struct dataset_split *train, struct dataset_split *test, struct class_names *names,
                         const char *folder, bool coarse);
