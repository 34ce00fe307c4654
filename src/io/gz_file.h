#pragma once
/* Reading files that may be gzipped or not: which of them it is is seen from the content. A gzipped file may
 * consist of several, one behind the other, as gzip takes them; bytes behind them that are no gzip are
 * damage. Every failure is STATUS_DATA with the file's name. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

struct gz_reader;

struct gz_file {
    const char *path;         /* borrowed */
    struct gz_reader *reader; /* owned; NULL: not open */
    char *line;               /* of gz_line; owned */
    size_t capacity;
};

/* gz_close frees; it may be called after a failure, and on a zeroed one. */
enum status gz_open(struct gz_file *file, const char *path);

/* Exactly so many bytes; `what` ("header", "images") is what the file ends within, where it does. */
enum status gz_read(struct gz_file *file, void *buffer, size_t bytes, const char *what);

/* That a file of its size can hold so many bytes of content at all: to be asked before memory is taken for
 * what a header, which may be damaged, announces. */
enum status gz_expect_room(struct gz_file *file, size_t bytes, const char *what);

/* Whether nothing is left; the checksum then holds. */
enum status gz_at_end(struct gz_file *file, bool *end);

/* That nothing is left, and that the checksum holds. */
enum status gz_expect_end(struct gz_file *file);

/* The next line without its end, zero-terminated, valid until the next call; NULL at the file's end, whose
 * checksum then holds. `number` is for messages. */
enum status gz_line(struct gz_file *file, size_t number, char **line);

void gz_close(struct gz_file *file);
