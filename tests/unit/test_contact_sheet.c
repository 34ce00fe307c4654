#include "io/contact_sheet.h"

#include "support/scratch.h"
#include "support/small_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <png.h>

enum { GAP = 4, PAPER = 245 };

struct picture {
    size_t width, height;
    unsigned char *rgb; /* owned */
};

static struct picture read_png(const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_RGB;
    struct picture picture = {image.width, image.height, malloc(PNG_IMAGE_SIZE(image))};
    assert_non_null(picture.rgb);
    assert_true(png_image_finish_read(&image, NULL, picture.rgb, 0, NULL));
    return picture;
}

static void assert_colour(const struct picture *picture, size_t x, size_t y, int r, int g, int b)
{
    const unsigned char *at = picture->rgb + 3 * (y * picture->width + x);
    if (at[0] != r || at[1] != g || at[2] != b)
        fail_msg("(%zu, %zu) is %d %d %d, not %d %d %d", x, y, at[0], at[1], at[2], r, g, b);
}

static struct picture draw(const struct dataset_split *split, size_t columns)
{
    struct contact_sheet sheet;
    assert_done(contact_sheet_pick(&sheet, split, columns));
    assert_done(contact_sheet_png(&sheet, split, scratch_path("a.png")));
    contact_sheet_destroy(&sheet);
    return read_png(scratch_path("a.png"));
}

static void test_pick_by_class(void **state)
{
    (void)state;
    int32_t classes[] = {2, 0, 2, 2, 0, 0};
    const struct dataset_split split = {.count = 6, .shape = {1, 1, 1}, .classes = classes, .outputs = 3};
    const size_t expected[] = {1, 4, CONTACT_SHEET_EMPTY, CONTACT_SHEET_EMPTY, 0, 2};
    struct contact_sheet sheet;
    assert_done(contact_sheet_pick(&sheet, &split, 2));
    assert_int_equal(sheet.rows, 3);
    assert_int_equal(sheet.columns, 2);
    assert_memory_equal(sheet.indices, expected, sizeof expected);
    contact_sheet_destroy(&sheet);
}

static void test_pick_without_classes(void **state)
{
    (void)state;
    struct dataset_split split = {.count = 5, .shape = {1, 1, 1}};
    struct contact_sheet sheet;
    assert_done(contact_sheet_pick(&sheet, &split, 3));
    assert_int_equal(sheet.rows, 2);
    for (size_t i = 0; i < 6; i++)
        assert_true(sheet.indices[i] == (i < 5 ? i : CONTACT_SHEET_EMPTY));
    contact_sheet_destroy(&sheet);
    split.count = 1000;
    assert_done(contact_sheet_pick(&sheet, &split, 3));
    assert_int_equal(sheet.rows, 10);
    contact_sheet_destroy(&sheet);
}

static void test_png_of_small_grey_images(void **state)
{
    (void)state;
    unsigned char images[] = {10, 20, 30, 40, 50, 60, 70, 80};
    int32_t classes[] = {1, 0};
    const struct dataset_split split = {
        .count = 2, .shape = {2, 2, 1}, .images = images, .classes = classes, .outputs = 2};
    struct picture picture = draw(&split, 2);
    assert_int_equal(picture.width, GAP + 2 * (64 + GAP));
    assert_int_equal(picture.height, GAP + 2 * (64 + GAP));
    assert_colour(&picture, 0, 0, PAPER, PAPER, PAPER);
    assert_colour(&picture, GAP, GAP, 50, 50, 50); /* class 0 is the second sample */
    assert_colour(&picture, GAP + 31, GAP + 31, 50, 50, 50);
    assert_colour(&picture, GAP + 32, GAP, 60, 60, 60);
    assert_colour(&picture, GAP, GAP + 32, 70, 70, 70);
    assert_colour(&picture, GAP + 63, GAP + 63, 80, 80, 80);
    assert_colour(&picture, GAP + 64, GAP + 63, PAPER, PAPER, PAPER);
    assert_colour(&picture, GAP + 100, GAP + 10, PAPER, PAPER, PAPER);
    assert_colour(&picture, GAP, GAP + 68, 10, 10, 10);
    free(picture.rgb);
}

static void test_png_of_colours_and_large_images(void **state)
{
    (void)state;
    struct dataset_split split = {.count = 1, .shape = {256, 1024, 3}, .images = malloc(256 * 1024 * 3)};
    unsigned char *rgb = split.images;
    assert_non_null(rgb);
    for (size_t i = 0; i < 256 * 1024; i++) {
        rgb[3 * i] = i % 1024 < 512 ? 200 : 0;
        rgb[3 * i + 1] = i % 2 ? 100 : 50; /* the mean is shown */
        rgb[3 * i + 2] = (unsigned char)(i / 1024 % 4 * 20);
    }
    struct picture picture = draw(&split, 1);
    assert_int_equal(picture.width, 256 + 2 * GAP);
    assert_int_equal(picture.height, 64 + 2 * GAP);
    assert_colour(&picture, GAP, GAP, 200, 75, 30);
    assert_colour(&picture, GAP + 255, GAP + 63, 0, 75, 30);
    free(picture.rgb);
    free(rgb);
}

