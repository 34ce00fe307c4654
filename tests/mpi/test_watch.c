/* Ranks that do not arrive are told of, with names. ranks: 1 2 4
 *
 * Started with an argument, it is no test, but a job that stalls, for tests/system/test_stall.sh:
 *     stopped RANK WARN ABORT    the rank stops itself in forward of step 7 while the others reduce
 *     arrived RANK WARN ABORT    likewise, but after it has come to reduce
 *     slow RANK WARN ABORT       the rank takes 3 seconds longer in forward
 *     quiet RANK WARN ABORT      nobody stalls
 * Each rank leaves its process's number in the file pid.RANK. */
#include "core/log.h"
#include "dist/watch.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 16384 };

/* Seconds that a rank is late, and after which it is told of: far longer than a rank that computes on a busy
 * machine is kept from its core. */
static const double LATE = 2.5, WARN = 1;

static int stderr_before;

/* This rank's standard error goes into a file of its scratch folder. */
static void capture_errors(void)
{
    int file = open(scratch_path("stderr"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    stderr_before = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

/* What each of the ranks has said meanwhile, (size, TEXT_MAX), on every rank. */
static char *gather_errors(void)
{
    char *all = calloc((size_t)mpi_group_comm.size, TEXT_MAX), mine[TEXT_MAX] = "";
    assert_non_null(all);
    fflush(stderr);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    char *text = scratch_read(scratch_path("stderr"), NULL);
    snprintf(mine, sizeof mine, "%s", text);
    free(text);
    MPI_Allgather(mine, TEXT_MAX, MPI_CHAR, all, TEXT_MAX, MPI_CHAR, mpi_group_comm.world);
    return all;
}

static void nap(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static size_t count_words(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}

/* One step, in which rank `late` takes so many seconds longer. */
static void take_step(struct watch *watch, uint64_t step, int late, double seconds)
{
    watch_phase(watch, WATCH_READ, step);
    watch_phase(watch, WATCH_FORWARD, step);
    if (mpi_group_comm.rank == late)
        nap(seconds);
    watch_phase(watch, WATCH_BACKWARD, step);
    watch_phase(watch, WATCH_REDUCE, step);
    MPI_Barrier(mpi_group_comm.world);
    watch_phase(watch, WATCH_UPDATE, step);
}

/* What a rank has said of `late`: warnings, each with `who`, and behind them how long it took, which a busy
 * machine may make longer than it was. */
static bool is_told(const char *said, const char *who, const char *recovered)
{
    size_t lines = count_words(said, "\n"), warnings = count_words(said, who);
    const char *end = strstr(said, recovered);
    double seconds = end ? strtod(end + strlen(recovered), NULL) : 0;
    return warnings >= 1 && lines == warnings + 1 && seconds > LATE / 2 && seconds < 10 * LATE;
}

/* The lowest of the others names the one that is late, and nobody else says anything. */
static void test_late(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    if (comm->size == 1)
        return;
    for (int late = 0; late < comm->size; late += comm->size - 1) {
        struct watch watch;
        int speaker = late == 0 ? 1 : 0;
        char who[512], recovered[512];
        capture_errors();
        assert_done(watch_create(&watch, comm, WARN, 0));
        take_step(&watch, 7, late, LATE);
        take_step(&watch, 8, -1, 0);
        nap(0.2);
        watch_destroy(&watch);
        char *errors = gather_errors();
        snprintf(
            who, sizeof who,
            "s in phase reduce of step 7: rank %d on %s has not arrived: in phase forward of step 7 for ",
            late, comm->host);
        snprintf(recovered, sizeof recovered, ": rank %d on %s has arrived after ", late, comm->host);
        for (int r = 0; r < comm->size; r++) {
            const char *said = errors + (size_t)r * TEXT_MAX;
            bool good = r == speaker ? is_told(said, who, recovered) : !*said;
            if (!good)
                fail_msg("rank %d was late, and rank %d said:\n%s", late, r, said);
        }
        free(errors);
    }
}

/* Nobody stalls: nothing is said, though ranks are late by turns, and steps are many. */
static void test_quiet(void **state)
{
    (void)state;
    struct watch watch;
    capture_errors();
    assert_done(watch_create(&watch, &mpi_group_comm, 3, 6));
    for (uint64_t step = 1; step <= 300; step++)
        take_step(&watch, step, (int)(step % 16), 0.03);
    watch_destroy(&watch);
    char *errors = gather_errors();
    for (int r = 0; r < mpi_group_comm.size; r++)
        assert_string_equal(errors + (size_t)r * TEXT_MAX, "");
    free(errors);
}

/* Created and destroyed at once, again and again: nothing is left behind, and nobody waits for the next beat,
 * which comes after 250 ms. */
static void test_short_lives(void **state)
{
    (void)state;
    double shortest = 1e9;
    for (int i = 0; i < 20; i++) {
        struct watch watch;
        assert_done(watch_create(&watch, &mpi_group_comm, 60, 300));
        if (i % 5 == mpi_group_comm.rank)
            nap(0.01);
        double begin = MPI_Wtime();
        watch_destroy(&watch);
        shortest = fmin(shortest, MPI_Wtime() - begin);
        assert_null(watch.watcher);
    }
    assert_true(shortest < 0.15);
}

/* A line of /proc/self/task/THREAD/status, for the thread called "watch"; false: there is none. */
static bool read_status(const char *field, char value[256])
{
    bool found = false;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        char path[300], line[256];
        bool ours = false;
        snprintf(path, sizeof path, "/proc/self/task/%.100s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            ours = ours || strcmp(line, "Name:\twatch\n") == 0;
            if (ours && strncmp(line, field, strlen(field)) == 0) {
                memmove(value, line + strlen(field), strlen(line + strlen(field)) + 1);
                found = true;
            }
        }
        if (file)
            fclose(file);
    }
    closedir(folder);
    return found;
}

/* The thread takes no signal, so that handlers do not run there; its creator still does. */
static void test_signals(void **state)
{
    (void)state;
    struct watch watch;
    char blocked[256] = "";
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_false(read_status("SigBlk:", blocked));
    assert_done(watch_create(&watch, &mpi_group_comm, 0.3, 0));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&before, number) || sigismember(&after, number), 0);
    assert_int_equal(read_status("SigBlk:", blocked), mpi_group_comm.size > 1);
    const unsigned long long asked = 1ull << (SIGUSR1 - 1) | 1ull << (SIGUSR2 - 1) | 1ull << (SIGTERM - 1) |
                                     1ull << (SIGINT - 1) | 1ull << (SIGCONT - 1);
    if (mpi_group_comm.size > 1)
        assert_true((strtoull(blocked, NULL, 16) & asked) == asked);
    watch_destroy(&watch);
    assert_false(read_status("SigBlk:", blocked));
}

/* Without threads in MPI, and without times, nothing is watched; the former is told, once. */
static void test_unwatched(void **state)
{
    (void)state;
    struct comm single = mpi_group_comm;
    struct watch watch;
    single.threads = false;
    capture_errors();
    assert_done(watch_create(&watch, &mpi_group_comm, 0, 0));
    assert_null(watch.watcher);
    watch_destroy(&watch);
    assert_done(watch_create(&watch, &single, 1, 0));
    assert_null(watch.watcher);
    watch_phase(&watch, WATCH_READ, 1);
    watch_destroy(&watch);
    char *errors = gather_errors();
    for (int r = 0; r < mpi_group_comm.size; r++)
        assert_int_equal(count_words(errors + (size_t)r * TEXT_MAX, "are not watched for"),
                         mpi_group_comm.size > 1 && r == 0);
    free(errors);
}

/* The script sends signals to PIDs that it reads here. */
static void write_pid(int rank)
{
    char name[32], text[32];
    snprintf(name, sizeof name, "pid.%d", rank);
    snprintf(text, sizeof text, "%d\n", (int)getpid());
    scratch_write(name, text, strlen(text));
}

static int stall(int argc, char **argv)
{
    struct comm comm;
    struct watch watch;
    if (comm_create(&comm, &argc, &argv) || argc != 5 ||
        watch_create(&watch, &comm, atof(argv[3]), atof(argv[4])))
        return 2;
    bool mine = comm.rank == atoi(argv[2]);
    watch_phase(&watch, WATCH_FORWARD, 7);
    write_pid(comm.rank);
    nap(1);
    if (mine && strcmp(argv[1], "stopped") == 0)
        raise(SIGSTOP);
    if (mine && strcmp(argv[1], "slow") == 0)
        for (int i = 0; i < 30; i++) /* the time in which the job is suspended does not count */
            nap(0.1);
    watch_phase(&watch, WATCH_REDUCE, 7);
    if (mine && strcmp(argv[1], "arrived") == 0) {
        nap(1);
        raise(SIGSTOP);
    }
    MPI_Barrier(comm.world);
    watch_phase(&watch, WATCH_UPDATE, 7);
    watch_destroy(&watch);
    log_print("done\n");
    comm_destroy(&comm);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late, scratch_create, scratch_destroy),
        cmocka_unit_test_setup_teardown(test_quiet, scratch_create, scratch_destroy),
        cmocka_unit_test(test_short_lives),
        cmocka_unit_test(test_signals),
        cmocka_unit_test_setup_teardown(test_unwatched, scratch_create, scratch_destroy),
    };
    return argc > 1 ? stall(argc, argv) : mpi_group_run(argc, argv, tests);
}
