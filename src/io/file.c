#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct file_guard nobody = {NULL, NULL};

enum { NAME_TRIES = 1000, WRITE_MAX = 1 << 30, LEFT_BEHIND_SECONDS = 3600 };

/* "." where the path has no folder. */
static bool folder_of(const char *path, char folder[FILE_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 1;
    if (length >= FILE_PATH_MAX)
        return false;
    if (!slash)
        strcpy(folder, ".");
    else if (length == 0)
        strcpy(folder, "/");
    else
        snprintf(folder, FILE_PATH_MAX, "%.*s", (int)length, path);
    return true;
}

/* The nearest folder that exists, at the path or above, in full; NULL where none does. To be freed. */
static char *existing_folder(const char *path)
{
    char folder[FILE_PATH_MAX], up[FILE_PATH_MAX];
    if (strlen(path) >= sizeof folder)
        return NULL;
    strcpy(folder, path);
    for (;;) {
        struct stat info;
        if (!stat(folder, &info) && S_ISDIR(info.st_mode))
            return realpath(folder, NULL);
        if (!folder_of(folder, up) || !strcmp(folder, up))
            return NULL;
        strcpy(folder, up);
    }
}

/* Where the file system that holds the path is mounted: upwards as long as the device stays the same. */
static void mount_point(const char *path, char mount[FILE_PATH_MAX])
{
    char up[FILE_PATH_MAX];
    struct stat here, above;
    char *folder = existing_folder(path);
    if (!folder || strlen(folder) >= FILE_PATH_MAX || stat(folder, &here)) {
        snprintf(mount, FILE_PATH_MAX, "%.*s", FILE_PATH_MAX - 1, path);
    } else {
        strcpy(mount, folder);
        while (folder_of(mount, up) && strcmp(up, mount) && !stat(up, &above) && above.st_dev == here.st_dev)
            strcpy(mount, up);
    }
    free(folder);
}

enum status file_failure(enum status code, int error, const char *action, const char *path)
{
    char where[FILE_PATH_MAX];
    enum status status = status_set(code, "cannot %s %s: %s", action, path, strerror(error));
    mount_point(path, where);
    const char *message = status_message();
    switch (error) {
    case ENOSPC:
        return status_set(status, "%s; the file system of %s is full: free space there", message, where);
    case EDQUOT:
        return status_set(status, "%s; your quota on the file system of %s is used up: remove files there",
                          message, where);
    case EROFS:
        return status_set(status, "%s; %s is mounted read-only: choose another folder", message, where);
    case EFBIG:
        return status_set(status, "%s; the limit is the shell's (ulimit -f) or that of the file system of %s",
                          message, where);
    case EACCES:
    case EPERM:
        return status_set(status,
                          "%s; user %lu may not do that: change the folder's permissions or choose another",
                          message, (unsigned long)geteuid());
    case ENOENT:
        return status_set(status, "%s; the folder is missing or was removed", message);
    case ENOTDIR:
        return status_set(status, "%s; a part of the path is a file", message);
    default:
        return status;
    }
}

static enum status too_long(enum status code, const char *path)
{
    return status_set(code, "the path %s is too long: at most %d bytes", path, FILE_PATH_MAX - 1);
}

/* The n-th temporary name beside the path. */
static bool temporary_name(const char *path, unsigned n, char temporary[FILE_PATH_MAX])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int folder = (int)(name - path);
    int length =
        snprintf(temporary, FILE_PATH_MAX, "%.*s.%s.%ld-%u.tmp", folder, path, name, (long)getpid(), n);
    return length > 0 && length < FILE_PATH_MAX;
}

enum status file_begin(const char *final_path, enum status code, char temporary[FILE_PATH_MAX])
{
    int fd = -1;
    for (unsigned n = 0; n < NAME_TRIES && fd < 0; n++) {
        if (!temporary_name(final_path, n, temporary)) {
            temporary[0] = 0;
            return too_long(code, final_path);
        }
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        temporary[0] = 0;
        return file_failure(code, errno, "create", final_path);
    }
    close(fd);
    return STATUS_OK;
}

