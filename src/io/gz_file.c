#include "io/gz_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

enum {
    LINE_MAX_BYTES = 1 << 26,
    BUFFER_BYTES = 1 << 17,
    GZIP_ONLY = 16 + MAX_WBITS,
    DEFLATE_RATIO = 1032, /* the most that a byte can become: zlib's technical notes */
};

/* zlib's gzread would do most of this, but takes any bytes behind the end for nothing. */
struct gz_reader {
    int descriptor;
    bool zipped, within;           /* within one of the gzip files that it consists of */
    bool drained;                  /* `stream` has all that was left of the file */
    z_stream stream;               /* next_in, avail_in: what is left of `raw` */
    const unsigned char *at, *end; /* what is left of the content */
    unsigned char raw[BUFFER_BYTES], content[BUFFER_BYTES]; /* a plain file's content stays in raw */
};

/* At least `wanted` raw bytes, where the file has so many. */
static enum status fetch(struct gz_file *file, size_t wanted)
{
    struct gz_reader *r = file->reader;
    z_stream *z = &r->stream;
    if (z->avail_in >= wanted || r->drained)
        return STATUS_OK;
    if (z->avail_in)
        memmove(r->raw, z->next_in, z->avail_in);
    z->next_in = r->raw;
    while (z->avail_in < wanted && !r->drained) {
        ssize_t got = read(r->descriptor, r->raw + z->avail_in, BUFFER_BYTES - z->avail_in);
        if (got < 0 && errno != EINTR)
            return status_set(STATUS_DATA, "%s: cannot be read: %s", file->path, strerror(errno));
        r->drained = got == 0;
        z->avail_in += got > 0 ? (unsigned)got : 0;
    }
    return STATUS_OK;
}

static bool at_gzip(const struct gz_reader *r)
{
    return r->stream.avail_in >= 2 && r->stream.next_in[0] == 0x1f && r->stream.next_in[1] == 0x8b;
}

/* Decompresses what is at hand, into the next gzip file where one has ended; `more` false: it was the last.
 */
static enum status unzip(struct gz_file *file, bool *more)
{
    struct gz_reader *r = file->reader;
    enum status status = fetch(file, r->within ? 1 : 2);
    *more = r->within || r->stream.avail_in;
    if (status || !*more)
        return status;
    if (r->stream.avail_in == 0)
        return status_set(STATUS_DATA,
                          "%s: truncated gzip file, a copy or download may not have finished: make it again",
                          file->path);
    if (!r->within && !at_gzip(r))
        return status_set(STATUS_DATA, "%s: there are bytes behind the end of the gzip data", file->path);
    if (!r->within)
        inflateReset(&r->stream);
    int code = inflate(&r->stream, Z_NO_FLUSH);
    r->within = code != Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        return status_no_memory("a decompressor", BUFFER_BYTES);
    if (code != Z_OK && code != Z_STREAM_END)
        return status_set(STATUS_DATA, "%s: damaged gzip file: %s", file->path,
                          r->stream.msg ? r->stream.msg : "it cannot be decompressed");
    return STATUS_OK;
}

/* Content, where there is none left; at == end after it: the file's end. */
static enum status fill(struct gz_file *file)
{
    struct gz_reader *r = file->reader;
    z_stream *z = &r->stream;
    if (r->at < r->end)
        return STATUS_OK;
    if (!r->zipped) {
        enum status status = fetch(file, 1);
        r->at = z->next_in;
        r->end = r->at + z->avail_in;
        z->avail_in = 0;
        return status;
    }
    enum status status = STATUS_OK;
    z->next_out = r->content;
    z->avail_out = BUFFER_BYTES;
    for (bool more = true; !status && more && z->avail_out == BUFFER_BYTES;)
        status = unzip(file, &more);
    r->at = r->content;
    r->end = status ? r->content : z->next_out;
    return status;
}

static enum status open_reader(struct gz_file *file, int descriptor)
{
    file->reader = calloc(1, sizeof *file->reader);
    if (!file->reader) {
        close(descriptor);
        return status_no_memory("a decompressor", sizeof *file->reader);
    }
    file->reader->descriptor = descriptor;
    if (inflateInit2(&file->reader->stream, GZIP_ONLY) != Z_OK)
        return status_no_memory("a decompressor", sizeof *file->reader);
    enum status status = fetch(file, 2);
    file->reader->zipped = at_gzip(file->reader);
    return status;
}

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
    enum status status = open_reader(file, descriptor);
    if (status)
        gz_close(file);
    return status;
}

