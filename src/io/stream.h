#pragma once
/* Images of a split that are left in its file: read from there in runs (struct dataset_split), of which as
 * many as there is room for are kept. A run is looked for in memory first, and is read at once where it is
 * not there: so any image can be had at any time, and how much memory there is decides only how often the
 * file is read.
 *
 * Each time a run is read its digest is compared with the one that dataset_scan found: a file that is changed
 * or damaged under way gives a failure, and never other numbers. For one thread at a time. */
#include "io/dataset.h"

#include <hdf5.h>
#include <stdatomic.h>

struct stream {
    const struct dataset_split *split; /* borrowed; NULL: there is nothing to stream */
    hid_t file, images;
    size_t slots;
    unsigned char *memory; /* (slots) runs */
    size_t *run_of;        /* (slots) SIZE_MAX: none */
    uint64_t *until;       /* (slots) as stream_load was told */
    size_t *slot_of;       /* (runs) SIZE_MAX: not in memory */
    atomic_ullong reads;   /* runs that were read from the file; for any thread */
};

/* Bytes that stream_create takes for so many slots. */
size_t stream_memory(const struct dataset_split *split, size_t slots);

/* How many slots fit into `bytes`: one to as many as there are runs. */
size_t stream_slots(const struct dataset_split *split, size_t bytes);

/* For a split of dataset_scan that has no images. stream_destroy does nothing to one that is zero. */
enum status stream_create(struct stream *stream, const struct dataset_split *split, size_t slots);
void stream_destroy(struct stream *stream);

/* Has a run in memory. Of those that are there, the one whose `until` is the lowest makes room; `until` rises
 * with each call for the run. STATUS_DATA with file, dataset and index: it cannot be read, or is not what it
 * was. */
enum status stream_load(struct stream *stream, size_t run, uint64_t until);

/* Whether there is a slot that is empty, or whose run is needed by nobody from `since` on. */
bool stream_has_room(const struct stream *stream, uint64_t since);

/* One image, as memory would have it, into `to`. */
enum status stream_read(struct stream *stream, size_t sample, uint64_t until, void *to);
