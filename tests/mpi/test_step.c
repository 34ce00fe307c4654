/* A step of several ranks is the step of one rank that owns all shards. ranks: 1 2 3 4 5 8 */
#include "train/step.h"

#include "support/array.h"
#include "support/mpi_group.h"
#include "support/network_text.h"
#include "support/scratch.h"
#include "train/evaluation.h"
#include "train/fault.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 13, STEPS = 4, OUTPUTS = 4 };
static const struct shape image = {6, 5, 2};
static const struct comm alone = {.size = 1};
static const size_t shard_counts[] = {1, 2, 3, 8, 16};
enum { SHARD_COUNTS = sizeof shard_counts / sizeof *shard_counts };
enum { RING, TREE, MPI };

static const char softmax_text[] = "c = conv2d filters=5 kernel=3 padding=1\nr = relu\no = dropout rate=0.4\n"
                                   "f = flatten\nd = dense units=4\nout = softmax";
static const char norm_text[] =
    "c = conv2d filters=5 kernel=3 padding=1 bias=no\nb = batchnorm momentum=0.3\n"
    "r = relu\nf = flatten\nd = dense units=4\nn = batchnorm scale=no eps=0.5\nout = softmax";
static const char global_text[] =
    "c = conv2d filters=5 kernel=3 padding=1 bias=no\nb = batchnorm momentum=0.3 scope=global\nr = relu\n"
    "o = dropout rate=0.4\ne = conv2d filters=5 kernel=1\nm = batchnorm scope=global shift=no\ns = add "
    "from=m,o\n"
    "f = flatten\nd = dense units=4\nn = batchnorm scale=no eps=0.5\nout = softmax";
static const char linear_text[] = "c = conv2d filters=5 kernel=3 padding=1\nr = relu\nf = flatten\n"
                                  "d = dense units=4\nout = linear";

struct fixture {
    struct network network;
    struct optimizer optimizer;
    struct step step;
    float x[BATCH * 6 * 5 * 2], values[BATCH * OUTPUTS];
    int32_t classes[BATCH];
};

static bool power_of_two(size_t n)
{
    return (n & (n - 1)) == 0;
}

static void setup(struct fixture *f, const struct comm *comm, const char *text, size_t shards, int algorithm,
                  enum overlap overlap)
{
    const struct optimizer_settings settings = {.momentum = 0.9};
    const struct step_settings how = {.shards = shards,
                                      .seed = 17,
                                      .allreduce = &allreduce_list[algorithm],
                                      .bucket = 50,
                                      .overlap = overlap};
    memset(f, 0, sizeof *f);
    network_must_plan(&f->network, image, text);
    assert_done(network_bind(&f->network, step_shard_size(BATCH, shards), true, 1));
    network_init(&f->network, 3);
    assert_done(optimizer_create(&f->optimizer, optimizer_types[0], &settings, f->network.parameter_count));
    assert_done(step_create(&f->step, &f->network, &f->optimizer, comm, &how));
    array_fill(f->x, BATCH * shape_count(image), 4);
    for (size_t i = 0; i < BATCH; i++)
        f->classes[i] = (int32_t)(3 * i % OUTPUTS);
    for (size_t i = 0; i < BATCH * OUTPUTS; i++)
        f->values[i] = (float)(i % 3 == 0);
}

static void teardown(struct fixture *f)
{
    step_destroy(&f->step);
    optimizer_destroy(&f->optimizer);
    network_destroy(&f->network);
}

static void give(void *user, size_t first, size_t n, struct step_input *input)
{
    const struct fixture *f = user;
    memcpy(input->x, f->x + first * shape_count(image), n * shape_count(image) * sizeof *f->x);
    memcpy(input->classes, f->classes + first, n * sizeof *f->classes);
    memcpy(input->values, f->values + first * OUTPUTS, n * OUTPUTS * sizeof *f->values);
}

static struct step_result take(struct fixture *f, uint64_t number, size_t batch, struct step_votes votes)
{
    return step_take(&f->step, number, batch, 0.1, votes, give, f);
}