enum status file_write(const char *temporary, const void *bytes, size_t size, const char *final_path,
                       enum status code)
{
    enum status status = STATUS_OK;
    int fd = open(temporary, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return file_failure(code, errno, "write", final_path);
    for (size_t done = 0; done < size && status == STATUS_OK;) {
        size_t rest = size - done;
        ssize_t written = write(fd, (const char *)bytes + done, rest < WRITE_MAX ? rest : WRITE_MAX);
        if (written >= 0)
            done += (size_t)written;
        else if (errno != EINTR)
            status = file_failure(code, errno, "write", final_path);
    }
    if (close(fd) && status == STATUS_OK)
        status = file_failure(code, errno, "write", final_path);
    return status;
}

/* Some file systems cannot flush a folder and say EINVAL. */
static int flush(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return errno;
    int error = fsync(fd) ? errno : 0;
    if ((flags & O_DIRECTORY) && (error == EINVAL || error == ENOTSUP))
        error = 0;
    if (close(fd) && !error)
        error = errno;
    return error;
}

/* The folder that something new lies in; one that may not be read cannot be flushed. */
static void flush_above(const char *path)
{
    char folder[FILE_PATH_MAX];
    if (folder_of(path, folder))
        flush(folder, O_DIRECTORY);
}

static enum status rename_and_flush(const char *temporary, const char *final_path, struct file_guard guard,
                                    enum status code)
{
    char folder[FILE_PATH_MAX];
    if (!folder_of(final_path, folder))
        return too_long(code, final_path);
    enum status status = guard.check ? guard.check(guard.user) : STATUS_OK;
    if (status)
        return status;
    if (rename(temporary, final_path))
        return file_failure(code, errno, "create", final_path);
    int error = flush(folder, O_DIRECTORY);
    return error ? file_failure(code, error, "flush the folder", folder) : STATUS_OK;
}

static enum status commit(const char *temporary, const char *final_path, struct file_guard guard,
                          enum status code)
{
    int error = flush(temporary, 0);
    if (error)
        return file_failure(code, error, "flush", final_path);
    return rename_and_flush(temporary, final_path, guard, code);
}

enum status file_commit(const char *temporary, const char *final_path, enum status code)
{
    return commit(temporary, final_path, nobody, code);
}

void file_abandon(const char *temporary)
{
    int error = errno;
    if (temporary[0])
        unlink(temporary);
    errno = error;
}

enum status file_put(const char *path, const void *bytes, size_t size, enum status code)
{
    return file_put_guarded(path, bytes, size, nobody, code);
}

enum status file_put_guarded(const char *path, const void *bytes, size_t size, struct file_guard guard,
                             enum status code)
{
    char temporary[FILE_PATH_MAX];
    enum status status = file_begin(path, code, temporary);
    if (status == STATUS_OK)
        status = file_write(temporary, bytes, size, path, code);
    if (status == STATUS_OK)
        status = commit(temporary, path, guard, code);
    if (status != STATUS_OK)
        file_abandon(temporary);
    return status;
}

/* What temporary_name made: ".NAME.PID-N.tmp". */
static bool parse_temporary(const char *entry, char name[FILE_PATH_MAX], long *pid)
{
    unsigned n;
    char rest[8] = "";
    if (entry[0] != '.')
        return false;
    snprintf(name, FILE_PATH_MAX, "%s", entry + 1);
    char *end = strrchr(name, '.');
    if (!end)
        return false;
    *end = 0;
    char *middle = strrchr(name, '.');
    *end = '.';
    if (!middle || middle == name || sscanf(middle, ".%ld-%u%7s", pid, &n, rest) != 3 || strcmp(rest, ".tmp"))
        return false;
    *middle = 0;
    return *pid > 0 && *pid <= INT_MAX;
}

bool file_left_behind(const char *path, char name[FILE_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    struct stat info;
    long pid;
    if (!parse_temporary(slash ? slash + 1 : path, name, &pid) || lstat(path, &info))
        return false;
    bool lives = pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
    return !lives && time(NULL) - info.st_mtime > LEFT_BEHIND_SECONDS;
}

enum status file_make_folder(const char *path, enum status code)
{
    char part[FILE_PATH_MAX];
    struct stat info;
    size_t length = strlen(path);
    if (length >= sizeof part)
        return too_long(code, path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (!stat(part, &info))
            continue;
        if (!mkdir(part, 0777))
            flush_above(part);
        else if (errno != EEXIST)
            return file_failure(code, errno, "create the folder", part);
    }
    if (stat(path, &info))
        return file_failure(code, errno, "create the folder", path);
    if (!S_ISDIR(info.st_mode))
        return status_set(code, "cannot create the folder %s: a file of that name is there", path);
    return STATUS_OK;
}

enum status file_link(const char *target_name, const char *link_path, enum status code)
{
    char temporary[FILE_PATH_MAX];
    struct stat info;
    if (!lstat(link_path, &info) && !S_ISLNK(info.st_mode))
        return status_set(code,
                          "cannot make the link %s: something that is not a link has that name, move it away",
                          link_path);
    int error = EEXIST;
    for (unsigned n = 0; n < NAME_TRIES && error == EEXIST; n++) {
        if (!temporary_name(link_path, n, temporary))
            return too_long(code, link_path);
        error = symlink(target_name, temporary) ? errno : 0;
    }
    if (error)
        return file_failure(code, error, "make the link", link_path);
    enum status status = rename_and_flush(temporary, link_path, nobody, code);
    if (status != STATUS_OK)
        file_abandon(temporary);
    return status;
}
