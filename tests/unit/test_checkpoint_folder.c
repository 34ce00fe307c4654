#include "io/checkpoint.h"

#include "support/array.h"
#include "support/checkpoint_sample.h"
#include "support/scratch.h"
#include "support/small_disk.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct sample sample;
static char folder[64], path[1024], *warnings;

static int setup(void **state)
{
    (void)state;
    sample_create(&sample, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sample_destroy(&sample);
    return 0;
}

static int folder_create(void **state)
{
    int failed = scratch_create(state);
    snprintf(folder, sizeof folder, "%s", scratch_path(""));
    return failed;
}

static int folder_destroy(void **state)
{
    free(warnings);
    warnings = NULL;
    return scratch_destroy(state);
}

static void write_steps(size_t count, const uint64_t *steps)
{
    for (size_t i = 0; i < count; i++)
        sample_write(&sample, folder, steps[i], false);
}

/* checkpoint_newest, with what it warned of. */
static enum status newest(void)
{
    const char *log = scratch_path("warnings.txt");
    fflush(stderr);
    int saved = dup(STDERR_FILENO), fd = open(log, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && fd >= 0);
    dup2(fd, STDERR_FILENO);
    enum status status = checkpoint_newest(folder, path);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(fd);
    close(saved);
    free(warnings);
    warnings = scratch_read(log, NULL);
    unlink(log);
    return status;
}

static void assert_newest(const char *name)
{
    assert_done(newest());
    assert_string_equal(path, scratch_path(name));
}

static void assert_warned(const char *name, const char *why)
{
    const char *at = strstr(warnings, name);
    assert_non_null(at);
    assert_non_null(strstr(at, why));
    assert_non_null(strstr(warnings, "warning: passed over"));
}

static void assert_link(const char *name, const char *target)
{
    char text[64] = {0};
    ssize_t length = readlink(scratch_path(name), text, sizeof text - 1);
    assert_int_equal(length, strlen(target));
    assert_string_equal(text, target);
}

static bool used(const char *name)
{
    bool used = true;
    assert_done(checkpoint_folder_used(name, &used));
    return used;
}

static bool there(const char *name)
{
    return !access(scratch_path(name), F_OK);
}

static void test_names_and_links(void **state)
{
    (void)state;
    assert_false(used(folder));
    sample.progress.step = 8;
    assert_done(checkpoint_write(folder, &sample.content, true, path));
    assert_string_equal(path, scratch_path("step-00000008.h5"));
    assert_link("latest.h5", "step-00000008.h5");
    assert_link("best.h5", "step-00000008.h5");
    sample_write(&sample, folder, 123456789012, false);
    assert_link("latest.h5", "step-123456789012.h5");
    assert_link("best.h5", "step-00000008.h5");
    assert_int_equal(folder_entries(folder), 4);
    assert_true(used(folder));
    assert_done(checkpoint_verify(scratch_path("latest.h5")));
}

static void test_folder_used(void **state)
{
    (void)state;
    assert_false(used(scratch_path("none")));
    scratch_write(scratch_path("notes.txt"), "x", 1);
    scratch_write(scratch_path("step-.h5"), "x", 1);
    scratch_write(scratch_path("step-1.h5.bak"), "x", 1);
    assert_false(used(folder));
    scratch_write(scratch_path("step-1.h5"), "x", 1);
    assert_true(used(folder));
}

/* The line of names alone is what a run leaves that was stopped in its first epoch. */
static void test_folder_used_by_metrics(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool used;
    } cases[] = {
        {"", false},
        {"epoch,step,samples\n", false},
        {"epoch,step,samples", false},
        {"epoch,step,samples\n\n", false},
        {"epoch,step,samples\n1,2,3\n", true},
        {"epoch,step,samples\n1", true},
        {"epoch,step,samples\nepoch,", true},
        {"somebody's\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_write(scratch_path("metrics.csv"), cases[i].text, strlen(cases[i].text));
        assert_int_equal(used(folder), cases[i].used);
    }
    unlink(scratch_path("metrics.csv"));
    assert_int_equal(mkfifo(scratch_path("metrics.csv"), 0666), 0);
    assert_true(used(folder));
}

/* Whoever cannot tell must not take the folder for free. */
static void test_folder_that_cannot_be_told(void **state)
{
    (void)state;
    bool is_used;
    scratch_write(scratch_path("file"), "x", 1);
    assert_failure(checkpoint_folder_used(scratch_path("file"), &is_used), STATUS_CHECKPOINT, "file", NULL);
    assert_int_equal(mkdir(scratch_path("closed"), 0), 0);
    scratch_write(scratch_path("metrics.csv"), "epoch,\n1", 8);
    assert_int_equal(chmod(scratch_path("metrics.csv"), 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    become_nobody();
    enum status closed = checkpoint_folder_used(scratch_path("closed"), &is_used);
    enum status metrics = checkpoint_folder_used(folder, &is_used);
    become_root();
    assert_int_equal(closed, STATUS_CHECKPOINT);
    assert_failure(metrics, STATUS_CHECKPOINT, "metrics.csv", "cannot read", NULL);
    assert_int_equal(chmod(scratch_path("closed"), 0700), 0);
}

static void test_newest_by_content(void **state)
{
    (void)state;
    write_steps(3, (const uint64_t[]){1000, 99, 100});
    assert_newest("step-00001000.h5");
    assert_string_equal(warnings, "");
    assert_int_equal(rename(scratch_path("step-00000099.h5"), scratch_path("step-99999999.h5")), 0);
    assert_newest("step-00001000.h5");
}

static void test_newest_passes_over(void **state)
{
    (void)state;
    write_steps(4, (const uint64_t[]){1, 2, 3, 4});
    float *value = sample.network.parameters, kept = *value;
    *value = NAN;
    sample_write(&sample, folder, 5, false);
    *value = kept;
    sample_flip(scratch_path("step-00000004.h5"), 2000);
    assert_int_equal(truncate(scratch_path("step-00000003.h5"), 3000), 0);
    scratch_write(scratch_path("step-00000007.h5"), "nothing", 7);
    assert_newest("step-00000002.h5");
    assert_warned("step-00000005.h5", "must be finite");
    assert_warned("step-00000004.h5", "damaged");
    assert_warned("step-00000003.h5", "truncated");
    assert_warned("step-00000007.h5", "not an HDF5 file");
    assert_null(strstr(warnings, "step-00000001.h5"));
}

static void test_newest_takes_regular_files_only(void **state)
{
    (void)state;
    write_steps(1, (const uint64_t[]){5});
    assert_int_equal(mkdir(scratch_path("step-00000009.h5"), 0777), 0);
    assert_int_equal(symlink("step-00000005.h5", scratch_path("step-00000010.h5")), 0);
    assert_int_equal(mkfifo(scratch_path("step-00000011.h5"), 0666), 0);
    scratch_write(scratch_path(".step-00000012.h5.77-0.tmp"), "half", 4);
    assert_newest("step-00000005.h5");
    assert_string_equal(warnings, "");
}

static void test_none(void **state)
{
    (void)state;
    assert_failure(newest(), STATUS_CHECKPOINT, folder, "no checkpoint", NULL);
    write_steps(1, (const uint64_t[]){1});
    sample_flip(scratch_path("step-00000001.h5"), 1000);
    assert_failure(newest(), STATUS_CHECKPOINT, folder, "none of the checkpoints", "(1)", NULL);
    assert_failure(checkpoint_newest(scratch_path("none"), path), STATUS_CHECKPOINT, "none", "no such folder",
                   NULL);
    scratch_write(scratch_path("file"), "x", 1);
    assert_failure(checkpoint_newest(scratch_path("file"), path), STATUS_CHECKPOINT, "file", NULL);
}

static void test_prune(void **state)
{
    (void)state;
    sample_write(&sample, folder, 2, true);
    write_steps(5, (const uint64_t[]){1, 3, 4, 5, 6});
    scratch_write(scratch_path("step-00000000.h5"), "unknown", 7);
    scratch_write(scratch_path("step-1.h5.bak"), "mine", 4);
    assert_done(checkpoint_prune(folder, 0, 6));
    assert_true(there("step-00000001.h5"));
    assert_done(checkpoint_prune(folder, 3, 6));
    assert_false(there("step-00000001.h5"));
    assert_true(there("step-00000002.h5"));
    assert_false(there("step-00000003.h5"));
    assert_true(there("step-00000004.h5") && there("step-00000005.h5") && there("step-00000006.h5"));
    assert_true(there("step-00000000.h5") && there("step-1.h5.bak"));
    assert_done(checkpoint_prune(folder, 1, 6));
    assert_false(there("step-00000005.h5"));
    assert_true(there("step-00000006.h5") && there("latest.h5") && there("best.h5"));
    assert_failure(checkpoint_prune(scratch_path("none"), 1, 6), STATUS_CHECKPOINT, "no such folder", NULL);
}

/* A run that goes on from an older checkpoint: what the branch that it left holds is not its business. */
static void test_prune_beside_an_abandoned_branch(void **state)
{
    (void)state;
    write_steps(5, (const uint64_t[]){1, 2, 7, 8, 3});
    assert_done(checkpoint_prune(folder, 1, 3));
    assert_false(there("step-00000001.h5") || there("step-00000002.h5"));
    assert_true(there("step-00000003.h5") && there("step-00000007.h5") && there("step-00000008.h5"));
    write_steps(1, (const uint64_t[]){4});
    assert_int_equal(rename(scratch_path("step-00000003.h5"), scratch_path("step-99999999.h5")), 0);
    assert_done(checkpoint_prune(folder, 2, 4));
    assert_true(there("step-00000004.h5") && there("step-99999999.h5"));
    assert_done(checkpoint_prune(folder, 1, 4));
    assert_true(there("step-00000004.h5") && there("step-00000007.h5") && there("step-00000008.h5"));
    assert_false(there("step-99999999.h5"));
}

/* Whatever copies of it somebody made. */
static void test_prune_spares_the_present_step(void **state)
{
    (void)state;
    write_steps(1, (const uint64_t[]){3});
    assert_int_equal(rename(scratch_path("step-00000003.h5"), scratch_path("step-99999999.h5")), 0);
    write_steps(2, (const uint64_t[]){2, 3});
    assert_done(checkpoint_prune(folder, 1, 3));
    assert_true(there("step-00000003.h5") && there("step-99999999.h5"));
    assert_false(there("step-00000002.h5"));
}

/* Files as a killed run leaves them, two hours old. */
static void leave_behind(const char *form, long pid)
{
    char name[64];
    struct timespec then = {.tv_sec = time(NULL) - 7200};
    snprintf(name, sizeof name, form, pid);
    scratch_write(scratch_path(name), "half", 4);
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(name), (struct timespec[]){then, then}, 0), 0);
}

static void test_what_killed_runs_left_is_removed(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    leave_behind(".step-00000001.h5.%ld-0.tmp", child);
    leave_behind(".latest.h5.%ld-0.tmp", child);
    leave_behind(".metrics.csv.%ld-0.tmp", child);
    leave_behind(".notes.txt.%ld-0.tmp", child);
    leave_behind(".step-00000001.h5.%ld-0.tmp", getppid());
    write_steps(1, (const uint64_t[]){2});
    assert_int_equal(folder_entries(folder), 4);
}

static void test_remove_after(void **state)
{
    (void)state;
    write_steps(3, (const uint64_t[]){1, 2, 3});
    sample_write(&sample, folder, 4, true);
    scratch_write(scratch_path("step-00000009.h5"), "unknown", 7);
    scratch_write(scratch_path("notes.txt"), "mine", 4);
    assert_done(checkpoint_remove_after(folder, 4));
    assert_link("latest.h5", "step-00000004.h5");
    assert_link("best.h5", "step-00000004.h5");
    assert_done(checkpoint_remove_after(folder, 2));
    assert_true(there("step-00000001.h5") && there("step-00000002.h5") && there("step-00000009.h5"));
    assert_link("latest.h5", "step-00000002.h5");
    assert_int_equal(folder_entries(folder), 5);

    sample_write(&sample, folder, 1, true);
    sample_write(&sample, folder, 5, false);
    assert_done(checkpoint_remove_after(folder, 1));
    assert_link("latest.h5", "step-00000001.h5");
    assert_link("best.h5", "step-00000001.h5");
    assert_false(there("step-00000005.h5") || there("step-00000002.h5"));
    assert_done(checkpoint_remove_after(folder, 0));
    assert_int_equal(folder_entries(folder), 2);
    assert_failure(checkpoint_remove_after(scratch_path("none"), 1), STATUS_CHECKPOINT, "no such folder",
                   NULL);
}

static void test_newer(void **state)
{
    (void)state;
    assert_false(checkpoint_newer(scratch_path("none"), 0, path));
    assert_false(checkpoint_newer(folder, 0, path));
    write_steps(4, (const uint64_t[]){1, 2, 3, 4});
    assert_true(checkpoint_newer(folder, 1, path));
    assert_string_equal(path, scratch_path("step-00000004.h5"));
    assert_false(checkpoint_newer(folder, 4, path));
    sample_flip(scratch_path("step-00000004.h5"), 2000);
    scratch_write(scratch_path("step-00000007.h5"), "nothing", 7);
    assert_true(checkpoint_newer(folder, 2, path));
    assert_string_equal(path, scratch_path("step-00000003.h5"));
    assert_false(checkpoint_newer(folder, 3, path));
}

static void test_remove_all(void **state)
{
    (void)state;
    sample_write(&sample, folder, 1, true);
    scratch_write(scratch_path("metrics.csv"), "x", 1);
    scratch_write(scratch_path("step-1.h5.bak"), "mine", 4);
    scratch_write(scratch_path("notes.txt"), "mine", 4);
    assert_done(checkpoint_remove_all(folder));
    assert_int_equal(folder_entries(folder), 2);
    assert_false(used(folder));
    assert_failure(checkpoint_remove_all(scratch_path("none")), STATUS_CHECKPOINT, "none", NULL);
    assert_int_equal(mkdir(scratch_path("step-00000009.h5"), 0777), 0);
    assert_failure(checkpoint_remove_all(folder), STATUS_CHECKPOINT, "step-00000009.h5", NULL);
}

static void test_missing_folder(void **state)
{
    (void)state;
    assert_failure(checkpoint_write(scratch_path("none"), &sample.content, true, path), STATUS_CHECKPOINT,
                   "checkpoint not written", "none/step-", "folder is missing", NULL);
}

static void test_folder_without_permission(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path("closed"), 0555), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    become_nobody();
    enum status status = checkpoint_write(scratch_path("closed"), &sample.content, true, path);
    become_root();
    assert_failure(status, STATUS_CHECKPOINT, "not written", "closed/step-", "permissions", NULL);
    assert_int_equal(folder_entries(scratch_path("closed")), 0);
}

