/* Which layer, shard and samples a step that was not finite is told to have been spoilt by. */
#include "train/fault.h"

#include "support/array.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 12, SHARDS = 3, OUTPUTS = 2 };
static const struct shape image = {4, 4, 1};
static const struct comm alone = {.size = 1, .host = "here"};

struct fixture {
    struct network network;
    struct optimizer optimizer;
    struct step step;
    float x[BATCH * 16], values[BATCH * OUTPUTS];
};

static void setup_text(struct fixture *f, const char *text)
{
    const struct optimizer_settings settings = {0};
    const struct step_settings how = {.shards = SHARDS, .allreduce = &allreduce_list[0], .bucket = 10};
    memset(f, 0, sizeof *f);
    network_must_plan(&f->network, image, text);
    assert_done(network_bind(&f->network, step_shard_size(BATCH, SHARDS), true, 1));
    network_init(&f->network, 5);
    assert_done(optimizer_create(&f->optimizer, optimizer_types[0], &settings, f->network.parameter_count));
    assert_done(step_create(&f->step, &f->network, &f->optimizer, &alone, &how));
    array_fill(f->x, BATCH * 16, 2);
    array_fill(f->values, BATCH * OUTPUTS, 3);
}

static void setup(struct fixture *f)
{
    setup_text(f, "c = conv2d filters=3 kernel=3\nt = tanh\nf = flatten\nd = dense units=2\nout = linear");
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
    memcpy(input->x, f->x + first * 16, n * 16 * sizeof *f->x);
    memcpy(input->values, f->values + first * OUTPUTS, n * OUTPUTS * sizeof *f->values);
}

static struct fault find(struct fixture *f)
{
    assert_non_null(step_take(&f->step, 0, BATCH, 0.1, (struct step_votes){0}, give, f).infinite);
    return fault_find(&f->step, &alone, 0, BATCH, give, f);
}

static float *parameter(struct fixture *f, const char *layer)
{
    return f->network.parameters + network_find(&f->network, layer)->parameters[0].offset;
}

static void test_input(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.x[6 * 16 + 3] = NAN;
    f.x[7 * 16 + 9] = NAN;
    struct fault fault = find(&f);
    assert_false(fault.gradient);
    assert_string_equal(fault.layer, "c");
    assert_string_equal(fault.host, "here");
    assert_int_equal(fault.rank, 0);
    assert_int_equal(fault.shard, 1);
    assert_int_equal(fault.sample_count, 2);
    assert_int_equal(fault.samples[0], 6);
    assert_int_equal(fault.samples[1], 7);
    teardown(&f);
}

/* A weight spoils every sample, in the first shard, and the layer that has it. */
static void test_weight(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    *parameter(&f, "d") = INFINITY;
    struct fault fault = find(&f);
    assert_string_equal(fault.layer, "d");
    assert_int_equal(fault.shard, 0);
    assert_int_equal(fault.sample_count, BATCH / SHARDS);
    teardown(&f);
}

/* A normalisation whose output is never written is blamed all the same, and not the sum that takes its part.
 */
static void test_weight_of_summand(void **state)
{
    (void)state;
    struct fixture f;
    setup_text(&f, "c = conv2d filters=3 kernel=3\nb = batchnorm\ns = add from=b,c\nf = flatten\n"
                   "d = dense units=2\nout = linear");
    assert_true(network_find(&f.network, "b")->hands_affine_on);
    *parameter(&f, "b") = NAN;
    struct fault fault = find(&f);
    assert_string_equal(fault.layer, "b");
    *parameter(&f, "b") = 1;
    *parameter(&f, "d") = INFINITY;
    fault = find(&f);
    assert_string_equal(fault.layer, "d");
    teardown(&f);
}

/* With statistics of the whole batch one sample spoils all the others; the shard that has it is told of. */
static void test_global_statistics(void **state)
{
    (void)state;
    struct fixture f;
    setup_text(&f, "c = conv2d filters=3 kernel=3\nb = batchnorm scope=global\nt = tanh\nf = flatten\n"
                   "d = dense units=2\nout = linear");
    f.x[6 * 16 + 3] = NAN;
    struct fault fault = find(&f);
    assert_false(fault.gradient);
    assert_string_equal(fault.layer, "c");
    assert_int_equal(fault.shard, 1);
    assert_int_equal(fault.sample_count, BATCH / SHARDS);
    assert_int_equal(fault.samples[0], 4);
    teardown(&f);
}

/* Labels so large that the loss overflows while every layer's output is finite. */
static void test_loss(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.values[9 * OUTPUTS + 1] = 3e38f;
    struct fault fault = find(&f);
    assert_false(fault.gradient);
    assert_string_equal(fault.layer, "");
    assert_int_equal(fault.shard, 2);
    assert_int_equal(fault.sample_count, 1);
    assert_int_equal(fault.samples[0], 9);
    teardown(&f);
}

/* Losses are finite, but the gradient of the convolution overflows on its way through a large weight. */
static void test_gradient(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    const struct layer *d = network_find(&f.network, "d");
    for (size_t i = 0; i < d->parameters[0].count; i++)
        parameter(&f, "d")[i] = 0;
    for (size_t i = 0; i < 16; i++)
        f.x[4 * 16 + i] = 1e30f; /* saturates tanh's output, not the gradient of the weights before it */
    for (size_t i = 0; i < BATCH * OUTPUTS; i++)
        f.values[i] = 0;
    f.values[4 * OUTPUTS] = 1e18f; /* its square is finite */
    for (size_t i = 0; i < network_find(&f.network, "c")->parameters[0].count; i++)
        parameter(&f, "c")[i] = 0; /* tanh(0): its slope is 1 */
    parameter(&f, "d")[0] = 1e5f;
    struct fault fault = find(&f);
    assert_true(fault.gradient);
    assert_string_equal(fault.layer, "c");
    assert_int_equal(fault.shard, 1);
    assert_int_equal(fault.sample_count, 1);
    assert_int_equal(fault.samples[0], 4);
    teardown(&f);
}

static void test_text(void **state)
{
    (void)state;
    char text[FAULT_TEXT_MAX];
    const size_t batch[] = {50, 51, 52, 53, 54, 55, 56, 57, 58, 59};
    struct fault fault = {
        .layer = "conv1", .rank = 3, .host = "node7", .shard = 5, .sample_count = 2, .samples = {1, 4}};
    assert_string_equal(fault_text(text, &fault, batch),
                        "first in the output of layer `conv1`: rank 3 on node7, shard 5, samples 51, 54");
    fault.gradient = true;
    fault.sample_count = 1;
    assert_string_equal(fault_text(text, &fault, batch),
                        "in the gradient of layer `conv1`: rank 3 on node7, shard 5, sample 51");
    fault.sample_count = 0;
    fault.layer[0] = 0;
    assert_string_equal(fault_text(text, &fault, batch),
                        "rank 3 on node7, shard 5, by none of its samples alone");
    for (size_t i = 0; i < FAULT_SAMPLES_MAX; i++)
        fault.samples[i] = i;
    fault.sample_count = FAULT_SAMPLES_MAX + 2;
    assert_string_equal(fault_text(text, &fault, batch),
                        "rank 3 on node7, shard 5, samples 50, 51, 52, 53, 54, 55, 56, 57 and 2 more");
    fault.rank = -1;
    assert_string_equal(fault_text(text, &fault, batch), "though it is for every shard alone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_weight_of_summand),
        cmocka_unit_test(test_global_statistics),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