/* Steps of all sizes, a short last one and one with fewer samples than shards included. */
static struct step_result run(struct fixture *f)
{
    static const size_t batches[STEPS] = {BATCH, BATCH, 5, 1};
    struct step_result result = {0};
    for (size_t i = 0; i < STEPS; i++) {
        result = take(f, i, batches[i], (struct step_votes){0});
        assert_true(!result.infinite && !result.stop && !result.save);
        assert_int_equal(result.loss.samples, batches[i]);
    }
    return result;
}

/* The last step's numbers and the weights of all ranks are those of one rank, which every rank computes for
 * itself. */
static void compare(const char *text, size_t shards, int algorithm, enum overlap overlap, bool bits)
{
    struct fixture one, many;
    setup(&one, &alone, text, shards, RING, OVERLAP_NO);
    setup(&many, &mpi_group_comm, text, shards, algorithm, overlap);
    struct step_result truth = run(&one), result = run(&many);
    size_t count = one.network.parameter_count;
    assert_int_equal(result.loss.hits, truth.loss.hits);
    assert_int_equal(result.loss.tries, truth.loss.tries);
    if (bits) {
        assert_true(result.loss.loss == truth.loss.loss && result.gradient_norm == truth.gradient_norm);
        assert_same_bits("weights", many.network.parameters, one.network.parameters, count);
        assert_same_bits("buffers", many.network.buffers, one.network.buffers, one.network.buffer_count);
        assert_same_bits("momentum", many.optimizer.slots[0], one.optimizer.slots[0], count);
    } else {
        double *weights = array_doubles(one.network.parameters, count);
        double *buffers = array_doubles(one.network.buffers, one.network.buffer_count);
        assert_close("weights", many.network.parameters, weights, count, 1e-5);
        assert_close("buffers", many.network.buffers, buffers, one.network.buffer_count, 1e-5);
        free(weights);
        free(buffers);
    }
    teardown(&one);
    teardown(&many);
}

static void test_tree(void **state)
{
    (void)state;
    if (!power_of_two((size_t)mpi_group_comm.size))
        skip();
    for (size_t s = 0; s < SHARD_COUNTS; s++)
        if (power_of_two(shard_counts[s])) {
            compare(softmax_text, shard_counts[s], TREE, OVERLAP_NO, true);
            compare(softmax_text, shard_counts[s], TREE, OVERLAP_YES, true);
            compare(norm_text, shard_counts[s], TREE, OVERLAP_YES, true);
            compare(global_text, shard_counts[s], TREE, OVERLAP_YES, true);
        }
}

static void test_ring(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHARD_COUNTS; s++) {
        compare(softmax_text, shard_counts[s], RING, OVERLAP_NO, false);
        compare(softmax_text, shard_counts[s], RING, OVERLAP_YES, false);
        compare(softmax_text, shard_counts[s], MPI, OVERLAP_AUTO, false);
        compare(norm_text, shard_counts[s], RING, OVERLAP_YES, false);
        compare(global_text, shard_counts[s], RING, OVERLAP_YES, false);
    }
}

/* Running statistics are means over the shards that had samples, also where some have none. */
static void test_statistics(void **state)
{
    (void)state;
    enum { SHARDS = 8, CHANNELS = 2 };
    static const size_t batches[] = {BATCH, 3};
    for (size_t b = 0; b < 2; b++) {
        struct fixture f;
        double truth[2 * CHANNELS] = {0};
        size_t used = 0, pixels = image.h * image.w;
        setup(&f, &mpi_group_comm, "b = batchnorm momentum=1\nf = flatten\nd = dense units=4\nout = softmax",
              SHARDS, RING, OVERLAP_NO);
        for (size_t s = 0; s < SHARDS; s++)
            used += shard_samples(batches[b], SHARDS, s).count > 0;
        for (size_t s = 0; s < SHARDS; s++) {
            struct range range = shard_samples(batches[b], SHARDS, s);
            size_t n = range.count * pixels;
            const float *x = f.x + range.first * pixels * CHANNELS;
            for (size_t c = 0; n && c < CHANNELS; c++) {
                double mean = 0, squares = 0;
                for (size_t i = 0; i < n; i++)
                    mean += x[i * CHANNELS + c] / (double)n;
                for (size_t i = 0; i < n; i++)
                    squares += pow(x[i * CHANNELS + c] - mean, 2);
                truth[c] += mean / (double)used;
                truth[CHANNELS + c] += squares / (double)(n - 1) / (double)used;
            }
        }
        assert_null(take(&f, 0, batches[b], (struct step_votes){0}).infinite);
        assert_close("running statistics", f.network.buffers, truth, 2 * CHANNELS, 1e-5);
        teardown(&f);
    }
}

