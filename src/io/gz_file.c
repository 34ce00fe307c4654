#include "io/gz_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_MAX = 1 << 30, LINE_MAX_BYTES = 1 << 26, BUFFER_BYTES = 1 << 17 };

enum status gz_open(struct gz_file *file, const char *path)
{
    *file = (struct gz_file){.path = path};
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT ? status_set(STATUS_DATA, "%s: no such file", path)
                               : status_set(STATUS_DATA, "%s: cannot be read: %s", path, strerror(errno));
    if (!fstat(descriptor, &info) && S_ISDIR(info.st_mode)) {
        close(descriptor);
        return status_set(STATUS_DATA, "%s: is a folder", path);
    }
    file->handle = gzdopen(descriptor, "rb");
    if (!file->handle) {
        close(descriptor);
        return status_no_memory("a decompressor", BUFFER_BYTES);
    }
    gzbuffer(file->handle, BUFFER_BYTES);
    return STATUS_OK;
}

/* STATUS_OK where the decompressor has nothing to complain of. */
static enum status failure(struct gz_file *file)
{
    int code;
    const char *message = gzerror(file->handle, &code);
    if (code == Z_OK || code == Z_STREAM_END)
        return STATUS_OK;
    if (code == Z_ERRNO)
        return status_set(STATUS_DATA, "%s: cannot be read: %s", file->path, strerror(errno));
    if (code == Z_BUF_ERROR)
        return status_set(STATUS_DATA,
                          "%s: truncated gzip file, a copy or download may not have finished: make it again",
                          file->path);
    return status_set(STATUS_DATA, "%s: damaged gzip file: %s", file->path, message);
}

/* The last byte is read alone: after a large block that ends with the data, zlib takes a file that is cut
 * within its check sum for a whole one. */
enum status gz_read(struct gz_file *file, void *buffer, size_t bytes, const char *what)
{
    size_t done = 0;
    while (done < bytes) {
        size_t rest = bytes - done, wanted = rest == 1 ? 1 : rest <= READ_MAX ? rest - 1 : READ_MAX;
        int got = gzread(file->handle, (char *)buffer + done, (unsigned)wanted);
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    if (done == bytes)
        return STATUS_OK;
    enum status status = failure(file);
    return status ? status
                  : status_set(STATUS_DATA, "%s: truncated: ends within the %s, after %zu of %zu bytes",
                               file->path, what, done, bytes);
}

enum status gz_expect_end(struct gz_file *file)
{
    int next = gzgetc(file->handle);
    enum status status = next == -1 ? failure(file) : STATUS_OK;
    if (next != -1)
        status = status_set(STATUS_DATA, "%s: there are bytes behind what the header announces", file->path);
    return status;
}

static enum status grow(struct gz_file *file)
{
    size_t capacity = file->capacity ? 2 * file->capacity : 4096;
    char *line = realloc(file->line, capacity);
    if (!line)
        return status_no_memory("a line of text", capacity);
    file->line = line;
    file->capacity = capacity;
    return STATUS_OK;
}

enum status gz_line(struct gz_file *file, size_t number, char **line)
{
    size_t length = 0;
    int c;
    *line = NULL;
    while ((c = gzgetc(file->handle)) != -1 && c != '\n') {
        if (c == 0)
            return status_set(STATUS_DATA, "%s:%zu:%zu: a zero byte: not a text file", file->path, number,
                              length + 1);
        if (length == LINE_MAX_BYTES)
            return status_set(STATUS_DATA, "%s:%zu: line of more than 64 MiB: not a table of numbers",
                              file->path, number);
        if (length + 1 >= file->capacity) {
            enum status status = grow(file);
            if (status)
                return status;
        }
        file->line[length++] = (char)c;
    }
    if (c == -1) {
        enum status status = failure(file);
        if (status || length == 0)
            return status;
    }
    if (!file->capacity) {
        enum status status = grow(file);
        if (status)
            return status;
    }
    if (length && file->line[length - 1] == '\r')
        length--;
    file->line[length] = 0;
    *line = file->line;
    return STATUS_OK;
}

void gz_close(struct gz_file *file)
{
    if (file->handle)
        gzclose(file->handle);
    free(file->line);
    *file = (struct gz_file){0};
}
