/* A step is the same step however the batch is cut, as far as rounding goes; what it tells of the batch; and
 * that it leaves the weights alone when something is not finite. */
#include "train/step.h"

#include "core/mixup.h"
#include "core/reference.h"
#include "support/allocations.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 13, OUTPUTS = 4, CALLS_MAX = 64 };
static const struct shape image = {6, 5, 2};
static const double RATE = 0.1;

#define BODY                                                                                                 \
    "c = conv2d filters=5 kernel=3 padding=1\nr = relu\np = maxpool size=2\nf = flatten\n"                   \
    "d = dense units=4\n"
static const char softmax_text[] = BODY "out = softmax";
static const char sigmoid_text[] = BODY "out = sigmoid";
static const char linear_text[] = BODY "out = linear";
/* Statistics of the whole batch: of the input, behind a head, in sums and their relus, of single values, of a
 * layer whose gradient several readers have; without a parameter, and frozen ones. */
#define G " scope=global"
static const char *const global_texts[] = {
    "b = batchnorm" G "\nc = conv2d filters=3 kernel=3\nn = batchnorm scale=no shift=no" G "\n"
    "t = tanh\nf = flatten\nd = dense units=4\nm = batchnorm eps=0.1" G "\nout = softmax",
    "h = conv2d filters=2 kernel=3 padding=20\np = maxpool size=9\nc = conv2d filters=3 kernel=3 padding=1\n"
    "b = batchnorm" G "\nq = relu\ne = conv2d filters=3 kernel=3 padding=1\nn = batchnorm" G "\n"
    "s = add from=n,q\nu = relu\nf = flatten\nd = dense units=4\nout = softmax",
    "c = conv2d filters=3 kernel=3\nb = batchnorm shift=no" G "\ne = conv2d from=c filters=3 kernel=1\n"
    "n = batchnorm" G "\ns = add from=b,n,c\nt = relu\nk = concat from=t,s,c\ng = globalavgpool\n"
    "d = dense units=4\nout = softmax",
    "c = conv2d filters=3 kernel=3 frozen=yes\nb = batchnorm frozen=yes" G "\ne = conv2d filters=4 kernel=1\n"
    "n = batchnorm frozen=yes" G "\nt = relu\nf = flatten\nd = dense units=4\nout = softmax",
};
enum { GLOBAL_TEXTS = sizeof global_texts / sizeof *global_texts };
static const char mixed_text[] =
    "c = conv2d filters=5 kernel=3\nb = batchnorm" G "\nt = tanh\no = dropout rate=0.4\n"
    "e = conv2d filters=4 kernel=1\nn = batchnorm\nr = relu\n"
    "f = flatten\nd = dense units=4\nout = softmax";
static const char dropout_text[] = "c = conv2d filters=5 kernel=3\nt = tanh\no = dropout rate=0.4\n"
                                   "f = flatten\nd = dense units=4\nout = softmax";

/* A network that is about to be trained on one batch, and what was asked of its source. */
struct fixture {
    struct network network;
    struct optimizer optimizer;
    struct step step;
    float *x;
    int32_t classes[BATCH];
    float values[BATCH * OUTPUTS];
    size_t calls;
    struct range asked[CALLS_MAX];
};

static void setup(struct fixture *f, const char *text, size_t shards, int threads, double clip_norm)
{
    *f = (struct fixture){.x = array_floats(BATCH * shape_count(image))};
    const struct optimizer_settings settings = {.momentum = 0.9};
    static const struct comm comm = {.size = 1};
    network_must_plan(&f->network, image, text);
    assert_int_equal(network_bind(&f->network, step_shard_size(BATCH, shards), true, threads), STATUS_OK);
    network_init(&f->network, 3);
    assert_int_equal(
        optimizer_create(&f->optimizer, optimizer_types[0], &settings, f->network.parameter_count),
        STATUS_OK);
    const struct step_settings how = {
        .shards = shards, .clip_norm = clip_norm, .seed = 17, .allreduce = &allreduce_list[0], .bucket = 100};
    assert_int_equal(step_create(&f->step, &f->network, &f->optimizer, &comm, &how), STATUS_OK);
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
    free(f->x);
}

