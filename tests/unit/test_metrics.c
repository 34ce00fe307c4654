/* metrics.csv: its lines to the letter, what a resumed run keeps of it, and that it cannot be written. */
#include "train/metrics.h"

#include "support/scratch.h"
#include "support/small_disk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER                                                                                               \
    "epoch,step,samples,train_loss,train_accuracy,test_loss,test_accuracy,learning_rate,images_per_s,"       \
    "seconds\n"
#define ROW_1 "1,45,1437,1.500000,0.400000,1.250000,0.500000,0.05,1000.0,1.500\n"
#define ROW_2 "2,90,2874,0.750000,0.700000,0.625000,0.750000,0.05,2000.0,2.250\n"
#define ROW_3 "3,135,4311,0.750000,0.700000,0.625000,0.750000,0.05,2000.0,3.250\n"

static void assert_text(const char *expected)
{
    char *text = scratch_read(scratch_path("metrics.csv"), NULL);
    assert_string_equal(text, expected);
    free(text);
}

static void write_text(const char *text)
{
    scratch_write(scratch_path("metrics.csv"), text, strlen(text));
}

/* What a run that goes on from so many completed epochs keeps of the text. */
static void assert_keeps(const char *text, uint64_t epochs, const char *expected)
{
    write_text(text);
    assert_done(metrics_start(scratch_path(""), epochs));
    assert_text(expected);
    assert_int_equal(folder_entries(scratch_path("")), 1);
}

static const struct metrics_row first = {
    .epoch = 1,
    .step = 45,
    .samples = 1437,
    .train = {.loss = 15, .samples = 10, .hits = 4, .tries = 10},
    .test = {.loss = 5, .samples = 4, .hits = 2, .tries = 4},
    .learning_rate = 0.05,
    .images_per_s = 1000,
    .seconds = 1.5,
};

static void test_lines(void **state)
{
    (void)state;
    unlink(scratch_path("metrics.csv"));
    assert_done(metrics_start(scratch_path(""), 0));
    assert_text(HEADER);
    assert_done(metrics_append(scratch_path(""), &first));
    assert_text(HEADER ROW_1);
    struct metrics_row row = first;
    row.epoch = UINT64_MAX;
    row.step = UINT64_MAX - 1;
    row.samples = UINT64_MAX - 2;
    row.learning_rate = 1.25e-7;
    row.train.loss = 1e300;
    row.seconds = 123456.789;
    assert_done(metrics_append(scratch_path(""), &row));
    char *text = scratch_read(scratch_path("metrics.csv"), NULL);
    assert_non_null(strstr(text, "\n18446744073709551615,18446744073709551614,18446744073709551613,1000"));
    assert_non_null(strstr(text, ",0.400000,1.250000,0.500000,1.25e-07,1000.0,123456.789\n"));
    free(text);
}

/* No test set, no accuracy, nothing measured: fields without a number, but all the commas. */
static void test_empty_fields(void **state)
{
    (void)state;
    static const struct {
        struct metrics_row row;
        const char *line;
    } cases[] = {
        {{1, 2, 3, {4, 2, 1, 2}, {0}, 0.5, 6, 7}, "1,2,3,2.000000,0.500000,,,0.5,6.0,7.000\n"},
        {{1, 2, 3, {4, 2, 0, 0}, {6, 2, 0, 0}, 0.5, 6, 7}, "1,2,3,2.000000,,3.000000,,0.5,6.0,7.000\n"},
        {{1, 2, 3, {0}, {0}, 0.5, NAN, INFINITY}, "1,2,3,,,,,0.5,,\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        assert_done(metrics_start(scratch_path(""), 0));
        assert_done(metrics_append(scratch_path(""), &cases[i].row));
        snprintf(expected, sizeof expected, HEADER "%s", cases[i].line);
        assert_text(expected);
        assert_done(metrics_start(scratch_path(""), 2)); /* and such a line is kept */
        assert_text(expected);
    }
}

static void test_resume_drops_what_comes_again(void **state)
{
    (void)state;
    assert_keeps(HEADER ROW_1 ROW_2 ROW_3, 2, HEADER ROW_1 ROW_2);
    assert_keeps(HEADER ROW_1 ROW_2 ROW_3, 3, HEADER ROW_1 ROW_2 ROW_3);
    assert_keeps(HEADER ROW_1 ROW_2 ROW_3, 4, HEADER ROW_1 ROW_2 ROW_3);
    assert_keeps(HEADER ROW_1 ROW_2 ROW_3, 1, HEADER ROW_1);
    assert_keeps(HEADER ROW_1 ROW_2 ROW_3, 0, HEADER);
    assert_done(metrics_start(scratch_path(""), 1));
    assert_done(metrics_append(scratch_path(""), &first));
    assert_text(HEADER ROW_1);
}

static void test_resume_without_a_file(void **state)
{
    (void)state;
    unlink(scratch_path("metrics.csv"));
    assert_done(metrics_start(scratch_path(""), 2));
    assert_text(HEADER);
}

/* A line that was being written when the power went, a file that somebody had in an editor. */
static void test_damaged_lines(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "",
        "\n",
        HEADER,
        "x1,45,1437,1.500000,0.400000,1.250000,0.500000,0.05,1000.0,1.500\n",
        "1,45\n",
        "1,45,1437,1.500000\n",
        "1,45,1437,1.500000,0.400000,1.250000,0.500000,0.05,1000.0\n",
        "1,45,1437,1.500000,0.400000,1.250000,0.500000,0.05,1000.0,1.500,2\n",
        "1,,1437,1.500000,0.400000,1.250000,0.500000,0.05,1000.0,1.500\n",
        "# 1,45,1437,1.500000,0.400000,1.250000,0.500000,0.05,1000.0,1.500\n",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER ROW_1 "%s" ROW_2, damaged[i]);
        assert_keeps(text, 1000, HEADER ROW_1 ROW_2);
    }
    assert_keeps(HEADER ROW_1 "2,90,2874,0.75", 1000, HEADER ROW_1);
    assert_keeps(HEADER ROW_1 "2,90,2874,0.750000,0.700000,0.625000,0.750000,0.05,2000.0,2.", 1000,
                 HEADER ROW_1);
}

