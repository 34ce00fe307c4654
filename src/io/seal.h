#pragma once
/* The first SEAL_SIZE bytes of a checkpoint, and of a dataset that cnn-data wrote: HDF5's user block, which
 * HDF5 itself steps over. It is a text that says what the file is, how long it is, and its digest; of a
 * checkpoint, its step as well:
 *
 *     cnn-train checkpoint 1
 *     step  00000000000000000123
 *     bytes 00000000000004812800
 *     xxh3  0123456789abcdef
 *
 * The digest is XXH3_64bits of all bytes of the file, with zeros ("0") for the digest's own 16 digits. So a
 * file that is truncated or changed in any byte is refused before HDF5 reads the first of them, which not
 * every damage would let it survive. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEAL_SIZE = 512 };

/* Writes the seal of a checkpoint into the first SEAL_SIZE bytes of a file's image of `size` bytes. */
void seal_write(unsigned char *image, size_t size, uint64_t step);

/* The same for a dataset: "cnn-train dataset 1", without the line of the step. */
void seal_write_dataset(unsigned char *image, size_t size);

/* The step that the seal of a checkpoint claims, without checking it; false where the file has no such seal
 * or cannot be read. */
bool seal_step(const char *path, uint64_t *step);

/* Reads the whole file. `code`: it has a seal, of either kind, and does not match it, or what was a seal is
 * damaged itself, or it is not a regular file. `sealed` false with STATUS_OK: no seal, or the file cannot be
 * opened, which h5_open tells better. */
enum status seal_check(const char *path, enum status code, bool *sealed);
