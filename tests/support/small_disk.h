#pragma once
/* Disks that are full and folders that cannot be written. */
#include <stdbool.h>
#include <stddef.h>

/* Mounts a file system in memory at the existing folder; false where we may not (not root), and the test
 * should skip(). */
bool small_disk_mount(const char *folder, size_t bytes);
void small_disk_read_only(const char *folder);
void small_disk_unmount(const char *folder);

/* Files longer than that cannot be written by this process, until it is set back with SIZE_MAX. */
void file_size_limit(size_t bytes);

/* As a user who may do nothing special, where we are root; back again. */
void become_nobody(void);
void become_root(void);

/* Number of entries of a folder. */
size_t folder_entries(const char *folder);