static void test_png_of_floats_is_stretched(void **state)
{
    (void)state;
    float images[] = {-1, 0, 1, 3};
    const struct dataset_split split = {.count = 1, .shape = {2, 2, 1}, .is_float = true, .images = images};
    struct picture picture = draw(&split, 1);
    assert_colour(&picture, GAP, GAP, 0, 0, 0);
    assert_colour(&picture, GAP + 63, GAP, 64, 64, 64);
    assert_colour(&picture, GAP + 63, GAP + 63, 255, 255, 255);
    free(picture.rgb);
    const float same[] = {5, 5, 5, 5};
    memcpy(images, same, sizeof images);
    picture = draw(&split, 1);
    assert_colour(&picture, GAP, GAP, 0, 0, 0);
    free(picture.rgb);
}

static void test_png_failure(void **state)
{
    (void)state;
    unsigned char image[1] = {0};
    const struct dataset_split split = {.count = 1, .shape = {1, 1, 1}, .images = image};
    struct contact_sheet sheet;
    assert_done(contact_sheet_pick(&sheet, &split, 1));
    assert_failure(contact_sheet_png(&sheet, &split, scratch_path("no/a.png")), STATUS_DATA, "no/a.png",
                   NULL);
    size_t entries = folder_entries(scratch_path(""));
    file_size_limit(100);
    enum status status = contact_sheet_png(&sheet, &split, scratch_path("large.png"));
    file_size_limit(SIZE_MAX);
    assert_failure(status, STATUS_DATA, "cannot write", "large.png: File too large", "ulimit", NULL);
    assert_int_equal(folder_entries(scratch_path("")), entries);
    contact_sheet_destroy(&sheet);
}

static char *print(const struct dataset_split *split, enum contact_sheet_blocks blocks, size_t width)
{
    struct contact_sheet sheet;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_done(contact_sheet_pick(&sheet, split, 1));
    contact_sheet_print(&sheet, split, blocks, width, out);
    contact_sheet_destroy(&sheet);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Three images of 16x2 pixels: a white row over a black one, all black, the right half white. */
static unsigned char bars[3 * 32];
static int32_t bar_classes[] = {0, 1, 2};

static struct dataset_split make_bars(void)
{
    memset(bars, 255, 16);
    memset(bars + 64 + 8, 255, 8);
    memset(bars + 80 + 8, 255, 8);
    return (struct dataset_split){
        .count = 3, .shape = {2, 16, 1}, .images = bars, .classes = bar_classes, .outputs = 3};
}

static void expect_text(const struct dataset_split *split, enum contact_sheet_blocks blocks, size_t width,
                        const char *expected)
{
    char *text = print(split, blocks, width);
    assert_string_equal(text, expected);
    free(text);
}

static void test_text_fits_the_terminal(void **state)
{
    (void)state;
    struct dataset_split split = make_bars();
    expect_text(&split, CONTACT_SHEET_ASCII, 80,
                "  ================                            @@@@@@@@\n\n");
    expect_text(&split, CONTACT_SHEET_SHADES, 36,
                "  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒                  \n\n          ████████\n\n");
    expect_text(&split, CONTACT_SHEET_ASCII, 1,
                "  ================\n\n                  \n\n          @@@@@@@@\n\n");
}

static void test_text_has_names(void **state)
{
    (void)state;
    char *names[] = {"über", "b", "much longer than sixteen"};
    struct dataset_split split = make_bars();
    split.class_names = names;
    expect_text(&split, CONTACT_SHEET_ASCII, 80,
                "  über              b                 much longer than\n"
                "  ================                            @@@@@@@@\n\n");
}

static void test_text_in_colours(void **state)
{
    (void)state;
    unsigned char rgb[16 * 3] = {255, 0, 51, 7, 7, 7};
    const struct dataset_split split = {.count = 1, .shape = {1, 16, 3}, .images = rgb};
    char *text = print(&split, CONTACT_SHEET_TRUECOLOR, 80);
    assert_ptr_equal(strstr(text, "  \033[38;2;255;0;51;48;2;0;0;0m▀\033[38;2;7;7;7;48;2;0;0;0m▀"), text);
    assert_non_null(strstr(text, "▀\033[0m\n"));
    free(text);
    text = print(&split, CONTACT_SHEET_PALETTE, 80);
    assert_ptr_equal(strstr(text, "  \033[38;5;197;48;5;232m▀\033[38;5;232;48;5;232m▀"), text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick_by_class),
        cmocka_unit_test(test_pick_without_classes),
        cmocka_unit_test(test_png_of_small_grey_images),
        cmocka_unit_test(test_png_of_colours_and_large_images),
        cmocka_unit_test(test_png_of_floats_is_stretched),
        cmocka_unit_test(test_png_failure),
        cmocka_unit_test(test_text_fits_the_terminal),
        cmocka_unit_test(test_text_has_names),
        cmocka_unit_test(test_text_in_colours),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
