#include "io/stream.h"

#include "io/digest.h"
#include "io/guard.h"
#include "io/h5.h"
#include "io/h5_lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t none = SIZE_MAX;

static size_t run_bytes(const struct dataset_split *split)
{
    return split->run * dataset_image_bytes(split);
}

size_t stream_memory(const struct dataset_split *split, size_t slots)
{
    return slots * (run_bytes(split) + sizeof(size_t) + sizeof(uint64_t)) +
           dataset_runs(split) * sizeof(size_t);
}

size_t stream_slots(const struct dataset_split *split, size_t bytes)
{
    size_t fit = bytes / run_bytes(split), runs = dataset_runs(split);
    return fit == 0 ? 1 : fit < runs ? fit : runs;
}

static enum status open_file(struct stream *s)
{
    char name[64], cause[H5_FAILURE_MAX];
    const struct dataset_split *split = s->split;
    snprintf(name, sizeof name, "/%s/images", split->name);
    enum status status = h5_open(split->path, STATUS_DATA, &s->file);
    if (!status && (s->images = H5Dopen2(s->file, name, H5P_DEFAULT)) < 0)
        status =
            status_set(STATUS_DATA, "%s: %s: cannot be opened: %s", split->path, name, h5_failure(cause));
    return status;
}

static enum status allocate(struct stream *s)
{
    size_t runs = dataset_runs(s->split);
    s->memory = malloc(s->slots * run_bytes(s->split));
    s->run_of = malloc(s->slots * sizeof *s->run_of);
    s->until = calloc(s->slots, sizeof *s->until);
    s->slot_of = malloc(runs * sizeof *s->slot_of);
    if (!s->memory || !s->run_of || !s->until || !s->slot_of)
        return status_no_memory("images that are streamed", stream_memory(s->split, s->slots));
    for (size_t i = 0; i < s->slots; i++)
        s->run_of[i] = none;
    for (size_t i = 0; i < runs; i++)
        s->slot_of[i] = none;
    return STATUS_OK;
}

enum status stream_create(struct stream *s, const struct dataset_split *split, size_t slots)
{
    *s = (struct stream){.split = split, .file = H5I_INVALID_HID, .images = H5I_INVALID_HID, .slots = slots};
    h5_lock();
    guard_begin(split->path, STATUS_DATA);
    enum status status = open_file(s);
    guard_end();
    h5_unlock();
    if (!status)
        status = allocate(s);
    if (status)
        stream_destroy(s);
    return status;
}

void stream_destroy(struct stream *s)
{
    if (s->split) {
        h5_lock();
        if (s->images >= 0)
            H5Dclose(s->images);
        if (s->file >= 0)
            H5Fclose(s->file);
        h5_unlock();
    }
    free(s->memory);
    free(s->run_of);
    free(s->until);
    free(s->slot_of);
    *s = (struct stream){0};
}

/* The slot to be given up next: an empty one, or the one whose images are needed no longer, or for the
 * shortest time. */
static size_t choose_slot(const struct stream *s)
{
    size_t slot = 0;
    for (size_t i = 0; i < s->slots; i++) {
        if (s->run_of[i] == none)
            return i;
        if (s->until[i] < s->until[slot])
            slot = i;
    }
    return slot;
}

bool stream_has_room(const struct stream *s, uint64_t since)
{
    size_t slot = choose_slot(s);
    return s->run_of[slot] == none || s->until[slot] < since;
}

static enum status read_run(struct stream *s, size_t run, void *to)
{
    const struct dataset_split *split = s->split;
    size_t first = run * split->run, count = dataset_run_count(split, run);
    char cause[H5_FAILURE_MAX];
    h5_lock();
    h5_quiet();
    guard_begin(split->path, STATUS_DATA);
    bool ok =
        h5_read_rows(s->images, split->is_float ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT8, first, count, to);
    h5_failure(cause);
    guard_end();
    h5_unlock();
    if (!ok)
        return status_set(STATUS_DATA,
                          "%s: /%s/images[%zu] to [%zu] cannot be read any more, the file was damaged or "
                          "changed since the start: %s",
                          split->path, split->name, first, first + count - 1, cause);
    if (digest_bytes(to, count * dataset_image_bytes(split)) != split->run_digests[run])
        return status_set(STATUS_DATA,
                          "%s: /%s/images[%zu] to [%zu] are not what they were at the start: the file was "
                          "damaged or changed since",
                          split->path, split->name, first, first + count - 1);
    return STATUS_OK;
}

enum status stream_load(struct stream *s, size_t run, uint64_t until)
{
    size_t slot = s->slot_of[run];
    if (slot != none) {
        s->until[slot] = until > s->until[slot] ? until : s->until[slot];
        return STATUS_OK;
    }
    slot = choose_slot(s);
    if (s->run_of[slot] != none)
        s->slot_of[s->run_of[slot]] = none;
    s->run_of[slot] = none;
    enum status status = read_run(s, run, s->memory + slot * run_bytes(s->split));
    if (status)
        return status;
    s->reads++;
    s->run_of[slot] = run;
    s->slot_of[run] = slot;
    s->until[slot] = until;
    return STATUS_OK;
}

enum status stream_read(struct stream *s, size_t sample, uint64_t until, void *to)
{
    size_t run = sample / s->split->run, item = dataset_image_bytes(s->split);
    enum status status = stream_load(s, run, until);
    if (!status)
        memcpy(to, s->memory + s->slot_of[run] * run_bytes(s->split) + sample % s->split->run * item, item);
    return status;
}
