#pragma once
/* What is in a dataset, for people: shapes, types, values, a histogram of the classes. */
#include "io/dataset.h"

#include <stdio.h>

/* `train` and `test` of the same file; NULL: not there, but not both. `utf8`: bars of blocks instead of
 * signs. */
void dataset_report(const struct dataset_split *train, const struct dataset_split *test, bool utf8,
                    FILE *out);
