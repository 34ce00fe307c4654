/* Attributes that claim to be larger than their place in an object's header of the old format. */
#include "io/h5_header.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 12 }; /* of attributes: the header goes on elsewhere in the file */

static const char *written(bool latest)
{
    const char *path = scratch_path("a.h5");
    float values[] = {0.5f, -2, 3};
    h5_quiet();
    hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
    if (latest)
        H5Pset_libver_bounds(access_list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access_list),
          group = H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "list %c", 'a' + i);
        assert_true(h5_write_floats(group, name, values, 3));
    }
    assert_true(h5_write_text(group, "text", "a word") && h5_write_u64(group, "number", 7));
    H5Gclose(group);
    H5Pclose(access_list);
    assert_true(H5Fclose(file) >= 0);
    return path;
}

static bool is_sound(const char *path)
{
    hid_t file;
    assert_done(h5_open(path, STATUS_DATA, &file));
    hid_t group = H5Gopen2(file, "group", H5P_DEFAULT);
    bool sound = h5_header_is_sound(group);
    H5Gclose(group);
    H5Fclose(file);
    return sound;
}

static void test_sound(void **state)
{
    (void)state;
    assert_true(is_sound(written(false)));
    assert_true(is_sound(written(true)));
}

/* In the message of the attribute of that name, the byte `at` behind the name's begin. */
static void expect_refused(const char *name, int at, uint64_t value, size_t width)
{
    size_t size;
    char *bytes = scratch_read(written(false), &size), *message = memmem(bytes, size, name, strlen(name) + 1);
    assert_non_null(message);
    memcpy(message + at, &value, width);
    scratch_write(scratch_path("a.h5"), bytes, size);
    free(bytes);
    if (is_sound(scratch_path("a.h5")))
        fail_msg("%s is taken for sound with %llu at %d", name, (unsigned long long)value, at);
}

/* Before the name: version, sizes of name, type and space. Behind it: the type, with the size of an element
 * at 4, and in the space, after 24 bytes of a float's type, the dimension at 8. */
static void test_damaged(void **state)
{
    (void)state;
    static const char *const names[] = {"list a", "list f", "list l"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_refused(names[i], 8 + 24 + 8, 1000, 8);
        expect_refused(names[i], 8 + 24 + 8, UINT64_MAX, 8);
        expect_refused(names[i], 8 + 24 + 1, 200, 1);
        expect_refused(names[i], 8 + 4, 100, 4);
        expect_refused(names[i], -6, 200, 2);
        expect_refused(names[i], -4, 3, 2);
        expect_refused(names[i], -2, UINT16_MAX, 2);
        expect_refused(names[i], -8, 9, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
