#pragma once
/* XXH3_64bits, the one digest of this program: tells content that differs, by accident, not by intent. */
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

uint64_t digest_bytes(const void *bytes, size_t size);

/* Of `size` bytes and of what is left to be read from the file behind descriptor `fd`, which is at its end
 * afterwards. `path` is for the message of a failure, which is `code`. */
enum status digest_rest(int fd, const void *bytes, size_t size, const char *path, enum status code,
                        uint64_t *digest);

/* Of a whole file. */
enum status digest_file(const char *path, enum status code, uint64_t *digest);
