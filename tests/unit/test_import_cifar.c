#include "io/import_cifar.h"

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

#include <zlib.h>

enum { PLANE = 1024 };

/* A record: its labels, then red, green and blue that tell the record and the place. */
static void write_records(const char *name, const unsigned char *labels, size_t label_bytes, size_t count)
{
    size_t size = label_bytes + 3 * PLANE;
    unsigned char *bytes = malloc(count * size);
    for (size_t r = 0; r < count; r++) {
        memcpy(bytes + r * size, labels + r * label_bytes, label_bytes);
        for (size_t i = 0; i < 3 * PLANE; i++)
            bytes[r * size + label_bytes + i] = (unsigned char)(100 * r + 40 * (i / PLANE) + i % 37);
    }
    scratch_write(scratch_path(name), bytes, count * size);
    free(bytes);
}

static void assert_pixels(const struct dataset_split *split, size_t sample, size_t record)
{
    const unsigned char *pixels = (const unsigned char *)split->images + sample * 3 * PLANE;
    for (size_t i = 0; i < PLANE; i++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(pixels[3 * i + c],
                             (unsigned char)(100 * record + 40 * c + (c * PLANE + i) % 37));
}

static void write_ten(void)
{
    static const unsigned char labels[] = {2, 0};
    char name[64];
    mkdir(scratch_path("ten"), 0777);
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "ten/data_batch_%d.bin", i);
        write_records(name, labels, 1, 2);
    }
    write_records("ten/test_batch.bin", labels + 1, 1, 1);
    scratch_write(scratch_path("ten/batches.meta.txt"), "plane\ncar\nbird\n\n", 16);
}

static enum status import(struct dataset_split *train, struct dataset_split *test, struct class_names *names,
                          const char *folder, bool coarse)
{
    return import_cifar(train, test, names, scratch_path(folder), coarse);
}

static void destroy(struct dataset_split *train, struct dataset_split *test, struct class_names *names)
{
    dataset_destroy(train);
    dataset_destroy(test);
    class_names_destroy(names);
}

static void test_ten(void **state)
{
    (void)state;
    struct dataset_split train, test;
    struct class_names names;
    write_ten();
    assert_done(import(&train, &test, &names, "ten", false));
    assert_int_equal(train.count, 10);
    assert_int_equal(test.count, 1);
    assert_true(shape_equal(train.shape, (struct shape){32, 32, 3}));
    assert_int_equal(names.count, 3);
    assert_string_equal(names.names[2], "bird");
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(train.classes[i], i % 2 ? 0 : 2);
        assert_pixels(&train, i, i % 2);
    }
    assert_int_equal(test.classes[0], 0);
    destroy(&train, &test, &names);
    assert_failure(import(&train, &test, &names, "ten", true), STATUS_USAGE, "no coarse labels", NULL);
}

static void test_hundred(void **state)
{
    (void)state;
    static const unsigned char labels[] = {1, 2, 0, 1};
    struct dataset_split train, test;
    struct class_names names;
    mkdir(scratch_path("hundred"), 0777);
    write_records("hundred/train.bin", labels, 2, 2);
    write_records("hundred/test.bin", labels, 2, 1);
    scratch_write(scratch_path("hundred/fine_label_names.txt"), "apple\nbee\nclock\n", 16);
    scratch_write(scratch_path("hundred/coarse_label_names.txt"), "fruit\ninsects\n", 14);
    assert_done(import(&train, &test, &names, "hundred", false));
    assert_true(train.classes[0] == 2 && train.classes[1] == 1 && names.count == 3);
    assert_pixels(&train, 1, 1);
    destroy(&train, &test, &names);
    assert_done(import(&train, &test, &names, "hundred", true));
    assert_true(train.classes[0] == 1 && train.classes[1] == 0 && names.count == 2);
    destroy(&train, &test, &names);
}

static void gzip(const char *name)
{
    char packed[1100];
    size_t size;
    char *bytes = scratch_read(scratch_path(name), &size);
    snprintf(packed, sizeof packed, "%s.gz", scratch_path(name));
    gzFile file = gzopen(packed, "wb");
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    gzclose(file);
    free(bytes);
    unlink(scratch_path(name));
}

static void test_gzipped(void **state)
{
    (void)state;
    struct dataset_split train, test;
    struct class_names names;
    write_ten();
    gzip("ten/data_batch_1.bin");
    gzip("ten/test_batch.bin");
    assert_done(import(&train, &test, &names, "ten", false));
    assert_int_equal(train.count, 10);
    assert_pixels(&train, 1, 1);
    destroy(&train, &test, &names);
    unlink(scratch_path("ten/data_batch_1.bin.gz"));
    unlink(scratch_path("ten/test_batch.bin.gz"));
}

static void expect(const char *first, const char *second)
{
    struct dataset_split train, test;
    struct class_names names;
    assert_failure(import(&train, &test, &names, "ten", false), STATUS_DATA, first, second, NULL);
    assert_null(train.images);
    assert_null(test.images);
    assert_null(names.names);
}

static void test_refused(void **state)
{
    (void)state;
    struct dataset_split train, test;
    struct class_names names;
    assert_failure(import(&train, &test, &names, "nowhere", false), STATUS_DATA, "data_batch_1.bin",
                   "train.bin", NULL);
    write_ten();
    assert_int_equal(truncate(scratch_path("ten/data_batch_3.bin"), 5000), 0);
    expect("data_batch_3.bin: truncated", "record");
    write_records("ten/data_batch_3.bin", (const unsigned char *)"\3", 1, 1);
    expect("data_batch_3.bin: image 4 is of class 3", "names for 3");
    write_ten();
    unlink(scratch_path("ten/test_batch.bin"));
    expect("test_batch.bin", "no such file");
    scratch_write(scratch_path("ten/test_batch.bin"), "", 0);
    expect("test_batch.bin", "empty");
    scratch_write(scratch_path("ten/batches.meta.txt"), "\n", 1);
    expect("batches.meta.txt", "no class name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten),
        cmocka_unit_test(test_hundred),
        cmocka_unit_test(test_gzipped),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
