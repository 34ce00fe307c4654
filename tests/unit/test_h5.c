#include "io/h5.h"

#include "io/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/scratch.h"

static void expect_open_error(const char *path, const char *words)
{
    hid_t file;
    assert_failure(h5_open(path, STATUS_DATA, &file), STATUS_DATA, path, words, NULL);
    assert_true(file < 0);
}

static void test_open_tells_failures_apart(void **state)
{
    (void)state;
    const char *path = scratch_path("a.h5");
    expect_open_error(path, "no such file");
    expect_open_error(scratch_path(""), "is a folder");
    scratch_write(path, "", 0);
    expect_open_error(path, "empty file");
    scratch_write(path, "not a bit of it", 15);
    expect_open_error(path, "not an HDF5 file");
    if (geteuid() != 0) {
        chmod(path, 0);
        expect_open_error(path, "Permission denied");
        chmod(path, 0600);
    }
}

static hid_t new_file(void)
{
    h5_quiet();
    hid_t file = H5Fcreate(scratch_path("a.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

static void test_open_tells_truncated(void **state)
{
    (void)state;
    const char *path = scratch_path("a.h5");
    hid_t file = new_file();
    assert_true(h5_write_u64(file, "n", 1));
    assert_true(H5Fclose(file) >= 0);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(h5_open(path, STATUS_DATA, &file), STATUS_OK);
    H5Fclose(file);
    for (off_t size = info.st_size - 1; size > 96; size -= 97) {
        assert_int_equal(truncate(path, size), 0);
        expect_open_error(path, "truncated HDF5 file");
    }
}

static void test_numbers_come_back(void **state)
{
    (void)state;
    hid_t file = new_file();
    uint64_t u = 0;
    double d = 0;
    assert_true(h5_write_u64(file, "u", 1));
    assert_true(h5_write_u64(file, "u", UINT64_MAX));
    assert_true(h5_write_double(file, "d", -0.1));
    assert_true(h5_read_u64(file, "u", &u) && u == UINT64_MAX);
    assert_true(h5_read_double(file, "d", &d) && d == -0.1);
    assert_false(h5_read_u64(file, "d", &u));
    assert_false(h5_read_u64(file, "missing", &u));
    assert_false(h5_read_double(file, "missing", &d));
    assert_true(h5_has_attribute(file, "u"));
    assert_false(h5_has_attribute(file, "missing"));

    hid_t space = H5Screate(H5S_SCALAR);
    hid_t negative = H5Acreate2(file, "negative", H5T_STD_I32BE, space, H5P_DEFAULT, H5P_DEFAULT);
    int minus_one = -1;
    assert_true(H5Awrite(negative, H5T_NATIVE_INT, &minus_one) >= 0);
    u = 7;
    assert_false(h5_read_u64(file, "negative", &u));
    assert_int_equal(u, 7);
    H5Aclose(negative);
    H5Sclose(space);
    H5Fclose(file);
}

static void test_lists_come_back(void **state)
{
    (void)state;
    hid_t file = new_file();
    const float values[] = {0.25f, -1.5f, 3e38f};
    const char *const names[] = {"T-shirt/top", "", "Größe"};
    float *read = NULL;
    char **texts = NULL;
    size_t count = 0;
    assert_true(h5_write_floats(file, "values", values, 3));
    assert_true(h5_read_floats(file, "values", &read, &count));
    assert_int_equal(count, 3);
    assert_memory_equal(read, values, sizeof values);
    free(read);
    assert_true(h5_write_texts(file, "names", names, 3));
    assert_true(h5_read_texts(file, "names", &texts, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(texts[i], names[i]);
        free(texts[i]);
    }
    free(texts);
    double one = 0;
    char *text = NULL;
    assert_false(h5_read_double(file, "values", &one));
    assert_false(h5_read_text(file, "names", &text));
    assert_false(h5_read_floats(file, "names", &read, &count));
    assert_false(h5_read_texts(file, "values", &texts, &count));
    H5Fclose(file);
}

static void test_texts_of_others(void **state)
{
    (void)state;
    hid_t file = new_file();
    hid_t space = H5Screate(H5S_SCALAR), variable = H5Tcopy(H5T_C_S1), padded = H5Tcopy(H5T_FORTRAN_S1);
    H5Tset_size(variable, H5T_VARIABLE);
    H5Tset_cset(variable, H5T_CSET_UTF8);
    H5Tset_size(padded, 8);
    const char *word = "variable";
    hid_t a = H5Acreate2(file, "variable", variable, space, H5P_DEFAULT, H5P_DEFAULT);
    hid_t b = H5Acreate2(file, "padded", padded, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(a, variable, &word) >= 0);
    assert_true(H5Awrite(b, padded, "ab cd   ") >= 0);
    H5Aclose(a);
    H5Aclose(b);
    assert_true(H5Fclose(file) >= 0); /* they are read from the disk */
    file = H5Fopen(scratch_path("a.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    char *text = NULL;
    assert_true(h5_read_text(file, "variable", &text));
    assert_string_equal(text, "variable");
    free(text);
    assert_true(h5_read_text(file, "padded", &text));
    assert_string_equal(text, "ab cd");
    free(text);
    assert_true(h5_write_text(file, "own", "NHWC"));
    assert_true(h5_read_text(file, "own", &text));
    assert_string_equal(text, "NHWC");
    free(text);
    assert_false(h5_read_text(file, "missing", &text));
    H5Tclose(variable);
    H5Tclose(padded);
    H5Sclose(space);
    H5Fclose(file);
}

static hid_t new_array(hid_t file, const char *name, bool chunked, bool written)
{
    hsize_t dimensions[2] = {5, 4}, chunk[2] = {2, 4};
    float values[5 * 4] = {1};
    hid_t space = H5Screate_simple(2, dimensions, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    if (chunked)
        H5Pset_chunk(list, 2, chunk);
    hid_t set = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (written)
        assert_true(H5Dwrite(set, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Pclose(list);
    H5Sclose(space);
    return set;
}

static void test_what_is_stored(void **state)
{
    (void)state;
    hid_t file = new_file(), whole = new_array(file, "whole", false, true),
          chunks = new_array(file, "chunks", true, true), never = new_array(file, "never", false, false),
          partly = new_array(file, "partly", true, false), space = H5Dget_space(partly);
    assert_true(h5_is_stored(whole) && h5_is_stored(chunks));
    assert_false(h5_is_stored(never) || h5_is_stored(partly));
    float values[2 * 4] = {0};
    hsize_t start[2] = {2, 0}, count[2] = {2, 4};
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    hid_t memory = H5Screate_simple(2, count, NULL);
    assert_true(H5Dwrite(partly, H5T_IEEE_F32LE, memory, space, H5P_DEFAULT, values) >= 0);
    assert_false(h5_is_stored(partly));
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(whole);
    H5Dclose(chunks);
    H5Dclose(never);
    H5Dclose(partly);
    H5Fclose(file);
}

static void test_too_long_a_text_fails(void **state)
{
    (void)state;
    hid_t file = new_file();
    char *text = malloc(70001);
    assert_non_null(text);
    memset(text, 'x', 70000);
    text[70000] = 0;
    assert_false(h5_write_text(file, "long", text));
    free(text);
    H5Fclose(file);
}

/* Whatever a file in memory is written with, HDF5 reads it from the disk, and the file is no longer than HDF5
 * needs it. */
static void assert_image(size_t user_block, size_t names)
{
    char path[64], text[] = "x", *head = calloc(user_block + 1, 1);
    const char **list = malloc(names * sizeof *list);
    unsigned char *bytes;
    size_t size, read;
    for (size_t i = 0; i < names; i++)
        list[i] = "a name of 22 characters";
    snprintf(path, sizeof path, "%s", scratch_path("image.h5"));
    hid_t file = h5_create(user_block), other = h5_create(user_block);
    assert_true(file >= 0 && other >= 0);
    assert_true(h5_write_texts(file, "names", list, names));
    assert_true(h5_write_text(other, "names", text));
    assert_true(h5_image(file, &bytes, &size));
    memset(bytes, 'u', user_block);
    assert_done(file_put(path, bytes, size, STATUS_DATA));
    H5Fclose(file);
    H5Fclose(other);

    char *content = scratch_read(path, &read), **texts;
    assert_int_equal(read, size);
    memset(head, 'u', user_block);
    assert_memory_equal(content, head, user_block);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    expect_open_error(path, "truncated HDF5 file");
    scratch_write(path, content, size);
    assert_done(h5_open(path, STATUS_DATA, &file));
    assert_true(h5_read_texts(file, "names", &texts, &read));
    assert_int_equal(read, names);
    for (size_t i = 0; i < names; i++) {
        assert_string_equal(texts[i], list[i]);
        free(texts[i]);
    }
    free(texts);
    H5Fclose(file);
    free(content);
    free(head);
    free(list);
}

static void test_image(void **state)
{
    (void)state;
    static const size_t user_blocks[] = {0, 512, 4096};
    for (size_t i = 0; i < 3; i++)
        for (size_t names = 1; names < 100000; names *= 7)
            assert_image(user_blocks[i], names);
    h5_quiet();
    assert_true(h5_create(100) < 0);
}

static void test_save(void **state)
{
    (void)state;
    hid_t file = h5_create(0), back;
    uint64_t u = 0;
    assert_true(h5_write_u64(file, "u", 7));
    assert_done(h5_save(file, scratch_path("s.h5"), STATUS_DATA));
    assert_true(h5_write_u64(file, "u", 8));
    assert_done(h5_save(file, scratch_path("s.h5"), STATUS_DATA));
    assert_failure(h5_save(file, scratch_path("no/s.h5"), STATUS_CHECKPOINT), STATUS_CHECKPOINT, "no/s.h5",
                   NULL);
    H5Fclose(file);
    assert_done(h5_open(scratch_path("s.h5"), STATUS_DATA, &back));
    assert_true(h5_read_u64(back, "u", &u) && u == 8);
    H5Fclose(back);
}

static void assert_array(hid_t parent, const char *name, size_t rank, const hsize_t *dimensions,
                         const hsize_t *chunk, const int32_t *values, size_t count)
{
    int32_t *got = malloc(count * sizeof *got);
    hid_t array = h5_write_array(parent, name, H5T_STD_I32LE, rank, dimensions, chunk, values);
    assert_true(array >= 0);
    hid_t space = H5Dget_space(array), list = H5Dget_create_plist(array);
    assert_int_equal(H5Sget_simple_extent_ndims(space), rank);
    assert_int_equal(H5Sget_simple_extent_npoints(space), count);
    assert_int_equal(H5Pget_layout(list), chunk ? H5D_CHUNKED : H5D_CONTIGUOUS);
    assert_int_equal(H5Pget_nfilters(list), chunk ? 2 : 0);
    hbool_t tracked = true;
    assert_true(H5Pget_obj_track_times(list, &tracked) >= 0);
    assert_false(tracked);
    assert_true(H5Dread(array, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_memory_equal(got, values, count * sizeof *got);
    H5Pclose(list);
    H5Sclose(space);
    assert_true(h5_close(array));
    free(got);
}

static void test_arrays(void **state)
{
    (void)state;
    static const int32_t values[] = {1, -2, 3, -4, 5, 6};
    hid_t file = h5_create(0), group = h5_create_group(file, "group");
    assert_true(group >= 0);
    assert_array(group, "plain", 2, (hsize_t[]){2, 3}, NULL, values, 6);
    assert_array(group, "chunked", 2, (hsize_t[]){3, 2}, (hsize_t[]){2, 2}, values, 6);
    assert_array(file, "one", 0, NULL, NULL, values, 1);
    assert_true(h5_write_array(group, "plain", H5T_STD_I32LE, 1, (hsize_t[]){6}, NULL, values) < 0);
    assert_true(h5_write_array(group, "bad", H5T_STD_I32LE, 1, (hsize_t[]){6}, (hsize_t[]){0}, values) < 0);
    assert_true(h5_create_group(file, "group") < 0);
    assert_true(h5_close(group));
    assert_false(h5_close(group));
    assert_false(h5_close(H5I_INVALID_HID));
    assert_int_equal(H5Fget_obj_count(file, H5F_OBJ_ALL), 1);
    H5Fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_tells_failures_apart),
        cmocka_unit_test(test_open_tells_truncated),
        cmocka_unit_test(test_numbers_come_back),
        cmocka_unit_test(test_lists_come_back),
        cmocka_unit_test(test_texts_of_others),
        cmocka_unit_test(test_what_is_stored),
        cmocka_unit_test(test_too_long_a_text_fails),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_arrays),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
