#include "io/file.h"

#include "support/scratch.h"
#include "support/small_disk.h"

#include <errno.h>
#include <fcntl.h>
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

static char temporary[FILE_PATH_MAX];

static void assert_content(const char *path, const char *expected)
{
    char *text = scratch_read(path, NULL);
    assert_string_equal(text, expected);
    free(text);
}

static enum status put(const char *path, const char *text)
{
    return file_put(path, text, strlen(text), STATUS_DATA);
}

static void test_file_appears_at_commit(void **state)
{
    (void)state;
    const char *path = scratch_path("a");
    assert_done(file_begin(path, STATUS_DATA, temporary));
    assert_done(file_write(temporary, "longer", 6, path, STATUS_DATA));
    assert_done(file_write(temporary, "new", 3, path, STATUS_DATA));
    assert_int_equal(access(path, F_OK), -1);
    assert_done(file_commit(temporary, path, STATUS_DATA));
    assert_content(path, "new");
    assert_int_equal(access(temporary, F_OK), -1);
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
}

static void test_old_file_stays_until_commit(void **state)
{
    (void)state;
    const char *path = scratch_path("b");
    assert_done(put(path, "old"));
    assert_done(file_begin(path, STATUS_DATA, temporary));
    assert_done(file_write(temporary, "half", 4, path, STATUS_DATA));
    assert_content(path, "old");
    file_abandon(temporary);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_content(path, "old");
    errno = 77;
    file_abandon(temporary);
    assert_int_equal(errno, 77);
    file_abandon("");
    assert_done(put(path, "new"));
    assert_content(path, "new");
}

static void test_names_are_unique(void **state)
{
    (void)state;
    char other[FILE_PATH_MAX], name[32];
    const char *path = scratch_path("c");
    snprintf(name, sizeof name, ".c.%ld-", (long)getpid());
    assert_done(file_begin(path, STATUS_DATA, temporary));
    assert_done(file_begin(path, STATUS_DATA, other));
    assert_string_not_equal(temporary, other);
    assert_non_null(strstr(temporary, name));
    assert_int_equal(strrchr(temporary, '/') - temporary, strrchr(path, '/') - path);
    file_abandon(temporary);
    file_abandon(other);
}

static void test_without_folder_in_the_path(void **state)
{
    (void)state;
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(scratch_path("")), 0);
    assert_done(put("here", "x"));
    assert_done(file_link("here", "link", STATUS_DATA));
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_content(scratch_path("here"), "x");
    assert_content(scratch_path("link"), "x");
}

static void test_missing_folder(void **state)
{
    (void)state;
    const char *path = scratch_path("none/a");
    assert_failure(put(path, "x"), STATUS_DATA, "cannot create", path, "the folder is missing", NULL);
    assert_failure(file_begin(path, STATUS_DATA, temporary), STATUS_DATA, "cannot create", path, NULL);
    assert_string_equal(temporary, "");
    scratch_write(scratch_path("plain"), "x", 1);
    assert_failure(put(scratch_path("plain/a"), "x"), STATUS_DATA, "a part of the path is a file", NULL);
}

static void test_folder_in_the_way(void **state)
{
    (void)state;
    const char *path = scratch_path("taken");
    size_t entries;
    assert_int_equal(mkdir(path, 0777), 0);
    entries = folder_entries(scratch_path(""));
    assert_failure(put(path, "x"), STATUS_DATA, path, NULL);
    assert_int_equal(folder_entries(scratch_path("")), entries);
}

static void test_no_permission(void **state)
{
    (void)state;
    const char *folder = scratch_path("closed");
    assert_int_equal(chmod(scratch_path(""), 0755), 0);
    assert_int_equal(mkdir(folder, 0555), 0);
    become_nobody();
    enum status create = put(scratch_path("closed/a"), "x");
    char first[STATUS_MESSAGE_MAX];
    snprintf(first, sizeof first, "%s", status_message());
    enum status make = file_make_folder(scratch_path("closed/a/b"), STATUS_CHECKPOINT);
    become_root();
    assert_failure(make, STATUS_CHECKPOINT, "create the folder", "closed/a", "permissions", NULL);
    assert_int_equal(create, STATUS_DATA);
    assert_non_null(strstr(first, "permissions"));
}

static void test_paths_too_long(void **state)
{
    (void)state;
    char path[FILE_PATH_MAX + 100];
    memset(path, 'a', sizeof path);
    for (size_t length = FILE_PATH_MAX - 12; length < sizeof path; length++) {
        path[length] = 0;
        assert_failure(file_begin(path, STATUS_DATA, temporary), STATUS_DATA, NULL);
        assert_string_equal(temporary, "");
        assert_failure(file_link("x", path, STATUS_DATA), STATUS_DATA, NULL);
        assert_failure(file_make_folder(path, STATUS_DATA), STATUS_DATA, NULL);
        path[length] = 'a';
    }
}

static void test_size_limit(void **state)
{
    (void)state;
    const char *path = scratch_path("limit");
    size_t entries = folder_entries(scratch_path(""));
    file_size_limit(4);
    enum status status = put(path, "more than four");
    file_size_limit(SIZE_MAX);
    assert_failure(status, STATUS_DATA, "cannot write", path, "ulimit", NULL);
    assert_int_equal(folder_entries(scratch_path("")), entries);
}

