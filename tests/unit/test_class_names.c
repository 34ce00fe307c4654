#include "io/class_names.h"

#include "io/dataset.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

static void assert_names(const char *text, size_t count, const char *const *names)
{
    struct class_names list;
    assert_done(class_names_parse(&list, text));
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list.names[i], names[i]);
    class_names_destroy(&list);
    assert_null(list.names);
}

static void assert_refused(const char *text, enum status code, const char *first, const char *second)
{
    struct class_names list;
    assert_failure(class_names_parse(&list, text), code, first, second, NULL);
    assert_null(list.names);
    assert_int_equal(list.count, 0);
}

/* "@FOLDER/names", after writing that file. */
static const char *at_file(const char *content, size_t size)
{
    static char text[1024];
    scratch_write(scratch_path("names"), content, size);
    snprintf(text, sizeof text, "@%s", scratch_path("names"));
    return text;
}

static void test_commas(void **state)
{
    (void)state;
    assert_names("", 0, NULL);
    assert_names("a", 1, (const char *const[]){"a"});
    assert_names("T-shirt/top,Größe, c d", 3, (const char *const[]){"T-shirt/top", "Größe", " c d"});
    assert_names("a,@b", 2, (const char *const[]){"a", "@b"});
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const names[] = {"T-shirt, top", "Größe", "@c"};
    static const char with[] = "T-shirt, top\nGröße\n@c\n", without[] = "T-shirt, top\r\nGröße\r\n@c";
    assert_names(at_file(with, sizeof with - 1), 3, names);
    assert_names(at_file(without, sizeof without - 1), 3, names);
    gzFile file = gzopen(scratch_path("names"), "wb");
    assert_int_equal(gzwrite(file, with, sizeof with - 1), sizeof with - 1);
    assert_int_equal(gzclose(file), Z_OK);
    char text[1024];
    snprintf(text, sizeof text, "@%s", scratch_path("names"));
    assert_names(text, 3, names);
}

static void test_numbers(void **state)
{
    (void)state;
    struct class_names list;
    assert_done(class_names_number(&list, 0));
    assert_int_equal(list.count, 0);
    class_names_destroy(&list);
    assert_done(class_names_number(&list, DATASET_CLASSES_MAX));
    assert_int_equal(list.count, DATASET_CLASSES_MAX);
    assert_string_equal(list.names[0], "0");
    assert_string_equal(list.names[10], "10");
    assert_string_equal(list.names[DATASET_CLASSES_MAX - 1], "65535");
    class_names_destroy(&list);
}

static void test_which_file(void **state)
{
    (void)state;
    assert_string_equal(class_names_file("@a,b"), "a,b");
    assert_string_equal(class_names_file("a,@b"), "");
    assert_string_equal(class_names_file(""), "");
}

static void test_empty_names(void **state)
{
    (void)state;
    assert_refused(",", STATUS_USAGE, "class names", "name 1 is empty");
    assert_refused("a,,c", STATUS_USAGE, "class names", "name 2 is empty");
    assert_refused("a,b,", STATUS_USAGE, "class names", "name 3 is empty");
    assert_refused(at_file("a\n\nc\n", 5), STATUS_DATA, "names:2:", "class 1 is empty");
    assert_refused(at_file("\n", 1), STATUS_DATA, "names:1:", "class 0 is empty");
    assert_refused(at_file("a\n\n", 3), STATUS_DATA, "names:2:", "class 1 is empty");
    assert_refused(at_file("", 0), STATUS_DATA, "names", "empty file");
}

static void test_not_utf8(void **state)
{
    (void)state;
    assert_refused("a,caf\xe9,c", STATUS_USAGE, "class names", "name 2 is not UTF-8");
    assert_refused("caf\xc3,\xa9", STATUS_USAGE, "class names", "name 1 is not UTF-8");
    assert_refused(at_file("a\n\xff\n", 4), STATUS_DATA, "names:2:", "class 1 is not UTF-8");
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text, "@%s", scratch_path("missing"));
    assert_refused(text, STATUS_DATA, "missing", "no such file");
    snprintf(text, sizeof text, "@%s", scratch_path(""));
    assert_refused(text, STATUS_DATA, "is a folder", "");
    assert_refused("@", STATUS_DATA, "no such file", "");
    assert_refused(at_file("a\nb\0c\n", 6), STATUS_DATA, "names:2:2", "zero byte");
}

static void test_as_many_as_there_may_be(void **state)
{
    (void)state;
    enum { BYTES = 2 * (DATASET_CLASSES_MAX + 1) };
    struct class_names list;
    char *lines = malloc(BYTES);
    assert_non_null(lines);
    for (size_t i = 0; i < BYTES; i++)
        lines[i] = i % 2 ? '\n' : 'x';
    assert_done(class_names_parse(&list, at_file(lines, BYTES - 2)));
    assert_int_equal(list.count, DATASET_CLASSES_MAX);
    class_names_destroy(&list);
    assert_refused(at_file(lines, BYTES), STATUS_DATA, "names:65537:", "more than 65536 class names");
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_which_file),
        cmocka_unit_test(test_empty_names),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_as_many_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
