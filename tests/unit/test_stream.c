/* Images that stay in the file are the same as those in memory, however little room there is; what is read
 * how often; and a file that is damaged or changed under way is noticed. */
#include "io/stream.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of 40 KiB an image 26 make a run of contiguous ones. */
enum { COUNT = 150, H = 64, W = 64, C = 10, ITEM = H * W * C };

enum kind { CHUNKED, CUT, CONTIGUOUS, FLOATS, KINDS };

static unsigned char pixel(size_t i)
{
    return (unsigned char)((i * 2654435761U) >> 20);
}

/* /train/images of COUNT images and /train/labels. CHUNKED: in chunks of 4 whole images, compressed; CUT: of
 * 7 images' quarters. */
static const char *make(enum kind kind)
{
    hsize_t dims[] = {COUNT, H, W, C}, chunk[] = {kind == CUT ? 7 : 4, kind == CUT ? H / 4 : H, W, C};
    const char *path = scratch_path("a.h5");
    float *floats = malloc(COUNT * ITEM * sizeof *floats);
    unsigned char *bytes = malloc(COUNT * ITEM);
    int32_t labels[COUNT];
    for (size_t i = 0; i < COUNT * ITEM; i++) {
        bytes[i] = pixel(i);
        floats[i] = (float)i * 0.25f;
    }
    for (size_t i = 0; i < COUNT; i++)
        labels[i] = (int32_t)(i % 3);
    h5_quiet();
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = h5_create_group(file, "train");
    assert_true(h5_close(h5_write_array(group, "images", kind == FLOATS ? H5T_IEEE_F32LE : H5T_STD_U8LE, 4,
                                        dims, kind == CONTIGUOUS ? NULL : chunk,
                                        kind == FLOATS ? (void *)floats : (void *)bytes)));
    assert_true(h5_close(h5_write_array(group, "labels", H5T_STD_I32LE, 1, dims, NULL, labels)));
    assert_true(h5_close(group) && H5Fclose(file) >= 0);
    free(floats);
    free(bytes);
    return path;
}

static void test_scan_is_read(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        const char *path = make((enum kind)kind);
        struct dataset_split whole, left;
        assert_done(dataset_read(&whole, path, "train", true));
        assert_done(dataset_scan(&left, path, "train", true, 4 << 20));
        assert_true(whole.images && !whole.run_digests && !left.images && left.run_digests);
        assert_true(left.digest == whole.digest && left.run == whole.run && left.count == COUNT);
        assert_memory_equal(left.classes, whole.classes, COUNT * sizeof *left.classes);
        assert_true(dataset_images_bytes(path, "train") ==
                    (double)COUNT * (double)dataset_image_bytes(&left));
        assert_true(dataset_images_bytes(path, "test") == 0);
        dataset_destroy(&left);
        assert_done(dataset_scan(&left, path, "train", true, COUNT * dataset_image_bytes(&whole)));
        assert_true(left.images != NULL);
        dataset_destroy(&left);
        dataset_destroy(&whole);
    }
}

/* Whole chunks, near to a mebibyte. */
static void test_runs(void **state)
{
    (void)state;
    static const size_t runs[] = {24, 21, 25, 4};
    for (int kind = 0; kind < KINDS; kind++) {
        struct dataset_split split;
        assert_done(dataset_scan(&split, make((enum kind)kind), "train", true, 4 << 20));
        assert_int_equal(split.run, runs[kind]);
        size_t count = dataset_runs(&split), sum = 0;
        for (size_t run = 0; run < count; run++)
            sum += dataset_run_count(&split, run);
        assert_int_equal(sum, COUNT);
        dataset_destroy(&split);
    }
}

static void check(struct stream *s, const struct dataset_split *whole, size_t sample)
{
    size_t item = dataset_image_bytes(whole);
    unsigned char *image = malloc(item);
    assert_done(stream_read(s, sample, 0, image));
    assert_memory_equal(image, (unsigned char *)whole->images + sample * item, item);
    free(image);
}

static void test_any_image_in_any_memory(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        const char *path = make((enum kind)kind);
        struct dataset_split whole, left;
        assert_done(dataset_read(&whole, path, "train", true));
        assert_done(dataset_scan(&left, path, "train", true, 4 << 20));
        for (size_t slots = 1; slots <= dataset_runs(&left); slots += 2) {
            struct stream s;
            assert_done(stream_create(&s, &left, slots));
            for (size_t i = 0; i < COUNT; i++)
                check(&s, &whole, i * 37 % COUNT);
            check(&s, &whole, COUNT - 1);
            check(&s, &whole, 0);
            stream_destroy(&s);
        }
        dataset_destroy(&left);
        dataset_destroy(&whole);
    }
}

