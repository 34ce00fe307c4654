#include "io/import_images.h"

#include "support/capture.h"
#include "support/image_sample.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { MANY = 100, SIDE = 6 };

static char *const names[] = {(char *)"cat", (char *)"dog"};

/* A list of `count` files, the odd ones of class 1; a path each. */
static struct image_list list_of(size_t count)
{
    struct image_list list = {.class_names = (char **)(uintptr_t)names, .class_count = 2};
    char name[32];
    list.train.entries = calloc(count, sizeof *list.train.entries);
    list.train.count = count;
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%zu.png", i);
        list.train.entries[i] = (struct image_entry){strdup(scratch_path(name)), i % 2};
    }
    return list;
}

static void forget(struct image_list *list)
{
    for (size_t i = 0; i < list->train.count; i++)
        free(list->train.entries[i].path);
    free(list->train.entries);
}

/* One grey square per file: its brightness is its number. */
static void write_squares(const struct image_list *list, size_t channels)
{
    unsigned char pixels[SIDE * SIDE * 3];
    for (size_t i = 0; i < list->train.count; i++) {
        memset(pixels, (int)i, sizeof pixels);
        image_sample_png(list->train.entries[i].path, (struct shape){SIDE, SIDE, channels}, pixels);
    }
}

static enum status import(struct dataset_split *split, const struct image_list *list,
                          const struct import_images_options *options, size_t *skipped)
{
    return import_images(split, "train", list, &list->train, options, NULL, skipped);
}

static void assert_squares(const struct dataset_split *split, size_t i, size_t number)
{
    const unsigned char *image = (const unsigned char *)split->images + i * shape_count(split->shape);
    for (size_t j = 0; j < shape_count(split->shape); j++)
        assert_int_equal(image[j], number);
    assert_int_equal(split->classes[i], number % 2);
}

struct told {
    size_t calls, last, total;
};
static void tell(void *user, size_t done, size_t total)
{
    struct told *told = user;
    told->calls++;
    told->last = done;
    told->total = total;
}

static void test_all_in_order(void **state)
{
    (void)state;
    struct image_list list = list_of(MANY);
    struct dataset_split split;
    struct told told = {0};
    size_t skipped;
    write_squares(&list, 1);
    assert_done(
        import(&split, &list, &(struct import_images_options){.progress = tell, .user = &told}, &skipped));
    assert_int_equal(split.count, MANY);
    assert_int_equal(split.outputs, 2);
    assert_true(shape_equal(split.shape, (struct shape){SIDE, SIDE, 1}));
    for (size_t i = 0; i < MANY; i++)
        assert_squares(&split, i, i);
    assert_int_equal(skipped, 0);
    assert_true(told.calls > 0 && told.last == MANY && told.total == MANY);
    dataset_destroy(&split);
    forget(&list);
}

static void test_size_and_channels(void **state)
{
    (void)state;
    struct image_list list = list_of(4);
    struct dataset_split split, test;
    size_t skipped;
    write_squares(&list, 1);
    assert_done(
        import(&split, &list, &(struct import_images_options){.h = 3, .w = 9, .channels = 3}, &skipped));
    assert_true(shape_equal(split.shape, (struct shape){3, 9, 3}));
    for (size_t i = 0; i < 4; i++)
        assert_squares(&split, i, i);
    /* another split is like the first, and says so where it is not */
    assert_failure(import_images(&test, "test", &list, &list.train, &(struct import_images_options){0},
                                 &split, &skipped),
                   STATUS_DATA, "0.png", "6x6x1", "3x9x3", NULL);
    dataset_destroy(&split);
    forget(&list);
}

static void test_differing(void **state)
{
    (void)state;
    struct image_list list = list_of(5);
    struct dataset_split split;
    unsigned char pixels[8 * 8 * 3] = {0};
    size_t skipped;
    write_squares(&list, 1);
    image_sample_png(list.train.entries[3].path, (struct shape){8, SIDE, 1}, pixels);
    assert_failure(import(&split, &list, &(struct import_images_options){0}, &skipped), STATUS_DATA, "3.png",
                   "8x6x1", "0.png", "6x6x1", "--size", NULL);
    image_sample_png(list.train.entries[3].path, (struct shape){SIDE, SIDE, 3}, pixels);
    assert_failure(import(&split, &list, &(struct import_images_options){0}, &skipped), STATUS_DATA, "3.png",
                   "in colour", "0.png", "grey", "--channels", NULL);
    assert_null(split.images);
    forget(&list);
}

static void test_damaged(void **state)
{
    (void)state;
    struct image_list list = list_of(MANY);
    struct dataset_split split;
    size_t skipped;
    write_squares(&list, 1);
    scratch_write(list.train.entries[0].path, "no image", 8);
    scratch_write(list.train.entries[51].path, "\x89PNG\r\n\x1a\nand no more", 19);
    capture_errors_start();
    assert_done(import(&split, &list, &(struct import_images_options){0}, &skipped));
    char *said = capture_errors_stop();
    assert_int_equal(skipped, 2);
    assert_int_equal(split.count, MANY - 2);
    for (size_t i = 0; i < MANY - 2; i++)
        assert_squares(&split, i, i < 50 ? i + 1 : i + 2);
    assert_non_null(strstr(said, "/0.png"));
    assert_non_null(strstr(said, "/51.png"));
    free(said);
    dataset_destroy(&split);
    assert_failure(import(&split, &list, &(struct import_images_options){.strict = true}, &skipped),
                   STATUS_DATA, "/0.png", "neither JPEG nor PNG", NULL);
    forget(&list);
}

static void test_class_without_images(void **state)
{
    (void)state;
    struct image_list list = list_of(4);
    struct dataset_split split;
    size_t skipped;
    write_squares(&list, 1);
    scratch_write(list.train.entries[1].path, "x", 1);
    scratch_write(list.train.entries[3].path, "x", 1);
    capture_errors_start();
    enum status status = import(&split, &list, &(struct import_images_options){0}, &skipped);
    free(capture_errors_stop());
    assert_failure(status, STATUS_DATA, "class dog", NULL);
    forget(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_in_order),
        cmocka_unit_test(test_size_and_channels),
        cmocka_unit_test(test_differing),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_class_without_images),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
