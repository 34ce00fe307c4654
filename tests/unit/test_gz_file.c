#include "io/gz_file.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

enum { SIZE = 600000 };           /* more than the decompressor's buffers */
static unsigned char noise[SIZE]; /* cannot be compressed, so that a cut file ends within it */

static int setup(void **state)
{
    uint64_t x = 1;
    for (size_t i = 0; i < SIZE; i++, x = x * 6364136223846793005u + 1442695040888963407u)
        noise[i] = (unsigned char)(x >> 56);
    return scratch_create(state);
}

static const char *plain(const void *bytes, size_t size)
{
    const char *path = scratch_path("plain");
    scratch_write(path, bytes, size);
    return path;
}

static const char *zipped(const void *bytes, size_t size)
{
    const char *path = scratch_path("zipped.gz");
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

static void test_both_kinds_are_read(void **state)
{
    (void)state;
    const char *const paths[] = {plain(noise, SIZE), zipped(noise, SIZE)};
    for (size_t i = 0; i < 2; i++) {
        struct gz_file file;
        unsigned char got[SIZE];
        assert_done(gz_open(&file, paths[i]));
        assert_done(gz_read(&file, got, 16, "header"));
        assert_done(gz_read(&file, got + 16, 0, "nothing"));
        assert_done(gz_read(&file, got + 16, SIZE - 16, "images"));
        assert_done(gz_expect_end(&file));
        assert_memory_equal(got, noise, SIZE);
        gz_close(&file);
        assert_null(file.reader);
    }
}

static void test_ends_too_early_or_too_late(void **state)
{
    (void)state;
    const char *const paths[] = {plain(noise, 100), zipped(noise, 100)};
    for (size_t i = 0; i < 2; i++) {
        struct gz_file file;
        unsigned char got[101];
        assert_done(gz_open(&file, paths[i]));
        assert_done(gz_read(&file, got, 99, "header"));
        assert_failure(gz_expect_end(&file), STATUS_DATA, paths[i], "bytes behind", NULL);
        gz_close(&file);
        assert_done(gz_open(&file, paths[i]));
        assert_failure(gz_read(&file, got, 101, "images"), STATUS_DATA, paths[i], "truncated", "images",
                       "100 of 101 bytes", NULL);
        gz_close(&file);
    }
}

/* One byte more than can be there is refused, before anybody takes memory for it. */
static void test_room(void **state)
{
    (void)state;
    const char *const paths[] = {plain(noise, 100), zipped(noise, 100)};
    for (size_t i = 0; i < 2; i++) {
        struct gz_file file;
        size_t size, room;
        free(scratch_read(paths[i], &size));
        room = i == 0 ? size : 1032 * size;
        assert_done(gz_open(&file, paths[i]));
        assert_done(gz_expect_room(&file, room, "images"));
        assert_failure(gz_expect_room(&file, room + 1, "images"), STATUS_DATA, paths[i],
                       "bytes of images cannot be", NULL);
        gz_close(&file);
    }
}

static void test_cannot_be_opened(void **state)
{
    (void)state;
    struct gz_file file;
    assert_failure(gz_open(&file, scratch_path("none")), STATUS_DATA, "none", "no such file", NULL);
    assert_null(file.reader);
    gz_close(&file);
    assert_failure(gz_open(&file, scratch_path("")), STATUS_DATA, "is a folder", NULL);
    assert_null(file.reader);
    gz_close(&file);
    scratch_write(scratch_path("file"), "x", 1);
    assert_failure(gz_open(&file, scratch_path("file/below")), STATUS_DATA, "cannot be read", NULL);
    gz_close(&file);
}

static void test_truncated_gzip(void **state)
{
    (void)state;
    size_t size;
    char *packed = scratch_read(zipped(noise, SIZE), &size);
    for (size_t left = 20; left < size; left += left + 29989 < size - 10 ? 29989 : 1) {
        struct gz_file file;
        unsigned char got[SIZE];
        scratch_write(scratch_path("cut.gz"), packed, left);
        assert_done(gz_open(&file, scratch_path("cut.gz")));
        enum status status = gz_read(&file, got, SIZE, "images");
        if (!status)
            status = gz_expect_end(&file);
        assert_failure(status, STATUS_DATA, "cut.gz", "truncated", NULL);
        gz_close(&file);
    }
    free(packed);
}

/* In the middle, and in the check sum at the end. */
static void test_damaged_gzip(void **state)
{
    (void)state;
    size_t size;
    char *packed = scratch_read(zipped(noise, SIZE), &size);
    const size_t places[] = {size / 2, size - 8, size - 1};
    for (size_t i = 0; i < 3; i++) {
        struct gz_file file;
        unsigned char got[SIZE];
        packed[places[i]] ^= 1;
        scratch_write(scratch_path("bad.gz"), packed, size);
        packed[places[i]] ^= 1;
        assert_done(gz_open(&file, scratch_path("bad.gz")));
        enum status status = gz_read(&file, got, SIZE, "images");
        if (!status)
            status = gz_expect_end(&file);
        assert_failure(status, STATUS_DATA, "bad.gz: damaged gzip file: incorrect", NULL);
        gz_close(&file);
    }
    free(packed);
}

/* The file `packed.gz` and what is put behind it. */
static const char *extended(const char *packed, size_t size, const void *behind, size_t behind_size)
{
    const char *path = scratch_path("extended.gz");
    char *bytes = malloc(size + behind_size);
    memcpy(bytes, packed, size);
    memcpy(bytes + size, behind, behind_size);
    scratch_write(path, bytes, size + behind_size);
    free(bytes);
    return path;
}

static enum status read_whole(const char *path, size_t count)
{
    struct gz_file file;
    static unsigned char got[2 * SIZE];
    assert_done(gz_open(&file, path));
    enum status status = gz_read(&file, got, count, "images");
    if (!status)
        status = gz_expect_end(&file);
    for (size_t i = 0; !status && i < count; i += SIZE)
        assert_memory_equal(got + i, noise, count - i < SIZE ? count - i : SIZE);
    gz_close(&file);
    return status;
}

static void test_several_gzip_files_in_one(void **state)
{
    (void)state;
    size_t size, empty_size;
    char *packed = scratch_read(zipped(noise, SIZE), &size);
    char *empty = scratch_read(zipped("", 0), &empty_size);
    assert_done(read_whole(extended(packed, size, packed, size), 2 * SIZE));
    assert_done(read_whole(extended(packed, size, empty, empty_size), SIZE));
    assert_done(read_whole(extended(empty, empty_size, packed, size), SIZE));
    assert_failure(read_whole(extended(packed, size, packed, size - 1), 2 * SIZE), STATUS_DATA, "truncated",
                   NULL);
    assert_failure(read_whole(extended(packed, size, packed, 3), SIZE), STATUS_DATA, "truncated", NULL);
    free(empty);
    free(packed);
}

/* Wherever the end falls in the buffers of 128 KiB, of content and of the file. */
static void test_bytes_behind_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } behind[] = {{"x", 1}, {"\0", 1}, {"\x1f", 1}, {"\x1f\x8c", 2}, {"junk\n", 5}};
    size_t empty_size;
    char *empty = scratch_read(zipped("", 0), &empty_size);
    for (size_t count = (1 << 17) - 70; count <= (1 << 17) + 2; count++) {
        size_t size;
        char *packed = scratch_read(zipped(noise, count), &size);
        assert_done(read_whole(extended(packed, size, empty, empty_size), count));
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
            assert_failure(read_whole(extended(packed, size, behind[i].bytes, behind[i].size), count),
                           STATUS_DATA, "extended.gz: there are bytes behind the end of the gzip data", NULL);
        free(packed);
    }
    free(empty);
}

