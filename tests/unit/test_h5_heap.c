/* Texts of variable length, and what a damaged heap of them does. */
#include "io/h5_heap.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 4 };

static const char *const words[COUNT] = {"one", "", "Gr\xc3\xbcn", "a text longer than the others"};

/* A file with a list of texts, as h5py writes them. */
static const char *written(size_t user_block)
{
    const char *path = scratch_path("a.h5");
    hsize_t dimension = COUNT;
    h5_quiet();
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    assert_true(H5Pset_userblock(creation, user_block) >= 0);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1),
          space = H5Screate_simple(1, &dimension, NULL);
    H5Tset_size(type, H5T_VARIABLE);
    hid_t attribute = H5Acreate2(file, "words", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, words) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    assert_true(H5Fclose(file) >= 0);
    H5Pclose(creation);
    return path;
}

/* Whether the list is read; if so, it must be the one that was written. */
static bool is_read(const char *path)
{
    hid_t file;
    char **list = NULL;
    size_t count = 0;
    if (h5_open(path, STATUS_DATA, &file))
        return false;
    bool read = h5_read_texts(file, "words", &list, &count);
    assert_true(H5Fclose(file) >= 0);
    if (read)
        assert_int_equal(count, COUNT);
    for (size_t i = 0; read && i < count; i++) {
        assert_string_equal(list[i], words[i]);
        free(list[i]);
    }
    free(list);
    return read;
}

static void test_sound(void **state)
{
    (void)state;
    assert_true(is_read(written(0)));
    assert_true(is_read(written(512)));
}

/* Where the bytes are in the file; they must be there once. */
static size_t find(const char *bytes, size_t size, const void *what, size_t length)
{
    const char *at = memmem(bytes, size, what, length);
    assert_non_null(at);
    return (size_t)(at - bytes);
}

static void expect_refused(const char *bytes, size_t size, size_t at, uint64_t number, size_t width)
{
    char *copy = malloc(size);
    memcpy(copy, bytes, size);
    memcpy(copy + at, &number, width);
    scratch_write(scratch_path("a.h5"), copy, size);
    free(copy);
    if (is_read(scratch_path("a.h5")))
        fail_msg("read, though the %zu bytes at %zu are %llu", width, at, (unsigned long long)number);
}

/* The heap: a head of 16 bytes, then per text 16 bytes (index in the first two, size in the last eight) and
 * the text. The attribute: per text its length (4 bytes), the heap's address (8), its index there (4). */
static void test_damaged(void **state)
{
    (void)state;
    size_t size;
    char *bytes = scratch_read(written(0), &size);
    uint64_t heap = find(bytes, size, "GCOL", 4);
    char place[12] = {3}; /* of the first text */
    memcpy(place + 4, &heap, sizeof heap);
    size_t attribute = find(bytes, size, place, sizeof place), object = find(bytes, size, words[0], 4) - 16;
    const uint64_t lengths[] = {0, 2, 4, 1000, 1u << 30, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        expect_refused(bytes, size, attribute, lengths[i], 4);
        expect_refused(bytes, size, object + 8, lengths[i], 8);
    }
    const uint64_t places[] = {0,    1,        heap - 8,   heap + 8,       size - 1,
                               size, size + 1, 1ull << 62, UINT64_MAX - 3, UINT64_MAX};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        expect_refused(bytes, size, attribute + 4, places[i], 8);
    const uint64_t indices[] = {0, 2, 50, UINT16_MAX, UINT32_MAX};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        expect_refused(bytes, size, attribute + 12, indices[i], 4);
        expect_refused(bytes, size, object, indices[i], 2);
    }
    const uint64_t sizes[] = {0, 15, 16, 24, size - heap + 1, 1ull << 40, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        expect_refused(bytes, size, heap + 8, sizes[i], 8);
    expect_refused(bytes, size, object + 8, UINT64_MAX - 7, 8);
    expect_refused(bytes, size, heap, 0, 1);
    expect_refused(bytes, size, heap + 4, 2, 1);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
