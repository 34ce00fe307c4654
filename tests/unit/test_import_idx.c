#include "io/import_idx.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

enum { N = 3, H = 2, W = 3, HEAD = 16, ITEM = H * W };

static const unsigned char images[HEAD + N * ITEM] = {0,   0,   8,   3,   0, 0, 0, N, 0, 0, 0,   H,
                                                      0,   0,   0,   W,   0, 1, 2, 3, 4, 5, 250, 251,
                                                      252, 253, 254, 255, 9, 8, 7, 6, 5, 4};
static const unsigned char labels[8 + N] = {0, 0, 8, 1, 0, 0, 0, N, 4, 0, 255};

static void write_gzip(const char *path, const void *bytes, size_t size)
{
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

static int write_good(void **state)
{
    (void)state;
    scratch_write(scratch_path("images"), images, sizeof images);
    scratch_write(scratch_path("labels"), labels, sizeof labels);
    write_gzip(scratch_path("images.gz"), images, sizeof images);
    write_gzip(scratch_path("labels.gz"), labels, sizeof labels);
    return 0;
}

static enum status import(struct dataset_split *split, const char *image_name, const char *label_name)
{
    return import_idx(split, "train", scratch_path(image_name), scratch_path(label_name));
}

static void expect(const char *image_name, const char *label_name, const char *first, const char *second)
{
    struct dataset_split split;
    assert_failure(import(&split, image_name, label_name), STATUS_DATA, first, second, NULL);
    assert_null(split.images);
    assert_null(split.classes);
}

static void test_good(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"images", "labels"}, {"images.gz", "labels.gz"}, {"images", "labels.gz"}};
    for (size_t i = 0; i < 3; i++) {
        struct dataset_split split;
        assert_done(import(&split, names[i][0], names[i][1]));
        assert_int_equal(split.count, N);
        assert_true(shape_equal(split.shape, (struct shape){H, W, 1}));
        assert_memory_equal(split.images, images + HEAD, N * ITEM);
        assert_true(split.classes[0] == 4 && split.classes[1] == 0 && split.classes[2] == 255);
        assert_int_equal(split.outputs, 256);
        assert_string_equal(split.name, "train");
        dataset_destroy(&split);
    }
}

static void test_channels(void **state)
{
    (void)state;
    unsigned char coloured[20 + N * ITEM] = {0, 0, 8, 4, 0, 0, 0, N, 0, 0, 0, 1,
                                             0, 0, 0, H, 0, 0, 0, W, 1, 2, 3};
    struct dataset_split split;
    scratch_write(scratch_path("coloured"), coloured, sizeof coloured);
    assert_done(import(&split, "coloured", "labels"));
    assert_true(shape_equal(split.shape, (struct shape){1, H, W}));
    assert_memory_equal(split.images, coloured + 20, N * ITEM);
    dataset_destroy(&split);
}

static void test_numbers_of_several_bytes(void **state)
{
    (void)state;
    enum { WIDTH = 0x012345 };
    unsigned char wide[HEAD + WIDTH] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x01, 0x23, 0x45};
    const unsigned char label[] = {0, 0, 8, 1, 0, 0, 0, 1, 7};
    struct dataset_split split;
    scratch_write(scratch_path("wide"), wide, sizeof wide);
    scratch_write(scratch_path("label"), label, sizeof label);
    assert_done(import(&split, "wide", "label"));
    assert_true(shape_equal(split.shape, (struct shape){1, WIDTH, 1}));
    dataset_destroy(&split);
}

static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof images; size++) {
        scratch_write(scratch_path("short"), images, size);
        expect("short", "labels", "short", size < 16 ? "truncated: ends within the header" : "truncated");
    }
    for (size_t size = 0; size < sizeof labels; size++) {
        scratch_write(scratch_path("short"), labels, size);
        expect("images", "short", "short", "truncated: ends within the");
    }
}

static void test_truncated_and_damaged_gzip(void **state)
{
    (void)state;
    size_t size;
    char *packed = scratch_read(scratch_path("images.gz"), &size);
    for (size_t left = 20; left < size; left++) {
        scratch_write(scratch_path("short.gz"), packed, left);
        expect("short.gz", "labels", "short.gz", "truncated");
    }
    packed[size - 6] ^= 1; /* of the checksum */
    scratch_write(scratch_path("bad.gz"), packed, size);
    expect("bad.gz", "labels", "bad.gz", "damaged gzip file");
    free(packed);
}

static void test_no_idx(void **state)
{
    (void)state;
    expect("missing", "labels", "missing", "no such file");
    expect("images", "missing", "missing", "no such file");
    expect("", "labels", "is a folder", "");
    scratch_write(scratch_path("text"), "5,1,2,3\n", 8);
    expect("text", "labels", "not an IDX file", "35 2c 31 2c");
    expect("labels", "images", "labels", "swapped");
    expect("images", "images", "labels have 1", "swapped");
}

/* `images` with one byte of the header replaced. */
static void expect_header(size_t at, unsigned char value, const char *words)
{
    unsigned char spoiled[sizeof images];
    memcpy(spoiled, images, sizeof spoiled);
    spoiled[at] = value;
    scratch_write(scratch_path("spoiled"), spoiled, sizeof spoiled);
    expect("spoiled", "labels", "spoiled", words);
}

static void test_header_wrong(void **state)
{
    (void)state;
    expect_header(2, 0x0d, "element type 0x0d");
    expect_header(3, 5, "5 dimensions");
    expect_header(7, 0, "no sample");
    expect_header(11, 0, "no sample");
    expect_header(6, 0xff, "truncated");
    expect_header(8, 0x7f, "damaged, or more");
}

static void test_counts_and_trailing_bytes(void **state)
{
    (void)state;
    unsigned char longer[sizeof images + 1] = {0};
    memcpy(longer, images, sizeof images);
    scratch_write(scratch_path("longer"), longer, sizeof longer);
    expect("longer", "labels", "longer", "bytes behind");
    unsigned char fewer[8 + N - 1] = {0, 0, 8, 1, 0, 0, 0, N - 1};
    scratch_write(scratch_path("fewer"), fewer, sizeof fewer);
    expect("images", "fewer", "has 2 labels", "has 3 images");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, write_good),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_numbers_of_several_bytes),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_truncated_and_damaged_gzip),
        cmocka_unit_test(test_no_idx),
        cmocka_unit_test(test_header_wrong),
        cmocka_unit_test(test_counts_and_trailing_bytes),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
