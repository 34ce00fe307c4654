#include "io/import_csv.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

static const struct import_csv_options plain = {.shape = {1, 2, 1}, .max = 255};

static enum status import(struct dataset_split *split, const char *text,
                          const struct import_csv_options *options)
{
    scratch_write(scratch_path("a.csv"), text, strlen(text));
    return import_csv(split, "train", scratch_path("a.csv"), options);
}

static void expect(const char *text, const struct import_csv_options *options, const char *first,
                   const char *second)
{
    struct dataset_split split;
    assert_failure(import(&split, text, options), STATUS_DATA, first, second, NULL);
    assert_null(split.images);
}

static void check(const char *text, const struct import_csv_options *options)
{
    struct dataset_split split;
    assert_done(import(&split, text, options));
    assert_int_equal(split.count, 2);
    assert_memory_equal(split.images, ((unsigned char[]){0, 255, 7, 8}), 4);
    assert_true(split.classes[0] == 3 && split.classes[1] == 1);
    assert_int_equal(split.outputs, 4);
    dataset_destroy(&split);
}

static void test_ways_to_write_the_same(void **state)
{
    (void)state;
    struct import_csv_options first = plain, header = plain;
    first.label_first = true;
    header.header = true;
    check("0,255,3\n7,8,1\n", &plain);
    check("0,255,3\n7,8,1", &plain);
    check("0;255;3\r\n7;8;1\r\n", &plain);
    check("\n0\t255\t3\n\n  \n7\t8\t1\n\n", &plain);
    check("\xef\xbb\xbf 0.000e+00 , 255.0, 3.0\n7 ,8,1.0\n", &plain);
    check("3,0,255\n1,7,8\n", &first);
    check("pixel0,pixel1,label\n0,255,3\n7,8,1\n", &header);
}

static void test_gzipped_and_many(void **state)
{
    (void)state;
    gzFile file = gzopen(scratch_path("a.csv.gz"), "wb");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(gzprintf(file, "%d,%d,%d\n", i % 256, i % 100, i % 10) > 0);
    assert_int_equal(gzclose(file), Z_OK);
    struct dataset_split split;
    assert_done(import_csv(&split, "train", scratch_path("a.csv.gz"), &plain));
    assert_int_equal(split.count, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(((unsigned char *)split.images)[2 * i], i % 256);
        assert_int_equal(((unsigned char *)split.images)[2 * i + 1], i % 100);
        assert_int_equal(split.classes[i], i % 10);
    }
    dataset_destroy(&split);
}

static void test_values_are_scaled(void **state)
{
    (void)state;
    struct import_csv_options options = {.shape = {1, 17, 1}, .max = 16};
    struct dataset_split split;
    assert_done(import(&split, "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,0\n", &options));
    for (int i = 0; i < 17; i++)
        assert_int_equal(((unsigned char *)split.images)[i], (int)(i / 16.0 * 255 + 0.5));
    dataset_destroy(&split);
}

static void test_numbers_wrong(void **state)
{
    (void)state;
    struct import_csv_options header = plain, sixteen = plain;
    header.header = true;
    sixteen.max = 16;
    expect("0,255,3\n7,abc,1\n", &plain, "a.csv:2:3:", "'abc' is not a number");
    expect("0,255,3\n7, ,1\n", &plain, "a.csv:2:4:", "'' is not a number");
    expect("0,255,3\n7,nan,1\n", &plain, "a.csv:2:3:", "'nan' is not a number");
    expect("a,b,c\n7,8,1\n", &plain, "a.csv:1:1:", "--header");
    expect("a,b,c\nd,8,1\n", &header, "a.csv:2:1:", "'d' is not a number");
    expect("0,256,3\n", &plain, "a.csv:1:3:", "256 is out of range, 0 to 255");
    expect("\n10,  17,3\n", &sixteen, "a.csv:2:6:", "17 is out of range, 0 to 16");
    expect("-1,2,3\n", &plain, "a.csv:1:1:", "-1 is out of range");
}

static void test_labels_wrong(void **state)
{
    (void)state;
    expect("0,1,1.5\n", &plain, "a.csv:1:5:", "label 1.5 is not a class index");
    expect("0,1,-1\n", &plain, "a.csv:1:5:", "label -1");
    expect("0,1,65536\n", &plain, "a.csv:1:5:", "label 65536");
}

static void test_lines_wrong(void **state)
{
    (void)state;
    expect("0,1,2\n3,4\n", &plain, "a.csv:2:3:", "ends after 2 numbers, 3 are needed");
    expect("0,1,2\n3,4,5,6\n", &plain, "a.csv:2:7:", "more than the 3 numbers of a 1x2x1 image");
    expect("", &plain, "a.csv", "no sample");
    expect("\n \n", &plain, "a.csv", "no sample");
    struct dataset_split split;
    scratch_write(scratch_path("zero.csv"), "0,1,2\n3,\0,5\n", 12);
    assert_failure(import_csv(&split, "train", scratch_path("zero.csv"), &plain), STATUS_DATA,
                   "zero.csv:2:3:", "not a text file", NULL);
    assert_failure(import_csv(&split, "train", scratch_path("missing.csv"), &plain), STATUS_DATA,
                   "missing.csv", "no such file", NULL);
}

static void test_truncated_gzip(void **state)
{
    (void)state;
    gzFile file = gzopen(scratch_path("a.csv.gz"), "wb");
    assert_non_null(file);
    for (int i = 0; i < 100; i++)
        assert_true(gzprintf(file, "%d,%d,%d\n", i * 7 % 256, i * 13 % 100, i % 10) > 0);
    assert_int_equal(gzclose(file), Z_OK);
    size_t size;
    char *packed = scratch_read(scratch_path("a.csv.gz"), &size);
    scratch_write(scratch_path("short.csv.gz"), packed, size - 9);
    free(packed);
    struct dataset_split split;
    assert_failure(import_csv(&split, "train", scratch_path("short.csv.gz"), &plain), STATUS_DATA,
                   "truncated gzip file", NULL);
}

static void test_cut(void **state)
{
    (void)state;
    struct dataset_split train, test;
    const char *text = "0,1,2\n3,4,9\n6,7,0\n";
    assert_done(import(&train, text, &plain));
    assert_done(import_csv_cut(&train, &test, "test", 2));
    assert_true(train.count == 1 && train.outputs == 3);
    assert_true(test.count == 2 && test.outputs == 10);
    assert_memory_equal(test.images, ((unsigned char[]){3, 4, 6, 7}), 4);
    assert_true(test.classes[0] == 9 && test.classes[1] == 0);
    assert_string_equal(test.name, "test");
    dataset_destroy(&test);
    dataset_destroy(&train);
    assert_done(import(&train, text, &plain));
    assert_failure(import_csv_cut(&train, &test, "test", 3), STATUS_USAGE, "3 samples", "give 1 to 2", NULL);
    assert_failure(import_csv_cut(&train, &test, "test", 0), STATUS_USAGE, "3 samples", NULL);
    dataset_destroy(&train);
    assert_done(import(&train, "0,1,2\n", &plain));
    assert_failure(import_csv_cut(&train, &test, "test", 1), STATUS_USAGE, "a.csv: holds one sample",
                   "--test FILE", NULL);
    dataset_destroy(&train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_to_write_the_same), cmocka_unit_test(test_gzipped_and_many),
        cmocka_unit_test(test_values_are_scaled),      cmocka_unit_test(test_numbers_wrong),
        cmocka_unit_test(test_labels_wrong),           cmocka_unit_test(test_lines_wrong),
        cmocka_unit_test(test_truncated_gzip),         cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
