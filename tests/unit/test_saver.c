/* Checkpoints written beside training: what is in them, how long training waits, and what a disk that fails
 * does. */
#include "train/saver.h"

#include "core/clock.h"
#include "support/allocations.h"
#include "support/array.h"
#include "support/capture.h"
#include "support/checkpoint_sample.h"
#include "support/scratch.h"
#include "support/small_disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct sample sample;
static struct saver saver;
static char folder[512], good[1024];

/* A disk that takes its time, or cannot: in the place of libc's. */
static _Atomic double flush_seconds;
static atomic_int flush_error;
int fsync(int descriptor)
{
    (void)descriptor;
    const struct timespec pause = {0, (long)(flush_seconds * 1e9)};
    nanosleep(&pause, NULL);
    errno = flush_error;
    return flush_error ? -1 : 0;
}

static int create(void **state)
{
    scratch_create(state);
    flush_seconds = 0;
    flush_error = 0;
    sample_create(&sample, 1);
    snprintf(folder, sizeof folder, "%s", scratch_path("run"));
    assert_int_equal(mkdir(folder, 0777), 0);
    sample.network.threads = 3; /* each with a part of the copy */
    assert_done(saver_create(&saver, folder, NULL, &sample.network, sample.content.slots,
                             sample.content.slot_count, 0, ""));
    return 0;
}

static int destroy(void **state)
{
    saver_destroy(&saver);
    sample_destroy(&sample);
    return scratch_destroy(state);
}

static void save(uint64_t step, bool last)
{
    const struct save wanted = {.began = clock_seconds(), .last = last};
    sample.progress.step = step;
    saver_save(&saver, &sample.content, &wanted);
}

/* All values of weights and momentum. */
static void fill(float value)
{
    for (size_t i = 0; i < sample.network.parameter_count; i++)
        sample.network.parameters[i] = sample.momentum.values[i] = value;
}

static void assert_holds(const char *name, float value)
{
    char path[600];
    size_t count = sample.network.parameter_count;
    float *wanted = array_floats(count);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (size_t i = 0; i < count; i++)
        wanted[i] = value;
    assert_done(checkpoint_verify(path));
    assert_done(checkpoint_read_model(path, &sample.network));
    assert_done(checkpoint_read_slots(path, &sample.network, &sample.momentum, 1));
    assert_same_bits(name, sample.network.parameters, wanted, count);
    assert_same_bits(name, sample.momentum.values, wanted, count);
    free(wanted);
}

static size_t count_words(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}

