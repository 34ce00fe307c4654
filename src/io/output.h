#pragma once
/* Files that a program is told to write. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether `path` may be written. STATUS_USAGE where it is a folder, one of the `count` files that are read
 * (another spelling of it, a symbolic or a hard link; "" and what is not there are none), or there already
 * and `overwrite` does not allow to replace it. */
enum status output_allowed(const char *path, bool overwrite, const char *const *inputs, size_t count);