/* Wherever a line that is too long is cut in reading, no row comes of its end. */
static void test_long_lines(void **state)
{
    (void)state;
    for (int digits = 460; digits < 1100; digits++) {
        char text[2048];
        snprintf(text, sizeof text, HEADER "%0*d" ROW_1 ROW_2, digits, 7);
        assert_keeps(text, 1000, HEADER ROW_2);
    }
}

static void test_cannot_be_written(void **state)
{
    (void)state;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", scratch_path("missing"));
    assert_failure(metrics_start(folder, 0), STATUS_CHECKPOINT, folder, "metrics.csv", "missing", NULL);
    assert_failure(metrics_append(folder, &first), STATUS_CHECKPOINT, folder, "metrics.csv", NULL);

    assert_int_equal(chmod(scratch_path(""), 0755), 0);
    assert_int_equal(mkdir(folder, 0555), 0);
    become_nobody();
    enum status started = metrics_start(folder, 0);
    become_root();
    assert_failure(started, STATUS_CHECKPOINT, folder, "metrics.csv", "may not", NULL);
    assert_int_equal(folder_entries(folder), 0);

    char path[600];
    assert_int_equal(chmod(folder, 0755), 0);
    snprintf(path, sizeof path, "%s/metrics.csv", folder);
    assert_int_equal(mkdir(path, 0755), 0); /* a folder in its place */
    assert_failure(metrics_start(folder, 0), STATUS_CHECKPOINT, path, NULL);
    assert_int_equal(folder_entries(folder), 1);
    assert_failure(metrics_append(folder, &first), STATUS_CHECKPOINT, path, NULL);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* What was there stays when there is no room for what is new. */
/* A file that is there and cannot be read is not one that is not there. */
static void test_cannot_be_read(void **state)
{
    (void)state;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", scratch_path(""));
    write_text(HEADER ROW_1);
    assert_int_equal(chmod(scratch_path("metrics.csv"), 0600) || chmod(folder, 0777), 0);
    become_nobody();
    enum status started = metrics_start(folder, 1);
    become_root();
    assert_failure(started, STATUS_CHECKPOINT, "read", "metrics.csv", NULL);
    assert_text(HEADER ROW_1);
}

static void test_full_disk(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    char *text = malloc(sizeof HEADER + ROWS * sizeof ROW_1), *end = stpcpy(text, HEADER);
    for (size_t i = 0; i < ROWS; i++)
        end = stpcpy(end, ROW_1);
    static const size_t limits[] = {0, 50, 5000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        write_text(text);
        file_size_limit(limits[i]);
        enum status started = metrics_start(scratch_path(""), 1000);
        enum status appended = metrics_append(scratch_path(""), &first);
        file_size_limit(SIZE_MAX);
        assert_int_equal(started, STATUS_CHECKPOINT);
        assert_failure(appended, STATUS_CHECKPOINT, "metrics.csv", "ulimit", NULL);
        assert_text(text);
        assert_int_equal(folder_entries(scratch_path("")), 1);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_empty_fields),
        cmocka_unit_test(test_resume_drops_what_comes_again),
        cmocka_unit_test(test_resume_without_a_file),
        cmocka_unit_test(test_damaged_lines),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_cannot_be_written),
        cmocka_unit_test(test_cannot_be_read),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