static void test_bytes_behind_gzipped_lines(void **state)
{
    (void)state;
    struct gz_file file;
    size_t size;
    char *packed = scratch_read(zipped("a\nb\n", 4), &size), *line;
    assert_done(gz_open(&file, extended(packed, size, "junk", 4)));
    for (size_t i = 0; i < 2; i++)
        assert_done(gz_line(&file, i + 1, &line));
    assert_string_equal(line, "b");
    assert_failure(gz_line(&file, 3, &line), STATUS_DATA, "extended.gz", "bytes behind", NULL);
    assert_null(line);
    gz_close(&file);
    free(packed);
}

static void assert_lines(const char *path, size_t count, const char *const *lines)
{
    struct gz_file file;
    char *line;
    assert_done(gz_open(&file, path));
    for (size_t i = 0; i < count; i++) {
        assert_done(gz_line(&file, i + 1, &line));
        assert_non_null(line);
        assert_string_equal(line, lines[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_done(gz_line(&file, count + 1, &line));
        assert_null(line);
    }
    gz_close(&file);
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {"a", "", "b c", "d\re"};
    static const char text[] = "a\n\nb c\r\nd\re";
    assert_lines(plain(text, sizeof text - 1), 4, lines);
    assert_lines(zipped(text, sizeof text - 1), 4, lines);
    assert_lines(plain("x\n", 2), 1, (const char *const[]){"x"});
    assert_lines(plain("\n", 1), 1, (const char *const[]){""});
    assert_lines(plain("", 0), 0, NULL);
    assert_lines(zipped("", 0), 0, NULL);
}

/* Around the sizes at which the memory for the line grows. */
static void test_long_lines(void **state)
{
    (void)state;
    static const size_t lengths[] = {4094, 4095, 4096, 4097, 8191, 8192, 8193, 100000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct gz_file file;
        size_t length = lengths[i];
        char *text = malloc(length + 3), *line;
        memset(text, 'x', length);
        memcpy(text + length, "\ny", 3);
        assert_done(gz_open(&file, plain(text, length + 2)));
        assert_done(gz_line(&file, 1, &line));
        assert_int_equal(strlen(line), length);
        assert_done(gz_line(&file, 2, &line));
        assert_string_equal(line, "y");
        gz_close(&file);
        free(text);
    }
}

static void test_lines_refused(void **state)
{
    (void)state;
    struct gz_file file;
    char *line;
    assert_done(gz_open(&file, plain("ab\nc\0d\n", 7)));
    assert_done(gz_line(&file, 1, &line));
    assert_failure(gz_line(&file, 2, &line), STATUS_DATA, "plain:2:2: a zero byte", NULL);
    assert_null(line);
    gz_close(&file);
    size_t size = ((size_t)1 << 26) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    assert_done(gz_open(&file, plain(text, size)));
    assert_failure(gz_line(&file, 1, &line), STATUS_DATA, "plain:1: line of more than 64 MiB", NULL);
    gz_close(&file);
    assert_done(gz_open(&file, plain(text, size - 1)));
    assert_done(gz_line(&file, 1, &line));
    assert_int_equal(strlen(line), size - 1);
    gz_close(&file);
    free(text);
}

/* Where a file is cut, no short line is handed out. */
static void test_line_in_truncated_gzip(void **state)
{
    (void)state;
    enum { LENGTH = 10000 };
    char text[LENGTH], *line;
    size_t size;
    for (size_t i = 0; i < LENGTH; i++)
        text[i] = (char)('0' + noise[i] % 64);
    char *packed = scratch_read(zipped(text, LENGTH), &size);
    for (size_t left = 20; left < size; left += 501) {
        struct gz_file file;
        scratch_write(scratch_path("cut.gz"), packed, left);
        assert_done(gz_open(&file, scratch_path("cut.gz")));
        assert_failure(gz_line(&file, 1, &line), STATUS_DATA, "cut.gz", "truncated gzip file", NULL);
        assert_null(line);
        gz_close(&file);
    }
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds_are_read),
        cmocka_unit_test(test_ends_too_early_or_too_late),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_cannot_be_opened),
        cmocka_unit_test(test_truncated_gzip),
        cmocka_unit_test(test_damaged_gzip),
        cmocka_unit_test(test_several_gzip_files_in_one),
        cmocka_unit_test(test_bytes_behind_gzip),
        cmocka_unit_test(test_bytes_behind_gzipped_lines),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_lines_refused),
        cmocka_unit_test(test_line_in_truncated_gzip),
    };
    return cmocka_run_group_tests(tests, setup, scratch_destroy);
}
