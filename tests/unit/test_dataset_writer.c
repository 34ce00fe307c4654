#include "io/dataset_writer.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLASSES = 3 };

static const char *const names[CLASSES] = {"T-shirt/top", "Größe", "c"};

static struct dataset_split make(const char *name, size_t count, struct shape shape)
{
    size_t total = count * shape_count(shape);
    struct dataset_split split = {.count = count, .shape = shape, .outputs = CLASSES};
    strcpy(split.name, name);
    strcpy(split.path, "source.csv");
    split.images = malloc(total);
    split.classes = malloc(count * sizeof *split.classes);
    assert_true(split.images && split.classes);
    uint64_t x = 1;
    for (size_t i = 0; i < total; i++, x = x * 6364136223846793005u + 1442695040888963407u)
        ((unsigned char *)split.images)[i] = (unsigned char)(x >> 56);
    for (size_t i = 0; i < count; i++)
        split.classes[i] = (int32_t)(i % CLASSES);
    return split;
}

static void assert_same(const struct dataset_split *a, const struct dataset_split *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(shape_equal(a->shape, b->shape));
    assert_memory_equal(a->images, b->images, a->count * shape_count(a->shape));
    assert_memory_equal(a->classes, b->classes, a->count * sizeof *a->classes);
}

static void test_comes_back(void **state)
{
    (void)state;
    struct dataset_split train = make("train", 700, (struct shape){5, 4, 3}),
                         test = make("test", 9, train.shape), back;
    const struct dataset_content content = {&train, &test, names, CLASSES};
    assert_done(dataset_write(scratch_path("a.h5"), &content, false));
    assert_done(dataset_read(&back, scratch_path("a.h5"), "train", true));
    assert_same(&back, &train);
    assert_int_equal(back.outputs, CLASSES);
    for (size_t k = 0; k < CLASSES; k++)
        assert_string_equal(back.class_names[k], names[k]);
    for (size_t c = 0; c < 3; c++) {
        double n = 700 * 20, mean = 0, square = 0;
        for (size_t i = c; i < 700 * 60; i += 3)
            mean += ((unsigned char *)train.images)[i] / 255.0 / n;
        for (size_t i = c; i < 700 * 60; i += 3)
            square += pow(((unsigned char *)train.images)[i] / 255.0 - mean, 2) / n;
        assert_true(fabs((double)back.normalization.mean[c] - mean) < 1e-7);
        assert_true(fabs((double)back.normalization.std[c] - sqrt(square)) < 1e-7);
    }
    float mean = back.normalization.mean[1];
    dataset_destroy(&back);
    assert_done(dataset_read(&back, scratch_path("a.h5"), "test", true));
    assert_same(&back, &test);
    assert_true(back.normalization.mean[1] == mean);
    dataset_destroy(&back);
    dataset_destroy(&train);
    dataset_destroy(&test);
}

static void test_same_bytes_twice(void **state)
{
    (void)state;
    struct dataset_split train = make("train", 50, (struct shape){8, 8, 1});
    const struct dataset_content content = {&train, NULL, names, CLASSES};
    assert_done(dataset_write(scratch_path("one.h5"), &content, true));
    sleep(1);
    assert_done(dataset_write(scratch_path("two.h5"), &content, true));
    size_t size, other;
    char *one = scratch_read(scratch_path("one.h5"), &size),
         *two = scratch_read(scratch_path("two.h5"), &other);
    assert_int_equal(size, other);
    assert_memory_equal(one, two, size);
    free(one);
    free(two);
    dataset_destroy(&train);
}

static void test_constant_channel(void **state)
{
    (void)state;
    struct dataset_split train = make("train", 4, (struct shape){2, 2, 1});
    struct normalization normalization;
    memset(train.images, 51, 16);
    assert_done(dataset_statistics(&train, &normalization));
    assert_true(normalization.mean[0] == 0.2f && normalization.std[0] == 1);
    normalization_destroy(&normalization);
    dataset_destroy(&train);
}

static hsize_t chunk_bytes(const char *path, hsize_t chunk[4])
{
    hid_t file, set, list;
    assert_done(h5_open(path, STATUS_DATA, &file));
    set = H5Dopen2(file, "/train/images", H5P_DEFAULT);
    list = H5Dget_create_plist(set);
    assert_int_equal(H5Pget_chunk(list, 4, chunk), 4);
    H5Pclose(list);
    H5Dclose(set);
    H5Fclose(file);
    return chunk[0] * chunk[1] * chunk[2] * chunk[3];
}