/* One rank's wish is everybody's, also of a rank that has nothing to do, and no other wish. */
static void test_votes(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHARD_COUNTS; s++) {
        struct fixture f;
        setup(&f, &mpi_group_comm, softmax_text, shard_counts[s], RING, OVERLAP_YES);
        for (int who = -1; who < mpi_group_comm.size; who++)
            for (int kind = 0; kind < 4; kind++) {
                bool stop = kind & 1, save = kind & 2, own = mpi_group_comm.rank == who;
                struct step_result result = take(&f, 0, 1, (struct step_votes){own && stop, own && save});
                assert_int_equal(result.stop, who >= 0 && stop);
                assert_int_equal(result.save, who >= 0 && save);
            }
        teardown(&f);
    }
}

struct unreadable {
    struct fixture *fixture;
    size_t first; /* in the batch, of the shard that cannot be read */
};

static void give_unreadable(void *user, size_t first, size_t n, struct step_input *input)
{
    const struct unreadable *u = user;
    give(u->fixture, first, n, input);
    input->failed = first == u->first;
}

/* Samples that one rank cannot read: all know after the step, and no weight has moved. */
static void test_unreadable(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHARD_COUNTS; s++)
        for (size_t shard = 0; shard <= shard_counts[s] && shard < BATCH; shard++) {
            struct fixture f;
            setup(&f, &mpi_group_comm, softmax_text, shard_counts[s], RING, OVERLAP_YES);
            struct range samples = shard_samples(BATCH, shard_counts[s], shard % shard_counts[s]);
            bool some = shard < shard_counts[s] && samples.count;
            struct unreadable u = {&f, some ? samples.first : BATCH};
            float *before = array_floats(f.network.parameter_count);
            memcpy(before, f.network.parameters, f.network.parameter_count * sizeof *before);
            struct step_result result =
                step_take(&f.step, 0, BATCH, 0.1, (struct step_votes){0}, give_unreadable, &u);
            assert_int_equal(result.failed, some);
            assert_int_equal(
                memcmp(before, f.network.parameters, f.network.parameter_count * sizeof *before) == 0, some);
            free(before);
            teardown(&f);
        }
}

/* A number that is not finite: no rank moves, and all are told of the same layer, rank, shard and samples. */
static void test_fault(void **state)
{
    (void)state;
    struct fixture f;
    size_t size = (size_t)mpi_group_comm.size, shards = 2 * size;
    for (size_t sample = 0; sample < BATCH; sample += 3) {
        setup(&f, &mpi_group_comm, linear_text, shards, RING, OVERLAP_YES);
        float *before = array_floats(f.network.parameter_count);
        memcpy(before, f.network.parameters, f.network.parameter_count * sizeof *before);
        f.x[sample * shape_count(image) + 7] = NAN;
        assert_non_null(take(&f, 0, BATCH, (struct step_votes){0}).infinite);
        assert_same_bits("weights", f.network.parameters, before, f.network.parameter_count);
        struct fault fault = fault_find(&f.step, &mpi_group_comm, 0, BATCH, give, &f);
        size_t shard = 0, rank = 0;
        for (size_t i = 0; i < shards; i++) {
            struct range range = shard_samples(BATCH, shards, i);
            shard = sample >= range.first && sample < range.first + range.count ? i : shard;
        }
        for (size_t i = 0; i < size; i++) {
            struct range range = shard_owned(shards, size, i);
            rank = shard >= range.first && shard < range.first + range.count ? i : rank;
        }
        assert_false(fault.gradient);
        assert_string_equal(fault.layer, "c");
        assert_int_equal(fault.rank, rank);
        assert_int_equal(fault.shard, shard);
        assert_int_equal(fault.sample_count, 1);
        assert_int_equal(fault.samples[0], sample);
        assert_true(fault.host[0] != 0);
        free(before);
        teardown(&f);
    }
}

