#include "io/image_list.h"

#include "support/scratch.h"

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

static const struct image_list_options folders = {.separator = "_", .seed = 1};

/* An empty file of that path below the scratch folder, and the folders above it. */
static void touch(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_path(name));
    for (char *slash = strchr(path + strlen(scratch_path("")), '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    scratch_write(path, "", 0);
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && !strcmp(text + strlen(text) - strlen(end), end);
}

static void assert_entry(const struct image_split *split, size_t i, const char *end, size_t class)
{
    assert_true(i < split->count);
    assert_true(ends_with(split->entries[i].path, end));
    assert_int_equal(split->entries[i].class, class);
}

static void test_folders(void **state)
{
    (void)state;
    struct image_list list;
    touch("a/dog/2.JPG");
    touch("a/dog/10.png");
    touch("a/dog/deep/er/1.jpeg");
    touch("a/dog/.hidden.jpg");
    touch("a/dog/notes.txt");
    touch("a/cat/x.jpg");
    touch("a/.git/x.jpg");
    touch("a/README");
    assert_done(image_list_read(&list, scratch_path("a"), &folders));
    assert_int_equal(list.class_count, 2);
    assert_string_equal(list.class_names[0], "cat");
    assert_string_equal(list.class_names[1], "dog");
    assert_int_equal(list.train.count, 4);
    assert_entry(&list.train, 0, "cat/x.jpg", 0);
    assert_entry(&list.train, 1, "dog/10.png", 1);
    assert_entry(&list.train, 2, "dog/2.JPG", 1);
    assert_entry(&list.train, 3, "dog/deep/er/1.jpeg", 1);
    assert_int_equal(list.test.count, 0);
    assert_int_equal(list.others, 2);
    image_list_destroy(&list);
}

static void test_train_and_test(void **state)
{
    (void)state;
    struct image_list list;
    struct image_list_options share = folders;
    touch("b/train/one/1.png");
    touch("b/train/two/1.png");
    touch("b/test/two/7.png");
    assert_done(image_list_read(&list, scratch_path("b"), &folders));
    assert_int_equal(list.train.count, 2);
    assert_int_equal(list.test.count, 1);
    assert_entry(&list.test, 0, "test/two/7.png", 1);
    image_list_destroy(&list);
    share.test_fraction = 0.5;
    assert_failure(image_list_read(&list, scratch_path("b"), &share), STATUS_USAGE, "/test is there",
                   "--test-fraction", NULL);
    touch("b/test/three/1.png");
    assert_failure(image_list_read(&list, scratch_path("b"), &folders), STATUS_DATA, "test/three/1.png",
                   "class three", NULL);
}

static void test_names(void **state)
{
    (void)state;
    struct image_list list;
    struct image_list_options names = {.labels_in_names = true, .separator = "--", .seed = 1};
    touch("c/red_fox--1.png");
    touch("c/wolf--1--2.png");
    touch("c/sub/red_fox--2.png");
    assert_done(image_list_read(&list, scratch_path("c"), &names));
    assert_int_equal(list.class_count, 2);
    assert_string_equal(list.class_names[0], "red_fox");
    assert_string_equal(list.class_names[1], "wolf");
    assert_entry(&list.train, 0, "c/red_fox--1.png", 0);
    assert_entry(&list.train, 1, "sub/red_fox--2.png", 0);
    assert_entry(&list.train, 2, "wolf--1--2.png", 1);
    image_list_destroy(&list);
    touch("c/nothing.png");
    assert_failure(image_list_read(&list, scratch_path("c"), &names), STATUS_DATA, "c/nothing.png",
                   "no label", NULL);
}

/* The same for the same seed, another for another, of every class its share, and nothing twice. */
static void test_fraction(void **state)
{
    (void)state;
    struct image_list first, again, other;
    struct image_list_options share = {.separator = "_", .test_fraction = 0.25, .seed = 1};
    char name[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "d/%c/%02d.png", i < 28 ? 'p' : 'q', i);
        touch(name);
    }
    assert_done(image_list_read(&first, scratch_path("d"), &share));
    assert_done(image_list_read(&again, scratch_path("d"), &share));
    share.seed = 2;
    assert_done(image_list_read(&other, scratch_path("d"), &share));
    assert_int_equal(first.test.count, 7 + 3);
    assert_int_equal(first.train.count, 30);
    bool differs = false;
    for (size_t i = 0; i < 10; i++) {
        assert_string_equal(first.test.entries[i].path, again.test.entries[i].path);
        assert_int_equal(first.test.entries[i].class, i < 7 ? 0 : 1);
        differs |= strcmp(first.test.entries[i].path, other.test.entries[i].path) != 0;
        for (size_t j = 0; j < first.train.count; j++)
            assert_string_not_equal(first.test.entries[i].path, first.train.entries[j].path);
    }
    assert_true(differs);
    share.test_fraction = 0.99;
    image_list_destroy(&other);
    assert_failure(image_list_read(&other, scratch_path("d"), &share), STATUS_USAGE, "class p", "28 images",
                   NULL);
    image_list_destroy(&first);
    image_list_destroy(&again);
}

static void test_refused(void **state)
{
    (void)state;
    struct image_list list;
    touch("e/full/1.png");
    touch("e/hollow/notes.txt");
    assert_failure(image_list_read(&list, scratch_path("e"), &folders), STATUS_DATA, "e/hollow",
                   "empty class", NULL);
    touch("f/1.png");
    assert_failure(image_list_read(&list, scratch_path("f"), &folders), STATUS_DATA, "no folder per class",
                   "--labels name", NULL);
    assert_failure(image_list_read(&list, scratch_path("none"), &folders), STATUS_DATA, "no such folder",
                   NULL);
    touch("g/loop/1.png");
    assert_int_equal(symlink("..", scratch_path("g/loop/up")), 0);
    assert_failure(image_list_read(&list, scratch_path("g"), &folders), STATUS_DATA, "g/loop/up", "lies in",
                   NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),  cmocka_unit_test(test_train_and_test), cmocka_unit_test(test_names),
        cmocka_unit_test(test_fraction), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
