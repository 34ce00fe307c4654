#pragma once
/* What two checkpoints have that is not the same: arrays bit by bit, state, data and configuration. */
#include "io/checkpoint.h"

enum array_difference_kind { DIFFERS_IN_VALUES, DIFFERS_IN_SHAPE, ONLY_IN_FIRST, ONLY_IN_SECOND };

struct array_difference {
    char *name; /* "/model/conv1/weight" */
    enum array_difference_kind kind;
    char shapes[2][64];             /* "32x1x3x3"; "" where it is not */
    size_t count, differing, first; /* values; those whose bits differ; the index of the first of them */
    double absolute, relative;      /* the largest |a - b|, and |a - b| / max(|a|, |b|) */
};

/* "state.step", "data.digest", "train.lr", each as text. */
struct fact_difference {
    char *name, *was, *is;
    bool counts; /* not of those that only say where and when: names, folders, seconds */
};

struct checkpoint_diff {
    struct array_difference *arrays; /* in the order of the first file, then those of the second alone */
    size_t array_count, same;        /* arrays that differ, and arrays that do not */
    struct fact_difference *facts;
    size_t fact_count;
};

/* Compares two files that must verify as far as they are read. Takes the memory of the largest array twice.
 * checkpoint_diff_destroy frees. STATUS_CHECKPOINT: one cannot be read. */
enum status checkpoint_diff(const char *a, const char *b, struct checkpoint_diff *diff);
void checkpoint_diff_destroy(struct checkpoint_diff *diff);

/* Whether there is any difference that counts; `arrays`: among them alone. */
bool checkpoint_differs(const struct checkpoint_diff *diff, bool arrays);

/* The arrays of a checkpoint's /model and /optimizer, in the network's order, one call each; what the call
 * returns, if not OK, ends it. */
typedef enum status checkpoint_visit(void *user, const char *name, const size_t *dimensions, size_t rank,
                                     size_t count);
enum status checkpoint_visit_arrays(const char *path, checkpoint_visit *visit, void *user);
