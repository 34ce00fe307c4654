#pragma once
/* The few things that dataset and checkpoint both do with HDF5. Handles are closed by whoever opened them;
 * HDF5's own error printing is switched off by h5_quiet, and the messages here say file and object instead.
 */
#include "core/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

/* Keeps HDF5's messages for h5_failure instead of printing them; called before first use by everything here.
 */
void h5_quiet(void);

enum { H5_FAILURE_MAX = 256 };

/* HDF5's own words, or the system's, for the innermost cause of the call that failed last; writes into `out`
 * and returns it. */
char *h5_failure(char out[H5_FAILURE_MAX]);

/* Opens an existing file read-only, without locking it. `code` with a message that tells missing, a folder,
 * not readable, not HDF5 and truncated apart. */
enum status h5_open(const char *path, enum status code, hid_t *file);

/* A new file in memory, since HDF5 does not survive a full disk; without times, so that the same content
 * gives the same bytes; of the format of HDF5 1.8, the oldest one with check sums over HDF5's own structures
 * and attributes of more than 64 KiB. `user_block`: bytes in front that HDF5 leaves to others, 0, 512 or a
 * larger power of 2. Negative: it could not; h5_failure tells why. */
hid_t h5_create(size_t user_block);

/* Lends the bytes of a file of h5_create, user block included, to be read and written until the file is used
 * again; the next call may give another length. False: it could not; h5_failure tells why. */
bool h5_image(hid_t file, unsigned char **bytes, size_t *size);

/* Puts what is in the file of h5_create on the disk, whole or not at all, in the place of what is there. */
enum status h5_save(hid_t file, const char *path, enum status code);

/* A new group, without times; negative where it could not. To be closed with h5_close. */
hid_t h5_create_group(hid_t parent, const char *name);

/* A new dataset, without times, of values of that type, in memory as in the file; rank 0: a single one.
 * `chunk` NULL: stored as it is; otherwise in such chunks, compressed. Returns it, to be closed with
 * h5_close; negative where it could not. */
hid_t h5_write_array(hid_t parent, const char *name, hid_t type, size_t rank, const hsize_t *dimensions,
                     const hsize_t *chunk, const void *values);

/* Closes a group or a dataset; false where that fails, or it was none. */
bool h5_close(hid_t object);

/* Whether the file holds as many bytes, or chunks, as the dataset's shape needs. Where not, a part was never
 * written, or the file is damaged, and HDF5 would give zeros for it, or read beyond its own memory. */
bool h5_is_stored(hid_t dataset);

/* Items first .. first+count-1 of the dataset's first dimension, whole, as values of `type`; false where that
 * fails. */
bool h5_read_rows(hid_t dataset, hid_t type, size_t first, size_t count, void *values);

/* Scalar attributes of `object`. Writing takes the place of an attribute of that name and returns false on
 * failure (in files of others an attribute may hold no more than 64 KiB); reading returns false where missing
 * or of another kind. Texts are written as UTF-8 of fixed length. */
bool h5_write_u64(hid_t object, const char *name, uint64_t value);
bool h5_write_double(hid_t object, const char *name, double value);
bool h5_write_text(hid_t object, const char *name, const char *value);
bool h5_read_u64(hid_t object, const char *name, uint64_t *value);
bool h5_read_double(hid_t object, const char *name, double *value);
/* To be freed by the caller; fixed and variable-length strings. */
bool h5_read_text(hid_t object, const char *name, char **value);

/* Attributes that are lists. h5_read_*: to be freed by the caller (each text, then the list). */
bool h5_write_floats(hid_t object, const char *name, const float *values, size_t count);
bool h5_write_texts(hid_t object, const char *name, const char *const *values, size_t count);
bool h5_read_floats(hid_t object, const char *name, float **values, size_t *count);
bool h5_read_texts(hid_t object, const char *name, char ***values, size_t *count);
bool h5_has_attribute(hid_t object, const char *name);
