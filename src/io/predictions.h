#pragma once
/* The file that cnn-predict writes: /SPLIT/probabilities (N, K) float32 and, for classes, /SPLIT/predicted
 * (N) int32 with the attribute class_names. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

struct predictions {
    const char *split; /* "train" or "test" */
    size_t count, outputs;
    const float *values;            /* (count, outputs): what the last layer gives */
    bool classes;                   /* the largest of a row is the predicted class */
    const char *const *class_names; /* (class_count); NULL: none */
    size_t class_count;
};

/* Writes under a temporary name and renames. STATUS_USAGE of output_allowed; STATUS_DATA where it cannot be
 * written. */
enum status predictions_write(const char *path, const struct predictions *predictions, bool overwrite);