static void test_full_and_read_only_disk(void **state)
{
    (void)state;
    char disk[512];
    snprintf(disk, sizeof disk, "%s", scratch_path("disk"));
    static char block[200000];
    memset(block, 'x', sizeof block - 1);
    assert_int_equal(mkdir(disk, 0777), 0);
    if (!small_disk_mount(disk, 65536))
        skip();
    assert_done(put(scratch_path("disk/small"), "x"));
    assert_int_equal(mkdir(scratch_path("disk/deep"), 0777), 0);
    enum status status = put(scratch_path("disk/deep/large"), block);
    size_t entries = folder_entries(scratch_path("disk/deep"));
    char message[STATUS_MESSAGE_MAX];
    snprintf(message, sizeof message, "%s", status_message());
    small_disk_read_only(disk);
    enum status read_only = put(scratch_path("disk/deep/other"), "x");
    small_disk_unmount(disk);
    assert_failure(read_only, STATUS_DATA, disk, "is mounted read-only", NULL);
    assert_int_equal(status, STATUS_DATA);
    assert_int_equal(entries, 0);
    char words[FILE_PATH_MAX];
    snprintf(words, sizeof words, "the file system of %s is full", disk);
    assert_non_null(strstr(message, words));
}

static void test_make_folder(void **state)
{
    (void)state;
    struct stat info;
    assert_done(file_make_folder(scratch_path("x/y//z/"), STATUS_DATA));
    assert_int_equal(stat(scratch_path("x/y/z"), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_done(file_make_folder(scratch_path("x/y"), STATUS_DATA));
    assert_done(file_make_folder("/", STATUS_DATA));
    assert_int_equal(symlink("x", scratch_path("to_x")), 0);
    assert_done(file_make_folder(scratch_path("to_x/w"), STATUS_DATA));
    assert_int_equal(stat(scratch_path("x/w"), &info), 0);
    scratch_write(scratch_path("file"), "x", 1);
    assert_failure(file_make_folder(scratch_path("file"), STATUS_CHECKPOINT), STATUS_CHECKPOINT,
                   "a file of that name", NULL);
    assert_failure(file_make_folder(scratch_path("file/y"), STATUS_CHECKPOINT), STATUS_CHECKPOINT, "file",
                   NULL);
    assert_failure(file_make_folder("", STATUS_DATA), STATUS_DATA, NULL);
}

static void assert_link(const char *path, const char *target)
{
    char text[64] = {0};
    assert_true(readlink(path, text, sizeof text - 1) > 0);
    assert_string_equal(text, target);
}

static void test_link(void **state)
{
    (void)state;
    const char *path = scratch_path("latest");
    size_t entries = folder_entries(scratch_path(""));
    assert_done(file_link("one", path, STATUS_DATA));
    assert_link(path, "one");
    assert_done(file_link("two", path, STATUS_DATA));
    assert_link(path, "two");
    assert_int_equal(folder_entries(scratch_path("")), entries + 1);
    scratch_write(scratch_path("real"), "mine", 4);
    assert_failure(file_link("two", scratch_path("real"), STATUS_DATA), STATUS_DATA, "real", "not a link",
                   NULL);
    assert_content(scratch_path("real"), "mine");
    assert_failure(file_link("two", scratch_path("none/link"), STATUS_DATA), STATUS_DATA, "none/link", NULL);
}

/* One that has ended. */
static long dead_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return child;
}

/* Whether such a file, last written so many seconds ago, counts as left behind. */
static bool left_behind(const char *name, long age, char *becomes)
{
    const char *path = scratch_path(name);
    struct timespec then = {.tv_sec = time(NULL) - age};
    scratch_write(path, "half", 4);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){then, then}, 0), 0);
    bool left = file_left_behind(path, becomes);
    unlink(path);
    return left;
}

static void test_left_behind(void **state)
{
    (void)state;
    char name[64], becomes[FILE_PATH_MAX];
    long dead = dead_process();
    snprintf(name, sizeof name, ".a.b.h5.%ld-17.tmp", dead);
    assert_true(left_behind(name, 7200, becomes));
    assert_string_equal(becomes, "a.b.h5");
    assert_false(left_behind(name, 0, becomes));
    assert_false(file_left_behind(scratch_path(name), becomes));
    snprintf(name, sizeof name, ".a.%ld-0.tmp", (long)getpid());
    assert_true(left_behind(name, 7200, becomes));
    assert_false(left_behind(name, 3000, becomes));
    snprintf(name, sizeof name, ".a.%ld-0.tmp", (long)getppid());
    assert_false(left_behind(name, 7200, becomes));
    assert_done(file_begin(scratch_path("mine"), STATUS_DATA, temporary));
    assert_true(left_behind(strrchr(temporary, '/') + 1, 7200, becomes));
    assert_string_equal(becomes, "mine");
}

static void test_names_of_others_are_not_left_behind(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "a.%ld-0.tmp", "ab.%ld-0.tmp", "..%ld-0.tmp",   ".a.%ld-0.tmp.gz", ".a.%ld-0.tm",
        ".a.%ld-.tmp", ".a.%ld.tmp",   ".a.-%ld-0.tmp", ".%ld-0.tmp",      ".a.9999999%ld-0.tmp",
        "%ld",         ".%ld",         ".a.%ld-0x.tmp", ".a.%ld-0.tmpx"};
    long dead = dead_process();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char name[64], becomes[FILE_PATH_MAX];
        snprintf(name, sizeof name, forms[i], dead);
        assert_false(left_behind(name, 7200, becomes));
    }
    char becomes[FILE_PATH_MAX];
    assert_false(left_behind(".a.0-0.tmp", 7200, becomes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_appears_at_commit),
        cmocka_unit_test(test_old_file_stays_until_commit),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_names_of_others_are_not_left_behind),
        cmocka_unit_test(test_without_folder_in_the_path),
        cmocka_unit_test(test_missing_folder),
        cmocka_unit_test(test_folder_in_the_way),
        cmocka_unit_test(test_no_permission),
        cmocka_unit_test(test_paths_too_long),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_full_and_read_only_disk),
        cmocka_unit_test(test_make_folder),
        cmocka_unit_test(test_link),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