static bool exists(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* What training does while the disk is busy is not in the file. */
static void test_copy(void **state)
{
    (void)state;
    flush_seconds = 0.05;
    for (uint64_t step = 1; step <= 3; step++) {
        fill((float)step);
        save(step, false);
        fill(-1);
        sample.progress.step = 77;
    }
    assert_done(saver_finish(&saver, good));
    assert_non_null(strstr(good, "run/step-00000003.h5"));
    assert_holds("step-00000001.h5", 1);
    assert_holds("step-00000002.h5", 2);
    assert_holds("step-00000003.h5", 3);
}

/* Training waits for the copy alone; for the disk, where it is behind. */
static void test_pause(void **state)
{
    (void)state;
    assert_true(saver_seconds(&saver) == 0);
    flush_seconds = 0.1; /* of the file, of the folder, behind the link */
    save(1, false);
    double first = saver_times(&saver).pause_total;
    save(2, false);
    assert_done(saver_finish(&saver, good));
    struct saver_times times = saver_times(&saver);
    if (first >= 0.1)
        fail_msg("training stood still for %g s", first);
    if (times.pause_longest < 0.2)
        fail_msg("the second did not wait for the first, which takes 0.3 s: %g s", times.pause_longest);
    assert_true(times.pause_total >= times.pause_longest + first - 1e-9);
    assert_int_equal(times.written, 2);
    assert_true(times.writing_last >= 0.2 && times.writing_total >= times.writing_last + 0.2);
    assert_true(saver_seconds(&saver) >= times.writing_last);
}

static void test_allocates_nothing(void **state)
{
    (void)state;
    if (!allocations_are_counted())
        skip();
    for (uint64_t step = 1; step <= 3; step++) {
        assert_done(saver_finish(&saver, good));
        allocations_start_own();
        save(step, false);
        assert_int_equal(allocations_stop(), 0);
    }
}

/* One warning, nothing left behind, the one before stays; a later one that succeeds is all that matters. */
static void test_failure_is_warned_of(void **state)
{
    (void)state;
    save(1, false);
    assert_done(saver_finish(&saver, good));
    flush_error = ENOSPC;
    capture_errors_start();
    save(2, false);
    enum status status = saver_finish(&saver, good);
    char *said = capture_errors_stop();
    assert_int_equal(status, STATUS_CHECKPOINT);
    assert_int_equal(count_words(said, "\n"), 1);
    assert_non_null(strstr(said, "warning: step 2: checkpoint not written: "));
    assert_non_null(strstr(said, "is full"));
    assert_non_null(strstr(said, "run/step-00000001.h5 stays"));
    assert_non_null(strstr(said, "tries again"));
    free(said);
    assert_int_equal(folder_entries(folder), 2); /* the first, and its link */
    assert_non_null(strstr(good, "step-00000001.h5"));
    assert_int_equal(saver_times(&saver).failed, 1);

    flush_error = 0;
    save(3, true);
    assert_done(saver_finish(&saver, good));
    assert_non_null(strstr(good, "step-00000003.h5"));
}

/* The last one's failure is the run's: it is told, and not warned of. */
static void test_last_failure(void **state)
{
    (void)state;
    flush_error = EDQUOT;
    capture_errors_start();
    save(1, true);
    enum status status = saver_finish(&saver, good);
    char *said = capture_errors_stop();
    assert_failure(status, STATUS_CHECKPOINT, "not written", "quota", "no good checkpoint yet", NULL);
    assert_string_equal(said, "");
    assert_string_equal(good, "");
    free(said);
}

/* A folder that was removed is made again; one above it is not. */
static void test_folder_is_gone(void **state)
{
    (void)state;
    char away[600];
    snprintf(away, sizeof away, "%s.away", folder);
    save(1, false);
    assert_done(saver_finish(&saver, good));
    assert_int_equal(rename(folder, away), 0);
    fill(5);
    capture_errors_start();
    save(2, false);
    enum status status = saver_finish(&saver, good);
    char *said = capture_errors_stop();
    assert_done(status);
    assert_int_equal(count_words(said, "\n"), 1);
    assert_non_null(strstr(said, "run is gone"));
    free(said);
    assert_holds("step-00000002.h5", 5);

    struct saver other;
    assert_done(saver_create(&other, scratch_path("none/run"), NULL, &sample.network, sample.content.slots, 1,
                             0, "x/step-1.h5"));
    const struct save last = {.began = clock_seconds(), .last = true};
    saver_save(&other, &sample.content, &last);
    assert_failure(saver_finish(&other, good), STATUS_CHECKPOINT, "none/run", "folder is missing", NULL);
    assert_string_equal(good, "x/step-1.h5");
    assert_int_equal(access(scratch_path("none"), F_OK), -1);
    saver_destroy(&other);
}

static struct metrics_row row_of(uint64_t epoch)
{
    return (struct metrics_row){.epoch = epoch, .step = 10 * epoch};
}

static size_t lines(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/metrics.csv", folder);
    char *text = scratch_read(path, NULL);
    size_t count = count_words(text, "\n");
    assert_int_equal(strncmp(text, "epoch,", 6), 0);
    for (uint64_t epoch = 1; epoch < count; epoch++) {
        char line[32];
        snprintf(line, sizeof line, "\n%d,%d,", (int)epoch, (int)(10 * epoch));
        assert_non_null(strstr(text, line));
    }
    free(text);
    return count;
}

/* Lines that find no room are kept, in their order, and written when there is some. */
static void test_rows_are_kept(void **state)
{
    (void)state;
    struct metrics_row row = row_of(1);
    assert_done(saver_add_row(&saver, &row));
    assert_done(saver_finish(&saver, good));
    assert_int_equal(lines(), 2);
    flush_error = ENOSPC;
    capture_errors_start();
    for (uint64_t epoch = 2; epoch <= 4; epoch++) {
        row = row_of(epoch);
        assert_done(saver_add_row(&saver, &row));
        assert_done(saver_finish(&saver, good));
    }
    char *said = capture_errors_stop();
    assert_int_equal(count_words(said, "is full"), 3);
    assert_int_equal(count_words(said, "lacks 3 lines"), 1);
    free(said);
    assert_int_equal(lines(), 2);
    flush_error = 0;
    save(40, false);
    assert_done(saver_finish(&saver, good));
    assert_int_equal(lines(), 5);
    row = row_of(5);
    assert_done(saver_add_row(&saver, &row));
    assert_done(saver_finish(&saver, good));
    assert_int_equal(lines(), 6);
}

/* Whoever destroys it in the middle of a write loses nothing. */
static void test_destroyed_while_writing(void **state)
{
    (void)state;
    flush_seconds = 0.05;
    struct metrics_row row = row_of(1);
    assert_done(saver_add_row(&saver, &row));
    fill(3);
    save(1, false);
    saver_destroy(&saver);
    saver_destroy(&saver);
    assert_int_equal(lines(), 2);
    assert_true(exists("latest.h5"));
    assert_holds("step-00000001.h5", 3);
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, create, destroy)
    const struct CMUnitTest tests[] = {
        FRESH(test_copy),
        FRESH(test_pause),
        FRESH(test_allocates_nothing),
        FRESH(test_failure_is_warned_of),
        FRESH(test_last_failure),
        FRESH(test_folder_is_gone),
        FRESH(test_rows_are_kept),
        FRESH(test_destroyed_while_writing),
    };
#undef FRESH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