/* What is needed longest stays; what is there is not read again. */
static void test_reads(void **state)
{
    (void)state;
    struct dataset_split left;
    struct stream s;
    assert_done(dataset_scan(&left, make(CHUNKED), "train", true, 4 << 20));
    assert_done(stream_create(&s, &left, 3));
    assert_int_equal(stream_slots(&left, 3 << 20), 3);
    assert_int_equal(stream_slots(&left, 1), 1);
    assert_int_equal(stream_slots(&left, (size_t)1 << 40), dataset_runs(&left));
    assert_true(stream_has_room(&s, 0));
    static const struct {
        size_t run;
        uint64_t until, reads;
    } calls[] = {{0, 9, 1}, {1, 5, 2}, {2, 7, 3}, {0, 1, 3}, {3, 8, 4}, {0, 0, 4},
                 {2, 0, 4}, {1, 9, 5}, {3, 0, 5}, {0, 0, 5}, {2, 0, 6}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        assert_done(stream_load(&s, calls[i].run, calls[i].until));
        assert_int_equal(s.reads, calls[i].reads);
    }
    assert_true(stream_has_room(&s, 1) && !stream_has_room(&s, 0)); /* 2, which came last, for nothing */
    stream_destroy(&s);
    dataset_destroy(&left);
}

/* Bytes of the file from `offset` on are others. */
static void overwrite(const char *path, size_t offset, size_t count)
{
    FILE *file = fopen(path, "r+b");
    assert_true(file && fseek(file, (long)offset, SEEK_SET) == 0);
    for (size_t i = 0; i < count; i++)
        assert_true(fputc(0x5a, file) == 0x5a);
    fclose(file);
}

/* In a contiguous array no filter would notice. */
static void test_changed_under_way(void **state)
{
    (void)state;
    struct dataset_split left;
    struct stream s;
    const char *path = make(CONTIGUOUS);
    unsigned char *image = malloc(ITEM);
    assert_done(dataset_scan(&left, path, "train", true, 4 << 20));
    assert_done(stream_create(&s, &left, 2));
    hid_t images = H5Dopen2(s.file, "/train/images", H5P_DEFAULT);
    haddr_t begin = H5Dget_offset(images);
    H5Dclose(images);
    assert_done(stream_read(&s, 30, 0, image));
    overwrite(path, (size_t)begin + 80 * ITEM + 5, 1);
    assert_done(stream_read(&s, 74, 0, image));
    assert_failure(stream_read(&s, 75, 0, image), STATUS_DATA, "a.h5", "/train/images[75] to [99]", "changed",
                   NULL);
    assert_failure(stream_read(&s, 80, 0, image), STATUS_DATA, "a.h5", NULL); /* it was not kept */
    assert_done(stream_read(&s, 100, 0, image));
    stream_destroy(&s);
    dataset_destroy(&left);
    free(image);
}

static void test_damaged_under_way(void **state)
{
    (void)state;
    struct dataset_split left;
    struct stream s;
    const char *path = make(CHUNKED);
    unsigned char *image = malloc(ITEM);
    assert_done(dataset_scan(&left, path, "train", true, 4 << 20));
    assert_done(stream_create(&s, &left, 2));
    haddr_t begin;
    hsize_t size, offset[] = {52, 0, 0, 0};
    assert_true(H5Dget_chunk_info_by_coord(s.images, offset, NULL, &begin, &size) >= 0);
    overwrite(path, (size_t)begin + (size_t)size / 2, 20);
    assert_done(stream_read(&s, 47, 0, image));
    assert_failure(stream_read(&s, 48, 0, image), STATUS_DATA, "a.h5", "/train/images[48] to [71]",
                   "cannot be read", NULL);
    stream_destroy(&s);
    dataset_destroy(&left);
    free(image);
}

static void test_too_little(void **state)
{
    (void)state;
    struct dataset_split left;
    assert_failure(dataset_scan(&left, make(CHUNKED), "train", true, 1 << 20), STATUS_DATA, "a.h5",
                   "/train/images", "data.memory", "h5repack", NULL);
    assert_failure(dataset_scan(&left, scratch_path("no.h5"), "train", true, 1), STATUS_DATA, "no.h5", NULL);
}

static void test_floats_are_looked_at(void **state)
{
    (void)state;
    struct dataset_split left;
    const char *path = make(FLOATS);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT),
          images = H5Dopen2(file, "/train/images", H5P_DEFAULT);
    hsize_t at[] = {77, 1, 2, 3}, one[] = {1, 1, 1, 1};
    hid_t space = H5Dget_space(images), memory = H5Screate_simple(4, one, NULL);
    float bad = 0.0f / 0.0f;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, at, NULL, one, NULL);
    assert_true(H5Dwrite(images, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, &bad) >= 0);
    H5Sclose(space);
    H5Sclose(memory);
    H5Dclose(images);
    H5Fclose(file);
    assert_failure(dataset_scan(&left, path, "train", true, 4 << 20), STATUS_DATA, "[77, 1, 2, 3]",
                   "not a finite", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_is_read),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_any_image_in_any_memory),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_changed_under_way),
        cmocka_unit_test(test_damaged_under_way),
        cmocka_unit_test(test_too_little),
        cmocka_unit_test(test_floats_are_looked_at),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