enum status gz_read(struct gz_file *file, void *buffer, size_t bytes, const char *what)
{
    struct gz_reader *r = file->reader;
    for (size_t done = 0; done < bytes;) {
        enum status status = fill(file);
        size_t had = (size_t)(r->end - r->at), wanted = bytes - done, taken = had < wanted ? had : wanted;
        if (status)
            return status;
        if (!had)
            return status_set(STATUS_DATA, "%s: truncated: ends within the %s, after %zu of %zu bytes",
                              file->path, what, done, bytes);
        memcpy((char *)buffer + done, r->at, taken);
        r->at += taken;
        done += taken;
    }
    return STATUS_OK;
}

enum status gz_expect_room(struct gz_file *file, size_t bytes, const char *what)
{
    struct stat info;
    if (fstat(file->reader->descriptor, &info) || !S_ISREG(info.st_mode))
        return STATUS_OK;
    size_t size = (size_t)info.st_size, most = file->reader->zipped ? size * DEFLATE_RATIO : size;
    if (bytes <= most)
        return STATUS_OK;
    return status_set(
        STATUS_DATA, "%s: truncated, or its header damaged: %zu bytes of %s cannot be in a file of %zu bytes",
        file->path, bytes, what, size);
}

enum status gz_at_end(struct gz_file *file, bool *end)
{
    enum status status = fill(file);
    *end = file->reader->at == file->reader->end;
    return status;
}

enum status gz_expect_end(struct gz_file *file)
{
    bool end;
    enum status status = gz_at_end(file, &end);
    if (!status && !end)
        status = status_set(STATUS_DATA, "%s: there are bytes behind what the header announces", file->path);
    return status;
}

/* Room for a line of `length` bytes and its zero. */
static enum status reserve(struct gz_file *file, size_t length)
{
    size_t capacity = file->capacity ? file->capacity : 4096;
    while (capacity <= length)
        capacity *= 2;
    if (capacity == file->capacity)
        return STATUS_OK;
    char *line = realloc(file->line, capacity);
    if (!line)
        return status_no_memory("a line of text", capacity);
    file->line = line;
    file->capacity = capacity;
    return STATUS_OK;
}

/* Appends `count` bytes of content to the line of `length`. */
static enum status append(struct gz_file *file, size_t number, size_t length, size_t count)
{
    const unsigned char *from = file->reader->at, *zero = memchr(from, 0, count);
    if (zero)
        return status_set(STATUS_DATA, "%s:%zu:%zu: a zero byte: not a text file", file->path, number,
                          length + (size_t)(zero - from) + 1);
    if (length + count > LINE_MAX_BYTES)
        return status_set(STATUS_DATA, "%s:%zu: line of more than 64 MiB: not a table of numbers", file->path,
                          number);
    enum status status = reserve(file, length + count);
    if (!status)
        memcpy(file->line + length, from, count);
    return status;
}

enum status gz_line(struct gz_file *file, size_t number, char **line)
{
    struct gz_reader *r = file->reader;
    size_t length = 0;
    const unsigned char *stop = NULL; /* at the line's end */
    *line = NULL;
    while (!stop) {
        enum status status = fill(file);
        if (status || (r->at == r->end && length == 0))
            return status;
        if (r->at == r->end)
            break;
        stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
        size_t count = (size_t)((stop ? stop : r->end) - r->at);
        if ((status = append(file, number, length, count)))
            return status;
        length += count;
        r->at = stop ? stop + 1 : r->end;
    }
    if (length && file->line[length - 1] == '\r')
        length--;
    file->line[length] = 0;
    *line = file->line;
    return STATUS_OK;
}

void gz_close(struct gz_file *file)
{
    if (file->reader) {
        inflateEnd(&file->reader->stream);
        close(file->reader->descriptor);
    }
    free(file->reader);
    free(file->line);
    *file = (struct gz_file){0};
}
