/* Who may write to a folder: one run at a time, told who it is, and nobody after another start has come. */
#include "io/claim.h"

#include "support/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A file system without locks: in the place of libc's. */
static int lock_error;
int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (command == F_OFD_SETLK && lock_error) {
        errno = lock_error;
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

static size_t entries(const char *folder)
{
    size_t count = 0;
    DIR *stream = opendir(folder);
    while (stream && readdir(stream))
        count++;
    if (stream)
        closedir(stream);
    return count < 2 ? 0 : count - 2;
}

static bool there(const char *path)
{
    struct stat info;
    return !lstat(path, &info);
}

static const char *new_folder(const char *name)
{
    const char *folder = scratch_path(name);
    assert_int_equal(mkdir(folder, 0777), 0);
    return folder;
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    char host[256] = "", pid[32];
    struct claim first, second;
    const char *folder = new_folder("one");
    gethostname(host, sizeof host - 1);
    snprintf(pid, sizeof pid, "pid %ld on ", (long)getpid());
    assert_done(claim_take(&first, folder));
    assert_failure(claim_take(&second, folder), STATUS_CHECKPOINT, folder, "another run", pid, host,
                   "since 2", "run.output", NULL);
    assert_false(second.taken);
    claim_release(&second);
    assert_failure(claim_take(&second, folder), STATUS_CHECKPOINT, pid, NULL);
    assert_true(fcntl(first.lock, F_GETFD, NULL) & FD_CLOEXEC);
    claim_release(&first);
    assert_int_equal(entries(folder), 0);
    assert_done(claim_take(&second, folder));
    claim_release(&second);
    claim_release(&second);
    assert_true(there(folder));
}

/* What was made for a start that failed goes; what holds something stays. */
static void test_made_folders(void **state)
{
    (void)state;
    struct claim claim;
    const char *top = scratch_path("made"), *deep = scratch_path("made/a//b/");
    assert_done(claim_take(&claim, deep));
    assert_true(there(deep));
    claim_release(&claim);
    assert_false(there(top));
    assert_done(claim_take(&claim, deep));
    scratch_write(scratch_path("made/mine"), "mine", 4);
    claim_release(&claim);
    assert_int_equal(entries(top), 1);
    scratch_write(scratch_path("file"), "mine", 4);
    assert_failure(claim_take(&claim, scratch_path("file")), STATUS_CHECKPOINT, "file", NULL);
    assert_failure(claim_take(&claim, scratch_path("file/below")), STATUS_CHECKPOINT, "file", NULL);
    assert_false(claim.taken);
}

/* Forks a process that takes the folder and keeps it; it dies with this one's end of the pipe. */
static pid_t hold(const char *folder, int *end)
{
    int ready[2], last[2];
    char byte = 'x';
    assert_int_equal(pipe(ready) | pipe(last), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct claim claim;
        close(last[1]);
        if (claim_take(&claim, folder) || write(ready[1], &byte, 1) != 1)
            _exit(1);
        _exit(read(last[0], &byte, 1) == 0 ? 0 : 2);
    }
    close(ready[1]);
    close(last[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *end = last[1];
    return pid;
}

static void test_a_killed_run_leaves_no_lock(void **state)
{
    (void)state;
    struct claim claim;
    char who[32];
    int end;
    const char *folder = new_folder("killed");
    pid_t pid = hold(folder, &end);
    snprintf(who, sizeof who, "pid %ld on", (long)pid);
    assert_failure(claim_take(&claim, folder), STATUS_CHECKPOINT, who, NULL);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(end);
    assert_true(there(scratch_path("killed/.lock")));
    assert_done(claim_take(&claim, folder));
    claim_release(&claim);
    assert_int_equal(entries(folder), 0);
}

/* Takes and releases, again and again: a file that two could only make at the same time tells of a fault. */
static int contend(const char *folder, const char *marker, size_t rounds)
{
    size_t taken = 0;
    while (taken < rounds) {
        struct claim claim;
        if (claim_take(&claim, folder))
            continue;
        int fd = open(marker, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0)
            return 1;
        close(fd);
        if (unlink(marker))
            return 2;
        claim_release(&claim);
        taken++;
    }
    return 0;
}

static void test_contention(void **state)
{
    (void)state;
    enum { PROCESSES = 6, ROUNDS = 300 };
    const char *folder = scratch_path("contended"), *marker = scratch_path("marker");
    pid_t pids[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(contend(folder, marker, ROUNDS));
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(entries(folder), 0);
}

static void test_taken_over(void **state)
{
    (void)state;
    struct claim stray, next;
    const char *folder = new_folder("over"), *file = scratch_path("over/file");
    assert_done(claim_take(&stray, folder));
    assert_done(claim_check(&stray));
    assert_done(claim_mark(&stray));
    assert_int_equal(strlen(stray.token), 32);
    assert_done(claim_check(&stray));
    assert_done(file_put_guarded(file, "first", 5, claim_guard(&stray), STATUS_DATA));
    assert_false(claim_lost(&stray));

    assert_int_equal(unlink(scratch_path("over/.lock")), 0); /* the lock is lost with its node */
    assert_done(claim_take(&next, folder));
    assert_done(claim_check(&stray));
    assert_done(claim_mark(&next));
    assert_string_not_equal(next.token, stray.token);
    assert_failure(claim_check(&stray), STATUS_CHECKPOINT, folder, "taken over by another start", "pid ",
                   "since 2", NULL);
    assert_true(claim_lost(&stray));
    assert_failure(file_put_guarded(file, "again", 5, claim_guard(&stray), STATUS_DATA), STATUS_CHECKPOINT,
                   "taken over", NULL);
    char *text = scratch_read(file, NULL);
    assert_string_equal(text, "first");
    free(text);
    assert_int_equal(entries(folder), 3);

    claim_release(&stray); /* and the new one's lock stays */
    assert_failure(claim_take(&stray, folder), STATUS_CHECKPOINT, "another run", NULL);
    assert_done(claim_check(&next));
    claim_release(&next);
    assert_int_equal(entries(folder), 2);
}

static void test_token_that_cannot_be_told(void **state)
{
    (void)state;
    struct claim claim;
    const char *folder = new_folder("odd"), *owner = scratch_path("odd/.owner");
    assert_done(claim_check(NULL));
    assert_false(claim_lost(NULL));
    assert_done(claim_take(&claim, folder));
    assert_done(claim_mark(&claim));
    unlink(owner);
    assert_done(claim_check(&claim)); /* nobody's */
    assert_int_equal(mkdir(owner, 0777), 0);
    assert_failure(claim_check(&claim), STATUS_CHECKPOINT, "cannot read", ".owner", NULL);
    assert_false(claim_lost(&claim));
    assert_int_equal(rmdir(owner), 0);
    scratch_write(owner, "", 0);
    assert_failure(claim_check(&claim), STATUS_CHECKPOINT, "did not say where", NULL);
    assert_true(claim_lost(&claim));
    claim_release(&claim);
}

static void test_file_system_without_locks(void **state)
{
    (void)state;
    static const int errors[] = {ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL};
    const char *folder = new_folder("nolocks");
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct claim first, second;
        lock_error = errors[i];
        assert_done(claim_take(&first, folder));
        assert_done(claim_mark(&first));
        assert_done(claim_take(&second, folder));
        assert_done(claim_mark(&second));
        lock_error = 0;
        assert_failure(claim_check(&first), STATUS_CHECKPOINT, "taken over", NULL);
        assert_done(claim_check(&second));
        claim_release(&first);
        claim_release(&second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_made_folders),
        cmocka_unit_test(test_a_killed_run_leaves_no_lock),
        cmocka_unit_test(test_contention),
        cmocka_unit_test(test_taken_over),
        cmocka_unit_test(test_token_that_cannot_be_told),
        cmocka_unit_test(test_file_system_without_locks),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
