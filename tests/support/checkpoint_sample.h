#pragma once
/* A small network with everything that a checkpoint holds, and ways to spoil the files that are made of it.
 */
#include "io/checkpoint.h"

#include <hdf5.h>

#define SAMPLE_CONFIG                                                                                        \
    "[run]\nname = sample\n\n[network]\nconv1 = conv2d filters=4 kernel=3\n# Gr\xc3\xb6\xc3\x9f"             \
    "e\n"

struct sample {
    struct network network; /* conv1 4x1x3x3 with bias, fc1 10x144 without, softmax */
    struct checkpoint_slot momentum;
    struct progress progress;
    struct normalization normalization;
    struct checkpoint_content content; /* points to all of the above; the caller's to change */
};

/* `seed`: another one gives other values everywhere. */
void sample_create(struct sample *sample, uint64_t seed);
void sample_destroy(struct sample *sample);

/* Writes the sample as checkpoint of that step into the folder; gives its path, valid until the next call. */
const char *sample_write(struct sample *sample, const char *folder, uint64_t step, bool best);

/* Opens a checkpoint to change it with HDF5; closing seals it anew, so that only what was changed is wrong.
 */
hid_t sample_edit(const char *path);
void sample_edited(const char *path, hid_t file);

/* Seals the file as it is. */
void sample_seal(const char *path);

/* Inverts the lowest bit of the byte at this place of the file. */
void sample_flip(const char *path, size_t offset);

/* Where in the file these bytes are: they must be there exactly once. */
size_t sample_find(const char *path, const void *bytes, size_t size);
