/* The state of a run is the same on all ranks: new, written and read again, and when it is compared.
 *
 * ranks: 1 2 3 5 */
#include "train/state.h"

#include "io/file.h"
#include "support/array.h"
#include "support/mpi_group.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct shape image = {6, 5, 2};
static const char network_lines[] =
    "c = conv2d filters=5 kernel=3\nr = relu\nf = flatten\nd = dense units=4\n"
    "out = softmax";

static const struct save best = {.best = true, .last = true};

struct fixture {
    struct config config;
    struct job job;
    struct optimizer optimizer;
    struct average average;
    struct state state;
    float mean[2], std[2];
};

static enum status setup(struct fixture *f, struct start *start, const char *folder, uint64_t seed)
{
    const struct optimizer_settings settings = {.momentum = 0.9};
    memset(f, 0, sizeof *f);
    f->std[0] = f->std[1] = 1;
    f->config.run.seed = seed;
    f->config.train.batch = 8;
    f->config.train.epochs = 100;
    snprintf(f->config.run.output, sizeof f->config.run.output, "%s", folder);
    f->job =
        (struct job){.comm = &mpi_group_comm, .config = &f->config, .batch = 8, .shards = 4, .threads = 1};
    f->job.train =
        (struct dataset_split){.count = 1000, .digest = 99, .normalization = {true, 2, f->mean, f->std}};
    network_must_plan(&f->job.network, image, network_lines);
    assert_done(network_bind(&f->job.network, 2, true, 1));
    assert_done(
        optimizer_create(&f->optimizer, optimizer_types[0], &settings, f->job.network.parameter_count));
    const struct average_settings average = {.ema = 0.9, .lookahead = 2, .alpha = 0.5, .buffers = true};
    assert_done(
        average_create(&f->average, &average, f->job.network.parameter_count, f->job.network.buffer_count));
    return state_create(&f->state, &f->job, &f->optimizer, &f->average, start);
}

static void teardown(struct fixture *f)
{
    state_destroy(&f->state);
    optimizer_destroy(&f->optimizer);
    average_destroy(&f->average);
    network_destroy(&f->job.network);
}

/* Every rank has the same number, whichever. */
static void assert_everywhere(double value)
{
    double first = value;
    comm_broadcast(&mpi_group_comm, 0, &first, sizeof first);
    assert_true(first == value);
}

/* A folder that all ranks know. */
static const char *shared_folder(char folder[1024])
{
    snprintf(folder, 1024, "%s", mpi_group_comm.rank == 0 ? scratch_path("run") : "");
    comm_broadcast(&mpi_group_comm, 0, folder, 1024);
    return folder;
}

static void test_new(void **state)
{
    (void)state;
    struct fixture f;
    struct start start = {0};
    assert_done(setup(&f, &start, "nowhere", 7));
    assert_done(state_compare(&f.state));
    assert_int_equal(f.state.progress.seed, 7);
    assert_int_equal(f.state.progress.shards, 4);
    assert_string_equal(f.state.checkpoint, "");
    teardown(&f);
}

/* What rank 0 wrote is what all ranks get back, also those that had other weights. */
static void test_written_and_read(void **state)
{
    (void)state;
    char folder[1024];
    struct fixture f;
    struct start start = {0};
    shared_folder(folder);
    assert_done(setup(&f, &start, folder, 7));
    f.state.progress.step = 12;
    f.state.progress.samples_seen = 96;
    for (size_t i = 0; i < f.job.network.parameter_count; i++) {
        f.optimizer.slots[0][i] = (float)i;
        f.average.ema[i] = (float)i + 0.5f;
        f.average.slow[i] = (float)i + 0.25f;
    }
    float *weights = array_floats(f.job.network.parameter_count);
    memcpy(weights, f.job.network.parameters, f.job.network.parameter_count * sizeof *weights);
    if (mpi_group_comm.rank == 0)
        assert_done(file_make_folder(folder, STATUS_CHECKPOINT));
    assert_done(state_write(&f.state, "[network]\n", &best));
    for (size_t i = 0; i < f.job.network.parameter_count; i++)
        f.job.network.parameters[i] = f.optimizer.slots[0][i] = 77; /* a copy is written */
    f.state.progress.step = 13;
    assert_done(state_finish(&f.state));
    snprintf(start.checkpoint, sizeof start.checkpoint, "%s", f.state.checkpoint);
    assert_non_null(strstr(start.checkpoint, "step-00000012.h5"));
    teardown(&f);

    start.resume = true;
    assert_done(setup(&f, &start, folder, 1000 + (uint64_t)mpi_group_comm.rank));
    assert_same_bits("weights", f.job.network.parameters, weights, f.job.network.parameter_count);
    assert_true(f.optimizer.slots[0][5] == 5 && f.average.ema[5] == 5.5f && f.average.slow[5] == 5.25f);
    assert_int_equal(f.state.progress.step, 12);
    assert_int_equal(f.state.progress.samples_seen, 96);
    teardown(&f);

    struct normalization normalization;
    memset(&f, 0, sizeof f);
    network_must_plan(&f.job.network, image, network_lines);
    assert_done(network_bind(&f.job.network, 2, false, 1));
    assert_done(state_load(&mpi_group_comm, start.checkpoint, &f.job.network, &normalization));
    assert_true(f.job.network.parameters[5] == 5.5f); /* the average is what is used */
    assert_int_equal(normalization.channels, 2);
    assert_true(normalization.present && normalization.std[1] == 1);
    normalization_destroy(&normalization);
    network_destroy(&f.job.network);
    free(weights);
}

/* A failure of rank 0 alone is everybody's. */
static void test_failures(void **state)
{
    (void)state;
    struct fixture f;
    struct start start = {.resume = true, .checkpoint = "missing.h5"};
    struct normalization normalization;
    assert_failure(setup(&f, &start, "nowhere", 7), STATUS_CHECKPOINT, "missing.h5", NULL);
    assert_failure(state_load(&mpi_group_comm, "missing.h5", &f.job.network, &normalization),
                   STATUS_CHECKPOINT, "missing.h5", NULL);
    teardown(&f);
    struct start new = {0};
    assert_done(setup(&f, &new, "/dev/null/folder", 7));
    assert_done(state_write(&f.state, "[network]\n", &best));
    assert_failure(state_finish(&f.state), STATUS_CHECKPOINT, "/dev/null/folder", NULL);
    assert_string_equal(f.state.checkpoint, "");
    teardown(&f);
}

/* One bit of one weight on one rank: all ranks say which rank, and the first layer. */
static void test_compare(void **state)
{
    (void)state;
    struct fixture f;
    struct start start = {0};
    for (int guilty = 0; guilty < mpi_group_comm.size && mpi_group_comm.size > 1; guilty++) {
        static const char *const layers[] = {"c", "d"};
        for (size_t l = 0; l < 2; l++) {
            char who[32];
            assert_done(setup(&f, &start, "nowhere", 7));
            const struct layer *layer = network_find(&f.job.network, layers[l]);
            float *weight = &f.job.network.parameters[layer->parameters[l].offset];
            if (mpi_group_comm.rank == guilty)
                *weight = *weight == 0 ? 1e-30f : *weight * (1 + 1e-6f);
            snprintf(who, sizeof who, "rank %d", guilty);
            assert_failure(state_compare(&f.state), STATUS_INTERNAL, who, layers[l], NULL);
            assert_everywhere((double)strlen(status_message()));
            teardown(&f);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test_setup_teardown(test_written_and_read, scratch_create, scratch_destroy),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_compare),
    };
    return mpi_group_run(argc, argv, tests);
}
