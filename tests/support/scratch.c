#include "support/scratch.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { PATHS = 4, PATH_BYTES = 512 };

static char folder[64];

int scratch_create(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/cnn-test.XXXXXX", root && strlen(root) <= 40 ? root : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

int scratch_destroy(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const char *name)
{
    static char paths[PATHS][PATH_BYTES];
    static size_t next;
    char *path = paths[next++ % PATHS];
    snprintf(path, PATH_BYTES, "%s%s%s", folder, *name ? "/" : "", name);
    return path;
}

void scratch_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

char *scratch_read(const char *path, size_t *size)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(stat(path, &info), 0);
    size_t bytes = (size_t)info.st_size;
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, bytes, file), bytes);
    fclose(file);
    text[bytes] = 0;
    if (size)
        *size = bytes;
    return text;
}

void assert_failure(enum status status, enum status code, ...)
{
    va_list words;
    va_start(words, code);
    if (status != code)
        fail_msg("status %d instead of %d; the message is '%s'", status, code, status_message());
    for (const char *word; (word = va_arg(words, const char *));)
        if (!strstr(status_message(), word))
            fail_msg("'%s' lacks '%s'", status_message(), word);
    va_end(words);
}

void assert_done(enum status status)
{
    if (status)
        fail_msg("status %d: %s", status, status_message());
}
