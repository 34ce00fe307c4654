/* What an epoch is told to have taken. */
#include "train/trainer.h"

#include "io/dataset_writer.h"
#include "support/capture.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 32, EPOCHS = 3 };

/* A disk that takes its time: in the place of libc's. */
static double flush_seconds;
int fsync(int descriptor)
{
    (void)descriptor;
    const struct timespec pause = {0, (long)(flush_seconds * 1e9)};
    return nanosleep(&pause, NULL);
}

static void write_data(const char *path)
{
    static unsigned char images[COUNT * 16];
    static int32_t classes[COUNT];
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (unsigned char)(i * 37);
    for (size_t i = 0; i < COUNT; i++)
        classes[i] = (int32_t)(i % 2);
    struct dataset_split split = {.name = "train",
                                  .path = "made",
                                  .count = COUNT,
                                  .shape = {4, 4, 1},
                                  .images = images,
                                  .classes = classes,
                                  .outputs = 2};
    const struct dataset_content content = {.train = &split, .test = &split};
    assert_done(dataset_write(path, &content, false));
}

/* Trains in the scratch folder, quietly. */
static void train(const char *data, const char *output)
{
    char text[4096];
    struct comm comm = {.size = 1, .world = MPI_COMM_NULL};
    struct config config;
    struct start start;
    struct job job;
    snprintf(text, sizeof text,
             "[run]\noutput = %s\n[data]\nfile = %s\n"
             "[network]\nflat = flatten\nfc = dense units=2\nout = softmax\n[train]\nepochs = %d\n",
             output, data, EPOCHS);
    assert_done(config_parse(&config, "made.ini", text, NULL, 0));
    assert_done(start_find(&start, &comm, &config, &(struct start_wish){NULL}));
    assert_done(job_open(&job, &comm, &config, 0));
    capture_start();
    enum status status = trainer_run(&job, &start, text, 0, 0);
    free(capture_stop());
    assert_done(status);
    job_close(&job);
    start_release(&start);
    config_destroy(&config);
}

/* The rate is that of training. What a slow disk takes is in the seconds only, and only where training had to
 * wait for it: behind epoch 2, whose checkpoint comes while the one before is being written. */
static void test_rate_is_of_training_alone(void **state)
{
    (void)state;
    const char *data = scratch_path("data.h5"), *output = scratch_path("run");
    write_data(data);
    flush_seconds = 0.4;
    train(data, output);
    char *table = scratch_read(scratch_path("run/metrics.csv"), NULL), *line = strchr(table, '\n') + 1;
    double before = 0;
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double rate = 0, seconds = 0;
        assert_int_equal(
            sscanf(line, "%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%lf,%lf", &rate, &seconds),
            2);
        if (!(rate > COUNT / flush_seconds))
            fail_msg("epoch %d: %g images/s", epoch, rate);
        if (epoch < 3 && seconds > flush_seconds)
            fail_msg("epoch %d ends after %g seconds: training waits for the disk", epoch, seconds);
        if (epoch == 3 && !(seconds >= before + flush_seconds))
            fail_msg("epoch %d ends after %g seconds, the one before after %g", epoch, seconds, before);
        before = seconds;
        line = strchr(line, '\n') + 1;
    }
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_is_of_training_alone),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