/* What was there before stays as it was, and the next one that fits is written. */
static void test_size_limit(void **state)
{
    (void)state;
    sample_write(&sample, folder, 1, true);
    sample.progress.step = 2;
    for (size_t limit = 0; limit < 20000; limit += 1111) {
        file_size_limit(limit);
        enum status status = checkpoint_write(folder, &sample.content, true, path);
        file_size_limit(SIZE_MAX);
        assert_failure(status, STATUS_CHECKPOINT, "not written", "step-00000002.h5", "File too large", NULL);
        assert_int_equal(folder_entries(folder), 3);
        assert_link("latest.h5", "step-00000001.h5");
    }
    assert_newest("step-00000001.h5");
    sample_write(&sample, folder, 2, false);
    assert_newest("step-00000002.h5");
}

static void test_full_disk(void **state)
{
    (void)state;
    char disk[512], words[640];
    snprintf(disk, sizeof disk, "%s", scratch_path("disk"));
    snprintf(words, sizeof words, "the file system of %s is full", disk);
    assert_int_equal(mkdir(disk, 0777), 0);
    if (!small_disk_mount(disk, 65536))
        skip();
    enum status status = STATUS_OK;
    uint64_t step = 0;
    while (status == STATUS_OK && step < 100) {
        sample.progress.step = ++step;
        status = checkpoint_write(disk, &sample.content, true, path);
    }
    char message[STATUS_MESSAGE_MAX];
    snprintf(message, sizeof message, "%s", status_message());
    size_t entries = folder_entries(disk);
    enum status again = checkpoint_write(disk, &sample.content, true, path);
    enum status found = checkpoint_newest(disk, path);
    small_disk_unmount(disk);
    assert_int_equal(status, STATUS_CHECKPOINT);
    assert_int_equal(again, STATUS_CHECKPOINT);
    assert_non_null(strstr(message, words));
    assert_true(step > 1 && step < 100);
    assert_int_equal(entries, step - 1 + 2);
    assert_done(found);
}

