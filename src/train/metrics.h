#pragma once
/* OUTPUT/metrics.csv: one line per epoch. */
#include "core/loss.h"
#include "core/status.h"

#include <stdint.h>

struct metrics_row {
    uint64_t epoch, step, samples;
    struct loss_sum train, test; /* what has no accuracy, or was not evaluated, is an empty field */
    double learning_rate;
    double images_per_s;      /* of the epoch's steps alone */
    double seconds;           /* of the run so far, with evaluations and checkpoints */
    struct metrics_row *next; /* NULL: the last of a list */
};

/* Starts the file with its header, or, on resume, keeps the lines of the first `epochs` epochs, which are
 * completed, of the one that is there, and drops those behind, which come again. STATUS_CHECKPOINT: it cannot
 * be written. */
enum status metrics_start(const char *folder, uint64_t epochs);

/* Appends the lines of a list, flushed to the disk, and first the header where the file is new. All or none.
 * STATUS_CHECKPOINT: they cannot be written. */
enum status metrics_append(const char *folder, const struct metrics_row *rows);
