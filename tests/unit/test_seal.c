#include "io/seal.h"

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
#include <xxhash.h>

#include <cmocka.h>

enum { SIZE = SEAL_SIZE + 100 };

static unsigned char image[SIZE];
static bool sealed;

static const char *written(size_t size)
{
    const char *path = scratch_path("sealed");
    for (size_t i = 0; i < SIZE; i++)
        image[i] = (unsigned char)(i * 7);
    seal_write(image, size, 42);
    scratch_write(path, image, size);
    return path;
}

static void test_text(void **state)
{
    (void)state;
    written(SIZE);
    assert_memory_equal(
        image, "cnn-train checkpoint 1\nstep  00000000000000000042\nbytes 00000000000000000612\nxxh3  ", 83);
    assert_int_equal(image[99], '\n');
    assert_int_equal(image[SEAL_SIZE - 1], 0);
    assert_int_equal(image[SEAL_SIZE], (unsigned char)(SEAL_SIZE * 7));
}

/* As README.md tells it. */
static void test_digest_is_reproducible(void **state)
{
    (void)state;
    char digits[17] = {0}, expected[17];
    written(SIZE);
    memcpy(digits, image + 83, 16);
    memset(image + 83, '0', 16);
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)XXH3_64bits(image, SIZE));
    assert_string_equal(digits, expected);
}

static void test_good(void **state)
{
    (void)state;
    uint64_t step = 0;
    const char *path = written(SIZE);
    assert_done(seal_check(path, STATUS_CHECKPOINT, &sealed));
    assert_true(sealed);
    assert_true(seal_step(path, &step));
    assert_int_equal(step, 42);
    path = written(SEAL_SIZE);
    assert_done(seal_check(path, STATUS_CHECKPOINT, &sealed));
    assert_true(sealed);
}

/* Every bit, those of the seal's first line too. */
static void test_every_bit(void **state)
{
    (void)state;
    written(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            image[i] ^= (unsigned char)(1u << bit);
            scratch_write(scratch_path("sealed"), image, SIZE);
            image[i] ^= (unsigned char)(1u << bit);
            assert_failure(seal_check(scratch_path("sealed"), STATUS_CHECKPOINT, &sealed), STATUS_CHECKPOINT,
                           "sealed", NULL);
        }
}

static void test_lengths(void **state)
{
    (void)state;
    const char *path = written(SIZE);
    for (size_t size = 0; size <= SIZE + 3; size++) {
        written(SIZE);
        assert_int_equal(truncate(path, (off_t)size), 0);
        enum status status = seal_check(path, STATUS_CHECKPOINT, &sealed);
        if (size < strlen("cnn-train checkpoint 1\n"))
            assert_true(status == STATUS_OK && !sealed);
        else if (size < SIZE)
            assert_failure(status, STATUS_CHECKPOINT, "truncated", NULL);
        else if (size == SIZE)
            assert_done(status);
        else
            assert_failure(status, STATUS_CHECKPOINT, "damaged", "instead of 612", NULL);
    }
}

static void test_longer_than_a_read(void **state)
{
    (void)state;
    size_t size = ((size_t)1 << 20) * 2 + 777;
    unsigned char *large = calloc(size, 1);
    seal_write(large, size, 1);
    scratch_write(scratch_path("large"), large, size);
    assert_done(seal_check(scratch_path("large"), STATUS_CHECKPOINT, &sealed));
    large[size - 1] ^= 1;
    scratch_write(scratch_path("large"), large, size);
    assert_failure(seal_check(scratch_path("large"), STATUS_CHECKPOINT, &sealed), STATUS_CHECKPOINT,
                   "damaged", NULL);
    free(large);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    uint64_t step = 7;
    const char *pipe_path = scratch_path("pipe");
    assert_int_equal(mkfifo(pipe_path, 0666), 0);
    assert_failure(seal_check(pipe_path, STATUS_CHECKPOINT, &sealed), STATUS_CHECKPOINT, "not a regular file",
                   NULL);
    assert_failure(seal_check(scratch_path(""), STATUS_CHECKPOINT, &sealed), STATUS_CHECKPOINT, "a folder",
                   NULL);
    assert_done(seal_check(scratch_path("none"), STATUS_CHECKPOINT, &sealed));
    assert_false(sealed);
    assert_false(seal_step(pipe_path, &step));
    assert_false(seal_step(scratch_path("none"), &step));
    scratch_write(scratch_path("other"), "cnn-train checkpoint 1\nstep  x", 30);
    assert_false(seal_step(scratch_path("other"), &step));
    assert_int_equal(step, 7);
}

static void test_dataset(void **state)
{
    (void)state;
    uint64_t step = 7;
    const char *path = scratch_path("dataset");
    for (size_t i = 0; i < SIZE; i++)
        image[i] = (unsigned char)(i * 7);
    seal_write_dataset(image, SIZE);
    assert_memory_equal(image, "cnn-train dataset 1\nbytes 00000000000000000612\nxxh3  ", 53);
    scratch_write(path, image, SIZE);
    assert_done(seal_check(path, STATUS_DATA, &sealed));
    assert_true(sealed);
    assert_false(seal_step(path, &step));
    for (size_t i = 0; i < SIZE; i++) {
        image[i] ^= 4;
        scratch_write(path, image, SIZE);
        image[i] ^= 4;
        assert_failure(seal_check(path, STATUS_DATA, &sealed), STATUS_DATA, "dataset", NULL);
    }
}

/* A user block that others wrote is none of our business. */
static void test_other_blocks(void **state)
{
    (void)state;
    for (int fill = 0; fill < 256; fill += 51) {
        memset(image, fill, SIZE);
        scratch_write(scratch_path("block"), image, SIZE);
        assert_done(seal_check(scratch_path("block"), STATUS_DATA, &sealed));
        assert_false(sealed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_digest_is_reproducible),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_dataset),
        cmocka_unit_test(test_other_blocks),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_longer_than_a_read),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
