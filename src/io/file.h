#pragma once
/* Files that are there whole or not at all: written under a temporary name in the same folder, flushed,
 * renamed, the folder flushed. A crash at any moment leaves the old file or the new one, and at worst a
 * dot-file beside it, which file_left_behind knows.
 *
 *     file_begin(path, code, temporary);
 *     ... write to `temporary`, by file_write or by its name ...
 *     file_commit(temporary, path, code);
 *     on any failure, of file_commit too: file_abandon(temporary);
 *
 * Every function here fails with `code`, which is the caller's: STATUS_DATA, STATUS_CHECKPOINT, ... Paths are
 * at most FILE_PATH_MAX - 1 bytes long. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { FILE_PATH_MAX = 1024 };

/* Creates an empty file of a name that nobody else has, ".NAME.PID-N.tmp", in the folder of `final_path`. On
 * failure `temporary` is "", which file_abandon takes as well. */
enum status file_begin(const char *final_path, enum status code, char temporary[FILE_PATH_MAX]);

/* Replaces what is in `temporary` by these bytes. `final_path` is for the message. */
enum status file_write(const char *temporary, const void *bytes, size_t size, const char *final_path,
                       enum status code);

/* Flushes `temporary` to the disk, renames it to `final_path`, replacing what is there, flushes the folder.
 * Where only that last step failed, the file is in place. */
enum status file_commit(const char *temporary, const char *final_path, enum status code);

/* All of these steps. Where the last one failed, flushing the folder, the new file is in place. */
enum status file_put(const char *path, const void *bytes, size_t size, enum status code);

/* Who else has a say: asked in the moment before the rename, with everything written and flushed. An answer
 * that is not OK ends the writing with it, and nothing has changed. */
struct file_guard {
    enum status (*check)(void *user);
    void *user;
};
enum status file_put_guarded(const char *path, const void *bytes, size_t size, struct file_guard guard,
                             enum status code);

/* Removes the file, if it is there; leaves errno and the status message alone. */
void file_abandon(const char *temporary);

/* Whether `path` is a temporary file or link that nobody is going to finish: it was not touched for an hour
 * (its process may be another host's), and no other process of this host lives that could have made it.
 * `name` gets the NAME in it, without the folder. */
bool file_left_behind(const char *path, char name[FILE_PATH_MAX]);

/* The folder, and the folders above it, where they are missing. */
enum status file_make_folder(const char *path, enum status code);

/* Makes `link_path` a symbolic link to `target_name`, in one step where a link is there already. Something
 * else than a link in that place is left alone and is a failure. */
enum status file_link(const char *target_name, const char *link_path, enum status code);

/* "cannot <action> <path>: <what errno `error` means>", and what to do about it: which file system is full or
 * read-only, whose permission is missing. */
enum status file_failure(enum status code, int error, const char *action, const char *path);
