#pragma once
/* What of the images is in memory, and what is read from the file as it is needed. None of this changes a bit
 * of a run, but for the window that a first start chooses. */
#include <stdbool.h>
#include <stddef.h>

struct data_plan {
    size_t train_limit, test_limit; /* of dataset_scan */
    size_t cache;                   /* bytes that each rank may have for runs of training images */
};

/* Half of this host's memory, or of what this job may take of it, in bytes. */
double data_plan_memory(void);

/* `memory` bytes for all images of a host: `train` and `test` of them, once for all `ranks` of it or (`share`
 * false) once for each. All are in memory where they fit; else test images, where they take a quarter of it
 * or less; else training images, where they take three quarters or less. Training images that are streamed
 * get the rest, and at least DATA_PLAN_CACHE_MIN a rank. */
struct data_plan data_plan_make(double memory, double train, double test, int ranks, bool share);
enum { DATA_PLAN_CACHE_MIN = 4 << 20 };

/* The share of the training images that are shuffled together: two windows fit into the cache. To two digits,
 * and at most 1. */
double data_plan_window(double cache, double train);

/* That share in runs, of so many; 0: all together. */
size_t data_plan_window_runs(double window, size_t runs);

/* Runs that a rank should keep: of the window at hand and of the next one; `runs` where there are no windows.
 */
size_t data_plan_slots(size_t window_runs, size_t runs);
