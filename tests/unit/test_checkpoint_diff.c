/* What differs between two checkpoints: every array and fact once, by how much, and nothing where nothing
 * does. */
#include "io/checkpoint_diff.h"

#include "support/array.h"
#include "support/checkpoint_sample.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct sample sample;
static char a[1024], b[1024];

/* Writes the sample as it is into a folder of that name. */
static void write_as(const char *name, char path[1024])
{
    const char *folder = scratch_path(name);
    mkdir(folder, 0777);
    snprintf(path, 1024, "%s", sample_write(&sample, folder, sample.progress.step, false));
}

static int setup(void **state)
{
    scratch_create(state);
    sample_create(&sample, 1);
    sample.content.config_text = "[run]\nname = a\n[network]\nout = softmax\n";
    write_as("a", a);
    return 0;
}

static int teardown(void **state)
{
    sample_destroy(&sample);
    return scratch_destroy(state);
}

static const struct fact_difference *fact(const struct checkpoint_diff *diff, const char *name)
{
    for (size_t i = 0; i < diff->fact_count; i++)
        if (!strcmp(diff->facts[i].name, name))
            return &diff->facts[i];
    fail_msg("%s is not among the differences", name);
    return NULL;
}

static void test_equal(void **state)
{
    (void)state;
    struct checkpoint_diff diff;
    write_as("b", b);
    assert_done(checkpoint_diff(a, b, &diff));
    assert_int_equal(diff.array_count + diff.fact_count, 0);
    assert_int_equal(diff.same, 6);
    assert_false(checkpoint_differs(&diff, false) || checkpoint_differs(&diff, true));
    checkpoint_diff_destroy(&diff);
}

/* Two values of one array, and one slot by its last bit. */
static void test_values(void **state)
{
    (void)state;
    struct checkpoint_diff diff;
    float *w = sample.network.parameters, *m = sample.momentum.values, kept[3] = {w[5], w[9], m[0]};
    w[5] = 2 * w[5];
    w[9] = w[9] + 1000;
    m[0] = nextafterf(m[0], 10);
    write_as("b", b);
    assert_done(checkpoint_diff(a, b, &diff));
    assert_int_equal(diff.array_count, 2);
    assert_int_equal(diff.same, 4);
    const struct array_difference *first = &diff.arrays[0], *second = &diff.arrays[1];
    assert_string_equal(first->name, "/model/conv1/weight");
    assert_int_equal(first->kind, DIFFERS_IN_VALUES);
    assert_int_equal(first->count, 36);
    assert_int_equal(first->differing, 2);
    assert_int_equal(first->first, 5);
    assert_true(first->absolute == (double)(kept[1] + 1000) - (double)kept[1]);
    assert_true(first->relative > 0.99 && first->relative < 1.01);
    assert_string_equal(second->name, "/optimizer/momentum/conv1/weight");
    assert_true(second->differing == 1 && second->first == 0);
    assert_true(second->relative > 0 && second->relative < 1e-6);
    assert_true(checkpoint_differs(&diff, true));
    checkpoint_diff_destroy(&diff);
    w[5] = kept[0];
    w[9] = kept[1];
    m[0] = kept[2];
}

/* The first is the network's first, not that of the alphabet. */
static void test_order(void **state)
{
    (void)state;
    struct checkpoint_diff diff;
    struct network other = {0};
    const struct network *kept = sample.content.network;
    network_must_plan(&other, (struct shape){8, 8, 1},
                      "z = conv2d filters=4 kernel=3\nconv1 = conv2d filters=5 kernel=3\nflat = flatten\n"
                      "out1 = dense units=2\nout = softmax");
    assert_done(network_bind(&other, 1, false, 1));
    array_fill(other.parameters, other.parameter_count, 3);
    sample.content.network = &other;
    sample.content.slot_count = 0;
    write_as("b", b);
    assert_done(checkpoint_diff(b, a, &diff));
    static const struct {
        const char *name, *first, *second;
        enum array_difference_kind kind;
    } expected[] = {
        {"/model/z/weight", "4x1x3x3", "", ONLY_IN_FIRST},
        {"/model/z/bias", "4", "", ONLY_IN_FIRST},
        {"/model/conv1/weight", "5x4x3x3", "4x1x3x3", DIFFERS_IN_SHAPE},
        {"/model/conv1/bias", "5", "4", DIFFERS_IN_SHAPE},
        {"/model/out1/weight", "2x80", "", ONLY_IN_FIRST},
        {"/model/out1/bias", "2", "", ONLY_IN_FIRST},
        {"/model/fc1/weight", "", "10x144", ONLY_IN_SECOND},
        {"/optimizer/momentum/conv1/weight", "", "4x1x3x3", ONLY_IN_SECOND},
        {"/optimizer/momentum/conv1/bias", "", "4", ONLY_IN_SECOND},
        {"/optimizer/momentum/fc1/weight", "", "10x144", ONLY_IN_SECOND},
    };
    assert_int_equal(diff.array_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < diff.array_count; i++) {
        assert_string_equal(diff.arrays[i].name, expected[i].name);
        assert_int_equal(diff.arrays[i].kind, expected[i].kind);
        if (strstr(expected[i].name, "conv1") || expected[i].first[0] == 0)
            assert_string_equal(diff.arrays[i].shapes[1], expected[i].second);
        assert_int_equal(diff.arrays[i].shapes[0][0] == 0, expected[i].first[0] == 0);
    }
    checkpoint_diff_destroy(&diff);
    sample.content.network = kept;
    sample.content.slot_count = 1;
    network_destroy(&other);
}