static void test_chunks(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        struct shape shape;
        hsize_t expected[4];
    } cases[] = {{100, {28, 28, 1}, {41, 28, 28, 1}},
                 {3, {28, 28, 1}, {3, 28, 28, 1}},
                 {3, {224, 224, 3}, {1, 224, 224, 3}},
                 {1, {1000, 1000, 3}, {1, 349, 1000, 3}},
                 {1, {2, 1 << 19, 4}, {1, 1, 1 << 18, 4}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset_split train = make("train", cases[i].count, cases[i].shape), back;
        const struct dataset_content content = {.train = &train};
        hsize_t chunk[4];
        assert_done(dataset_write(scratch_path("c.h5"), &content, true));
        assert_true(chunk_bytes(scratch_path("c.h5"), chunk) <= 1 << 20);
        assert_memory_equal(chunk, cases[i].expected, sizeof chunk);
        assert_done(dataset_read(&back, scratch_path("c.h5"), "train", true));
        assert_same(&back, &train);
        assert_null(back.class_names);
        dataset_destroy(&back);
        dataset_destroy(&train);
    }
}

/* An attribute of more than 64 KiB, which HDF5 can have since 1.8. */
static void test_many_class_names(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static char texts[MANY][24];
    static const char *list[MANY];
    struct dataset_split train = make("train", 4, (struct shape){2, 2, 1}), back;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "class number %07zu", i);
        list[i] = texts[i];
    }
    const struct dataset_content content = {.train = &train, .class_names = list, .class_count = MANY};
    assert_int_equal(strlen(list[MANY - 1]), 20);
    assert_done(dataset_write(scratch_path("many.h5"), &content, false));
    assert_done(dataset_read(&back, scratch_path("many.h5"), "train", true));
    assert_int_equal(back.outputs, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_string_equal(back.class_names[i], list[i]);
    dataset_destroy(&back);
    dataset_destroy(&train);
}

static void test_nothing_overwritten(void **state)
{
    (void)state;
    struct dataset_split train = make("train", 4, (struct shape){2, 2, 1});
    const struct dataset_content content = {.train = &train};
    scratch_write(scratch_path("mine"), "precious", 8);
    assert_failure(dataset_write(scratch_path("mine"), &content, false), STATUS_USAGE, "mine",
                   "exists already", "--overwrite", NULL);
    char *still = scratch_read(scratch_path("mine"), NULL);
    assert_string_equal(still, "precious");
    free(still);
    assert_done(dataset_write(scratch_path("mine"), &content, true));
    bool exists;
    assert_done(dataset_exists(scratch_path("mine"), "train", &exists));
    assert_true(exists);
    assert_failure(dataset_write(scratch_path(""), &content, true), STATUS_USAGE, "is a folder", NULL);
    assert_failure(dataset_write(scratch_path("no/such/a.h5"), &content, true), STATUS_DATA, "no/such", NULL);
    dataset_destroy(&train);
}

static void test_content_wrong(void **state)
{
    (void)state;
    struct dataset_split train = make("train", 4, (struct shape){2, 2, 1}),
                         test = make("test", 4, (struct shape){2, 3, 1});
    struct dataset_content content = {&train, &test, NULL, 0};
    assert_failure(dataset_write(scratch_path("w.h5"), &content, false), STATUS_DATA, "source.csv", "2x3x1",
                   "2x2x1", NULL);
    test.shape = train.shape;
    test.classes[3] = 2;
    content.class_names = names;
    content.class_count = 2;
    assert_failure(dataset_write(scratch_path("w.h5"), &content, false), STATUS_DATA, "source.csv",
                   "sample 2 of train is 2", "2 class names", NULL);
    train.classes[2] = 0;
    test.classes[2] = 0;
    assert_failure(dataset_write(scratch_path("w.h5"), &content, false), STATUS_DATA, "sample 3 of test is 2",
                   NULL);
    assert_int_equal(access(scratch_path("w.h5"), F_OK), -1);
    dataset_destroy(&train);
    dataset_destroy(&test);
}

static size_t count_entries(void)
{
    size_t count = 0;
    DIR *folder = opendir(scratch_path(""));
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* A limit on the size of files stands in for a full disk. */
static void test_disk_full_leaves_nothing(void **state)
{
    (void)state;
    struct dataset_split train = make("train", 4000, (struct shape){16, 16, 1});
    const struct dataset_content content = {.train = &train};
    struct rlimit limit, before;
    size_t entries = count_entries();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    for (rlim_t bytes = 0; bytes <= 600000; bytes += 150000) {
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum status status = dataset_write(scratch_path("full.h5"), &content, false);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_failure(status, STATUS_DATA, "full.h5", "File too large", NULL);
        assert_int_equal(count_entries(), entries);
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_done(dataset_write(scratch_path("full.h5"), &content, false));
    dataset_destroy(&train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),       cmocka_unit_test(test_same_bytes_twice),
        cmocka_unit_test(test_constant_channel), cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_many_class_names), cmocka_unit_test(test_nothing_overwritten),
        cmocka_unit_test(test_content_wrong),    cmocka_unit_test(test_disk_full_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