static void give(void *user, size_t first, size_t n, struct step_input *input)
{
    struct fixture *f = user;
    assert_true(f->calls < CALLS_MAX);
    f->asked[f->calls++] = (struct range){first, n};
    memcpy(input->x, f->x + first * shape_count(image), n * shape_count(image) * sizeof *f->x);
    memcpy(input->classes, f->classes + first, n * sizeof *f->classes);
    memcpy(input->values, f->values + first * OUTPUTS, n * OUTPUTS * sizeof *f->values);
}

static struct step_result take(struct fixture *f, uint64_t number, size_t batch, double rate)
{
    f->calls = 0;
    return step_take(&f->step, number, batch, rate, (struct step_votes){0}, give, f);
}

static void assert_near(double got, double truth)
{
    if (!(fabs(got - truth) <= 1e-5 * fabs(truth)))
        fail_msg("%.9g, not %.9g", got, truth);
}

/* Also with more shards than samples, and with a short batch at the end of the epoch. */
static void test_shards_do_not_matter(void **state)
{
    (void)state;
    static const size_t shards[] = {2, 3, 4, 7, 8, BATCH, 16, 40}, batches[] = {BATCH, BATCH, 5, 1};
    for (size_t s = 0; s < sizeof shards / sizeof *shards; s++) {
        struct fixture one, many;
        setup(&one, softmax_text, 1, 2, 0);
        setup(&many, softmax_text, shards[s], 2, 0);
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            struct step_result truth = take(&one, b, batches[b], RATE);
            struct step_result result = take(&many, b, batches[b], RATE);
            assert_true(!truth.infinite && !result.infinite);
            assert_near(result.loss.loss, truth.loss.loss);
            assert_near(result.gradient_norm, truth.gradient_norm);
            assert_int_equal(result.loss.samples, batches[b]);
            assert_int_equal(result.loss.hits, truth.loss.hits);
            assert_int_equal(result.loss.tries, batches[b]);
        }
        double *weights = array_doubles(one.network.parameters, one.network.parameter_count);
        assert_close("weights", many.network.parameters, weights, one.network.parameter_count, 1e-5);
        free(weights);
        teardown(&one);
        teardown(&many);
    }
}

/* With statistics of the whole batch a network with batchnorm is the same network however the batch is cut:
 * loss, gradients and ten steps, running statistics included. */
static void test_global_statistics(void **state)
{
    (void)state;
    static const size_t shards[] = {2, 3, 4, 7, BATCH, 16}, batches[] = {BATCH, BATCH, 5, 12, 3, 1};
    enum { BATCHES = sizeof batches / sizeof *batches, STEPS = 10 };
    for (size_t t = 0; t < GLOBAL_TEXTS; t++)
        for (size_t s = 0; s < sizeof shards / sizeof *shards; s++) {
            struct fixture one, many;
            setup(&one, global_texts[t], 1, 2, 0);
            setup(&many, global_texts[t], shards[s], 2, 0);
            size_t count = one.network.parameter_count, buffers = one.network.buffer_count;
            assert_true((one.network.head.layers > 0) == (t == 1));
            for (size_t b = 0; b < STEPS; b++) {
                size_t batch = batches[b % BATCHES];
                struct step_result truth = take(&one, b, batch, 0.01), result = take(&many, b, batch, 0.01);
                assert_true(!truth.infinite && !result.infinite);
                assert_near(result.loss.loss, truth.loss.loss);
                assert_int_equal(result.loss.hits, truth.loss.hits);
                double *gradients = array_doubles(tree_sum_result(&one.step.sum, 1), count);
                assert_close("gradients", tree_sum_result(&many.step.sum, shards[s]), gradients, count, 1e-5);
                free(gradients);
            }
            double *weights = array_doubles(one.network.parameters, count),
                   *running = array_doubles(one.network.buffers, buffers);
            assert_close("weights", many.network.parameters, weights, count, 1e-5);
            assert_close("running statistics", many.network.buffers, running, buffers, 1e-5);
            free(weights);
            free(running);
            teardown(&one);
            teardown(&many);
        }
}

/* loss = sum of weighted losses / sum of weights, however the batch is cut: the step moves the weights by
 * -RATE times what a batch in one piece gives, divided by its weight. */