static void test_facts(void **state)
{
    (void)state;
    struct checkpoint_diff diff;
    const char *config = sample.content.config_text;
    sample.progress.seconds = 77;
    sample.content.config_text = "[run]\nname = b\n[network]\nout = softmax\n";
    write_as("b", b);
    assert_done(checkpoint_diff(a, b, &diff));
    assert_false(fact(&diff, "state.seconds")->counts || fact(&diff, "run.name")->counts);
    assert_false(checkpoint_differs(&diff, false));
    checkpoint_diff_destroy(&diff);

    sample.progress.batch = 64;
    sample.content.data_digest++;
    sample.content.config_text = "[run]\nname = b\n[network]\nout = softmax\n[train]\nlr = 0.5\n";
    write_as("b", b);
    assert_done(checkpoint_diff(a, b, &diff));
    assert_string_equal(fact(&diff, "state.batch")->was, "128");
    assert_string_equal(fact(&diff, "state.batch")->is, "64");
    assert_string_equal(fact(&diff, "train.lr")->is, "0.5");
    assert_true(fact(&diff, "data.digest")->counts);
    assert_true(checkpoint_differs(&diff, false));
    assert_false(checkpoint_differs(&diff, true));
    checkpoint_diff_destroy(&diff);

    sample.content.config_text = "[future]\nkey = 1\n";
    write_as("b", b);
    assert_done(checkpoint_diff(a, b, &diff));
    assert_true(fact(&diff, "config")->counts);
    checkpoint_diff_destroy(&diff);
    sample.progress.batch = 128;
    sample.content.data_digest--;
    sample.content.config_text = config;
}

static void test_damaged(void **state)
{
    (void)state;
    struct checkpoint_diff diff;
    write_as("b", b);
    sample_flip(b, 3000);
    assert_failure(checkpoint_diff(a, b, &diff), STATUS_CHECKPOINT, b, NULL);
    assert_failure(checkpoint_diff(b, a, &diff), STATUS_CHECKPOINT, b, NULL);
    assert_failure(checkpoint_diff(a, scratch_path("none.h5"), &diff), STATUS_CHECKPOINT, "none.h5", NULL);
    assert_null(diff.arrays);
}

static enum status add(void *user, const char *name, const size_t *dimensions, size_t rank, size_t count)
{
    char *text = user;
    size_t used = strlen(text);
    snprintf(text + used, 1024 - used, "%s:%zu:%zu:%zu ", name, rank, dimensions[0], count);
    return strstr(name, "momentum/fc1") ? status_set(STATUS_DATA, "enough") : STATUS_OK;
}

static void test_visit(void **state)
{
    (void)state;
    char text[1024] = "";
    assert_failure(checkpoint_visit_arrays(a, add, text), STATUS_DATA, "enough", NULL);
    assert_string_equal(text,
                        "/model/conv1/weight:4:4:36 /model/conv1/bias:1:4:4 /model/fc1/weight:2:10:1440 "
                        "/optimizer/momentum/conv1/weight:4:4:36 /optimizer/momentum/conv1/bias:1:4:4 "
                        "/optimizer/momentum/fc1/weight:2:10:1440 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal), cmocka_unit_test(test_values),  cmocka_unit_test(test_order),
        cmocka_unit_test(test_facts), cmocka_unit_test(test_damaged), cmocka_unit_test(test_visit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
