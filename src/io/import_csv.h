#pragma once
/* Images as rows of numbers in a text file, plain or gzipped: one sample a line, pixels in the order rows,
 * columns, channels, separated by commas, semicolons or tabs. Blank lines are passed over. */
#include "io/dataset.h"

struct import_csv_options {
    struct shape shape;
    bool label_first; /* the class index stands before the pixels, not behind them */
    bool header;      /* the first line is passed over */
    double
        max; /* pixel value that becomes 255; 0 stays 0, between them it is linear, rounded to the nearest */
};

/* A split of that name with classes. STATUS_DATA with file:line:column (counted from 1, column in bytes), and
 * nothing to destroy, for what is wrong in the file. */
enum status import_csv(struct dataset_split *split, const char *name, const char *path,
                       const struct import_csv_options *options);

/* Moves the last `count` samples of `from` into `to`, a split of that name. STATUS_USAGE unless something is
 * left. */
enum status import_csv_cut(struct dataset_split *from, struct dataset_split *to, const char *name,
                           size_t count);