static void test_class_weights(void **state)
{
    (void)state;
    static const float weights[OUTPUTS] = {0.5f, 3, 0, 1.25f};
    static const size_t shards[] = {1, 2, 5, BATCH, 20};
    struct fixture one;
    setup(&one, softmax_text, 1, 2, 0);
    size_t count = one.network.parameter_count;
    float *gradients = calloc(count, sizeof *gradients);
    struct pass pass = network_pass(&one.network, BATCH);
    pass.gradients = gradients;
    memcpy(one.network.x, one.x, BATCH * shape_count(image) * sizeof *one.x);
    network_forward(&one.network, &pass);
    struct labels labels = {one.classes, NULL, weights, 0.2f};
    double weight = 0;
    for (size_t i = 0; i < BATCH; i++)
        weight += (double)weights[one.classes[i]];
    double loss = network_loss(&one.network, &pass, labels, (float)(1 / weight)).loss / weight;
    network_backward(&one.network, &pass, NULL, NULL);
    double *truth = array_doubles(one.network.parameters, count);
    for (size_t i = 0; i < count; i++)
        truth[i] -= RATE * (double)gradients[i];
    for (size_t s = 0; s < sizeof shards / sizeof *shards; s++) {
        struct fixture f;
        setup(&f, softmax_text, shards[s], 3, 0);
        f.step.settings.class_weights = weights;
        f.step.settings.label_smoothing = 0.2f;
        struct step_result result = take(&f, 0, BATCH, RATE);
        assert_near(loss_mean(result.loss), loss);
        assert_close("weights", f.network.parameters, truth, count, 1e-6);
        teardown(&f);
    }
    free(truth);
    free(gradients);
    teardown(&one);
}

/* A batch of nothing but a class without weight leaves the weights where they are. */
static void test_batch_without_weight(void **state)
{
    (void)state;
    static const float weights[OUTPUTS] = {0, 3, 2, 1};
    struct fixture f;
    setup(&f, softmax_text, 2, 1, 0);
    f.step.settings.class_weights = weights;
    memset(f.classes, 0, sizeof f.classes);
    float *before = array_floats(f.network.parameter_count);
    memcpy(before, f.network.parameters, f.network.parameter_count * sizeof *before);
    struct step_result result = take(&f, 0, BATCH, RATE);
    assert_true(!result.infinite && result.loss.loss == 0 && result.gradient_norm == 0);
    assert_same_bits("weights", f.network.parameters, before, f.network.parameter_count);
    free(before);
    teardown(&f);
}

/* Every shard once, in order, none for one without samples. */
static void test_source_is_asked_for_every_sample(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= 20; shards++)
        for (size_t batch = 1; batch <= BATCH; batch++) {
            struct fixture f;
            setup(&f, linear_text, shards, 1, 0);
            take(&f, 0, batch, RATE);
            size_t next = 0;
            for (size_t i = 0; i < f.calls; i++) {
                assert_int_equal(f.asked[i].first, next);
                assert_in_range(f.asked[i].count, 1, f.network.batch);
                next += f.asked[i].count;
            }
            assert_int_equal(next, batch);
            assert_int_equal(f.calls, batch < shards ? batch : shards);
            teardown(&f);
        }
}

static void test_shard_size(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= 20; shards++)
        for (size_t batch = 1; batch <= 40; batch++) {
            size_t largest = 0;
            for (size_t shard = 0; shard < shards; shard++) {
                size_t count = shard_samples(batch, shards, shard).count;
                largest = count > largest ? count : largest;
            }
            assert_int_equal(step_shard_size(batch, shards), largest);
        }
}

/* The loss before the step, in double, and the outputs on the right side, counted here. */
static double loss_in_double(const struct fixture *f, struct reference *reference)
{
    struct pass pass = network_pass(&f->network, BATCH);
    assert_int_equal(reference_create(reference, &f->network, BATCH), STATUS_OK);
    for (size_t i = 0; i < BATCH * shape_count(image); i++)
        reference->x[i] = f->x[i];
    reference_forward(reference, &pass, 0);
    return BATCH * reference_loss(reference, (struct labels){f->classes, f->values});
}

static void test_classes_are_counted(void **state)
{
    (void)state;
    struct fixture f;
    struct reference reference;
    setup(&f, softmax_text, 4, 2, 0);
    double loss = loss_in_double(&f, &reference);
    const double *y = reference.y[f.network.layer_count - 1];
    size_t hits = 0;
    for (size_t i = 0; i < BATCH; i++) {
        size_t best = 0;
        for (size_t j = 1; j < OUTPUTS; j++)
            best = y[i * OUTPUTS + j] > y[i * OUTPUTS + best] ? j : best;
        hits += best == (size_t)f.classes[i];
    }
    assert_in_range(hits, 1, BATCH - 1);
    struct step_result result = take(&f, 0, BATCH, RATE);
    assert_near(result.loss.loss, loss);
    assert_int_equal(result.loss.hits, hits);
    assert_int_equal(result.loss.tries, BATCH);
    assert_int_equal(result.loss.samples, BATCH);
    reference_destroy(&reference);
    teardown(&f);
}