/* A run does not end because something stands where a link should. */
static void test_link_in_the_way(void **state)
{
    (void)state;
    scratch_write(scratch_path("latest.h5"), "mine", 4);
    sample_write(&sample, folder, 1, false);
    char *mine = scratch_read(scratch_path("latest.h5"), NULL);
    assert_string_equal(mine, "mine");
    free(mine);
    assert_newest("step-00000001.h5");
}

static void test_long_path(void **state)
{
    (void)state;
    char longer[1100];
    memset(longer, 'x', sizeof longer);
    for (size_t length = 980; length < sizeof longer; length += 7) {
        longer[length] = 0;
        assert_failure(checkpoint_write(longer, &sample.content, true, path), STATUS_CHECKPOINT, NULL);
        longer[length] = 'x';
    }
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, folder_create, folder_destroy)
    const struct CMUnitTest tests[] = {
        FRESH(test_names_and_links),
        FRESH(test_folder_used),
        FRESH(test_folder_used_by_metrics),
        FRESH(test_folder_that_cannot_be_told),
        FRESH(test_newest_by_content),
        FRESH(test_newest_passes_over),
        FRESH(test_newest_takes_regular_files_only),
        FRESH(test_none),
        FRESH(test_prune),
        FRESH(test_prune_beside_an_abandoned_branch),
        FRESH(test_prune_spares_the_present_step),
        FRESH(test_what_killed_runs_left_is_removed),
        FRESH(test_remove_after),
        FRESH(test_newer),
        FRESH(test_remove_all),
        FRESH(test_missing_folder),
        FRESH(test_folder_without_permission),
        FRESH(test_size_limit),
        FRESH(test_full_disk),
        FRESH(test_link_in_the_way),
        FRESH(test_long_path),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
