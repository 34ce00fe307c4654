#pragma once
/* What the writer and the readers of checkpoints share; for checkpoint_*.c only. */
#include "io/checkpoint.h"
#include "io/h5.h"

#define CHECKPOINT_FORMAT "cnn-train checkpoint"
enum { CHECKPOINT_VERSION = 1, CHECKPOINT_NAME_MAX = 1024, CHECKPOINT_TEXT_MAX = 1 << 24 };

/* One attribute of /state. */
struct state_field {
    const char *name;
    size_t offset; /* in struct progress */
    bool real;     /* double, otherwise uint64_t */
};
extern const struct state_field checkpoint_state[];
extern const size_t checkpoint_state_count;

/* XXH3 of bytes as 16 hexadecimal digits; writes into `out` and returns it. */
char *checkpoint_digest(char out[17], const void *bytes, size_t size);

/* The digest of /state: of the values, 8 bytes each, in the order of the table. */
char *checkpoint_state_digest(char out[17], const struct progress *progress);

/* "/model/conv1/weight"; false where that is too long. */
bool checkpoint_array_name(char out[CHECKPOINT_NAME_MAX], const char *group, const struct layer *layer,
                           const struct parameter *parameter);

/* STATUS_CHECKPOINT where the /digest group says something else of the object `name` with these bytes.
 * `digests` may be invalid, or silent about the object: `needed` says whether that is a failure. */
enum status checkpoint_check_digest(const char *path, hid_t digests, const char *name, const void *bytes,
                                    size_t size, bool needed);

/* The names of all arrays below `group`, as in "conv1/weight", in the order in which they were written where
 * the file knows it; anything else there is a failure. None where
 * there is no such group. To be freed with checkpoint_names_free. */
struct checkpoint_names {
    char **names;
    size_t count;
};
enum status checkpoint_list(const char *path, hid_t file, const char *group, struct checkpoint_names *list);
void checkpoint_names_free(struct checkpoint_names *list);

/* An array of float32 of the file, opened, with its shape. */
struct checkpoint_array {
    hid_t id;
    size_t rank, dimensions[H5S_MAX_RANK], count;
};

/* STATUS_CHECKPOINT: not there, not float32. */
enum status checkpoint_array_open(const char *path, hid_t file, const char *name,
                                  struct checkpoint_array *array);
void checkpoint_array_close(struct checkpoint_array *array);

/* All values into `values` (array->count); STATUS_CHECKPOINT: unreadable, the digest differs, or a value is
 * not finite. */
enum status checkpoint_array_read(const char *path, hid_t digests, const char *name,
                                  const struct checkpoint_array *array, bool digest_needed, float *values);

/* Writes one file, under a temporary name first; see checkpoint_write. */
enum status checkpoint_write_file(const char *path, const struct checkpoint_content *content);

/* Opens a file to read. `seal_needed`: only what checkpoint_write made and nobody changed; otherwise any HDF5
 * file, but one with a seal must match it. */
enum status checkpoint_open(const char *path, bool seal_needed, hid_t *file);

/* checkpoint_read_info of an open file. */
enum status checkpoint_read_info_of(const char *path, hid_t file, struct checkpoint_info *info);

/* A group of the file; an invalid one where there is none, which closing takes too. */
hid_t checkpoint_group_open(hid_t file, const char *name);
void checkpoint_group_close(hid_t group);

/* STATUS_CHECKPOINT with "PATH: <object> is missing or damaged". */
enum status checkpoint_bad(const char *path, const char *object);