/* With mixup the step sees each shard's samples blended with those from its end, and asks for both classes.
 */
static void test_blended(void **state)
{
    (void)state;
    enum { SHARDS = 3 };
    struct fixture f, blended;
    struct reference reference;
    size_t item = shape_count(image);
    double loss = 0;
    setup(&f, softmax_text, SHARDS, 2, 0);
    setup(&blended, softmax_text, SHARDS, 2, 0);
    f.step.settings.mixup = 0.8;
    for (size_t shard = 0; shard < SHARDS; shard++) {
        struct range r = shard_samples(BATCH, SHARDS, shard);
        float share = mixup_share(0.8, 17, (uint32_t)shard, 5);
        assert_true(share < 0.99f);
        for (size_t i = 0; i < r.count * item; i++)
            blended.x[r.first * item + i] =
                share * f.x[r.first * item + i] +
                (1 - share) * f.x[(r.first + r.count - 1 - i / item) * item + i % item];
    }
    loss_in_double(&blended, &reference);
    const double *y = reference.y[f.network.layer_count - 1];
    for (size_t shard = 0; shard < SHARDS; shard++) {
        struct range r = shard_samples(BATCH, SHARDS, shard);
        double share = (double)mixup_share(0.8, 17, (uint32_t)shard, 5);
        for (size_t i = 0; i < r.count; i++)
            loss -=
                share * log(y[(r.first + i) * OUTPUTS + (size_t)f.classes[r.first + i]]) +
                (1 - share) * log(y[(r.first + i) * OUTPUTS + (size_t)f.classes[r.first + r.count - 1 - i]]);
    }
    assert_near(take(&f, 5, BATCH, RATE).loss.loss, loss);
    reference_destroy(&reference);
    teardown(&f);
    teardown(&blended);
}

static void test_outputs_are_counted(void **state)
{
    (void)state;
    struct fixture f;
    struct reference reference;
    setup(&f, sigmoid_text, 4, 2, 0);
    double loss = loss_in_double(&f, &reference);
    const double *y = reference.y[f.network.layer_count - 1];
    size_t hits = 0;
    for (size_t i = 0; i < BATCH * OUTPUTS; i++)
        hits += (y[i] > 0.5) == (f.values[i] > 0.5f);
    assert_in_range(hits, 1, BATCH * OUTPUTS - 1);
    struct step_result result = take(&f, 0, BATCH, RATE);
    assert_near(result.loss.loss, loss);
    assert_int_equal(result.loss.hits, hits);
    assert_int_equal(result.loss.tries, BATCH * OUTPUTS);
    reference_destroy(&reference);
    teardown(&f);
}

static void test_regression_has_no_hits(void **state)
{
    (void)state;
    struct fixture f;
    struct reference reference;
    setup(&f, linear_text, 4, 2, 0);
    double loss = loss_in_double(&f, &reference);
    struct step_result result = take(&f, 0, BATCH, RATE);
    assert_near(result.loss.loss, loss);
    assert_int_equal(result.loss.hits, 0);
    assert_int_equal(result.loss.tries, 0);
    reference_destroy(&reference);
    teardown(&f);
}

/* One bad number in one sample of one shard, or outputs that overflow: nothing moves, and the next step goes
 * on as if there had been none. */
static void test_not_finite(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, 3e38f};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        struct fixture f, calm;
        setup(&f, linear_text, 4, 2, 0);
        setup(&calm, linear_text, 4, 2, 0);
        size_t count = f.network.parameter_count;
        take(&f, 0, BATCH, RATE);
        take(&calm, 0, BATCH, RATE);
        float *pixel = &f.x[9 * shape_count(image) + 7], before = *pixel;
        *pixel = bad[b];
        struct step_result result = take(&f, 1, BATCH, RATE);
        assert_non_null(result.infinite);
        assert_same_bits("weights", f.network.parameters, calm.network.parameters, count);
        assert_same_bits("momentum", f.optimizer.slots[0], calm.optimizer.slots[0], count);
        *pixel = before;
        assert_null(take(&f, 1, BATCH, RATE).infinite);
        assert_null(take(&calm, 1, BATCH, RATE).infinite);
        assert_same_bits("weights afterwards", f.network.parameters, calm.network.parameters, count);
        teardown(&f);
        teardown(&calm);
    }
}