/* Each sample once, whoever has it: the same sums to the last bit on any number of ranks. */
static void test_evaluation(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t confusion[OUTPUTS * OUTPUTS], truth[OUTPUTS * OUTPUTS];
    float mean[] = {0, 0}, std[] = {1, 1};
    const struct normalization normalization = {false, 2, mean, std};
    for (size_t batch = 1; batch <= BATCH; batch += 2) {
        struct loss_sum one, many;
        setup(&f, &mpi_group_comm, softmax_text, 1, RING, OVERLAP_NO);
        struct dataset_split split = {.name = "test",
                                      .count = BATCH,
                                      .shape = image,
                                      .is_float = true,
                                      .images = f.x,
                                      .outputs = OUTPUTS,
                                      .classes = f.classes};
        const struct evaluation_data data = {&split, &normalization, (enum tta)(batch / 2 % 3)};
        assert_done(network_bind(&f.network, batch, false, 1));
        assert_done(evaluation_run(&f.network, &alone, &data, &one, truth, NULL));
        assert_done(evaluation_run(&f.network, &mpi_group_comm, &data, &many, confusion, NULL));
        assert_int_equal(many.samples, BATCH);
        assert_true(many.loss == one.loss && many.hits == one.hits && many.tries == one.tries);
        assert_memory_equal(confusion, truth, sizeof truth);
        teardown(&f);
    }
}

/* Asked at the given vote, on one rank only. */
struct asked {
    int rank, votes, when;
};

static bool ask(void *user)
{
    struct asked *a = user;
    return a->votes++ == a->when && mpi_group_comm.rank == a->rank;
}

/* An evaluation that one rank is asked to stop ends on all ranks after the same vote, and otherwise has the
 * result of one that cannot be stopped. Batches of one sample, so that ranks have different numbers of them.
 */
static void test_stopped_evaluation(void **state)
{
    (void)state;
    struct fixture f;
    float mean[] = {0, 0}, std[] = {1, 1};
    const struct normalization normalization = {false, 2, mean, std};
    int size = mpi_group_comm.size, batches = (BATCH + size - 1) / size,
        votes = (batches + EVALUATION_VOTE - 1) / EVALUATION_VOTE;
    setup(&f, &mpi_group_comm, softmax_text, 1, RING, OVERLAP_NO);
    struct dataset_split split = {.name = "test",
                                  .count = BATCH,
                                  .shape = image,
                                  .is_float = true,
                                  .images = f.x,
                                  .outputs = OUTPUTS,
                                  .classes = f.classes};
    struct reader reader;
    assert_done(network_bind(&f.network, 1, false, 1));
    assert_done(reader_create(&reader, &f.network));
    for (int rank = 0; rank < size; rank++)
        for (int when = 0; when <= votes; when++) {
            struct asked asked = {rank, 0, when};
            struct loss_sum one, many;
            bool stopped;
            const struct evaluation_data data = {&split, &normalization, TTA_NONE};
            assert_done(evaluation_run_until(&reader, &mpi_group_comm, &data, ask, &asked, &stopped, &many));
            assert_int_equal(stopped, when < votes);
            assert_int_equal(asked.votes, when < votes ? when + 1 : votes);
            if (stopped)
                continue;
            assert_done(evaluation_run(&f.network, &alone, &data, &one, NULL, NULL));
            assert_true(many.loss == one.loss && many.hits == one.hits && many.samples == one.samples);
        }
    reader_destroy(&reader);
    teardown(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_votes),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_stopped_evaluation),
        cmocka_unit_test(test_statistics),
    };
    return mpi_group_run(argc, argv, tests);
}