static void test_clipping(void **state)
{
    (void)state;
    static const double clip_norms[] = {0.01, 1e6};
    for (size_t c = 0; c < 2; c++) {
        struct fixture f;
        setup(&f, softmax_text, 3, 1, clip_norms[c]);
        size_t count = f.network.parameter_count;
        double *before = array_doubles(f.network.parameters, count), moved = 0;
        double norm = take(&f, 0, BATCH, 1).gradient_norm;
        for (size_t i = 0; i < count; i++)
            moved += pow(before[i] - (double)f.network.parameters[i], 2);
        assert_true(norm > 0.1 && fabs(sqrt(moved) - fmin(norm, clip_norms[c])) < 1e-3 * sqrt(moved));
        free(before);
        teardown(&f);
    }
}

/* What dropout drops hangs on the step's number and on the shard, and on nothing else. */
static void test_dropout(void **state)
{
    (void)state;
    struct fixture f, cut;
    setup(&f, dropout_text, 2, 2, 0);
    double first = take(&f, 1, BATCH, 0).gradient_norm, second = take(&f, 2, BATCH, 0).gradient_norm;
    assert_true(first != second);
    assert_true(take(&f, 1, BATCH, 0).gradient_norm == first);
    setup(&cut, dropout_text, 3, 2, 0);
    assert_true(fabs(take(&cut, 1, BATCH, 0).gradient_norm - first) > 1e-4 * first);
    teardown(&cut);
    /* two shards with the same samples drop differently */
    size_t half = BATCH / 2, floats = half * shape_count(image);
    memcpy(f.x + floats, f.x, floats * sizeof *f.x);
    memcpy(f.classes + half, f.classes, half * sizeof *f.classes);
    double both = take(&f, 1, 2 * half, 0).loss.loss;
    f.step.owned.count = 1;
    double one = take(&f, 1, 2 * half, 0).loss.loss;
    assert_true(fabs(both - 2 * one) > 1e-3 * both);
    teardown(&f);
}

static void test_threads(void **state)
{
    (void)state;
    static const char *const texts[] = {softmax_text, dropout_text, mixed_text};
    for (size_t t = 0; t < 3; t++) {
        struct fixture one;
        setup(&one, texts[t], 5, 1, 1);
        for (uint64_t number = 0; number < 3; number++)
            take(&one, number, BATCH, RATE);
        for (int threads = 2; threads <= 4; threads++) {
            struct fixture f;
            setup(&f, texts[t], 5, threads, 1);
            for (uint64_t number = 0; number < 3; number++)
                take(&f, number, BATCH, RATE);
            assert_same_bits("weights", f.network.parameters, one.network.parameters,
                             f.network.parameter_count);
            teardown(&f);
        }
        teardown(&one);
    }
}

/* After a first step, in which threads are started. */
static void test_allocates_nothing(void **state)
{
    (void)state;
    if (!allocations_are_counted())
        skip();
    for (int i = 0; i < 6; i++) {
        int threads = i / 2 + 1;
        struct fixture f;
        setup(&f, i % 2 ? dropout_text : mixed_text, 5, threads, 1);
        take(&f, 0, BATCH, RATE);
        allocations_start();
        for (uint64_t number = 1; number < 20; number++)
            take(&f, number, number % 4 ? BATCH : 3, RATE);
        size_t taken = allocations_stop();
        if (taken)
            fail_msg("%zu allocations in 19 steps with %d threads", taken, threads);
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_do_not_matter),
        cmocka_unit_test(test_global_statistics),
        cmocka_unit_test(test_class_weights),
        cmocka_unit_test(test_batch_without_weight),
        cmocka_unit_test(test_source_is_asked_for_every_sample),
        cmocka_unit_test(test_shard_size),
        cmocka_unit_test(test_classes_are_counted),
        cmocka_unit_test(test_outputs_are_counted),
        cmocka_unit_test(test_blended),
        cmocka_unit_test(test_regression_has_no_hits),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
