/* Binding, initial weights, order of gradients, smaller batches, and that a step allocates nothing. */
#include "core/network.h"
#include "core/optimizer.h"
#include "support/allocations.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 9, CLASSES = 10 };
static const struct shape image = {14, 13, 3};

/* One of everything. */
static const char all_layers[] = "c1 = conv2d filters=8 kernel=3 padding=same\n"
                                 "r1 = relu\n"
                                 "p1 = maxpool size=2\n"
                                 "d1 = dropout rate=0.25\n"
                                 "c2 = conv2d filters=8 kernel=3 padding=same groups=2\n"
                                 "t2 = tanh\n"
                                 "c3 = conv2d filters=8 kernel=1\n"
                                 "sum = add from=c3,d1\n"
                                 "l3 = leaky_relu\n"
                                 "p3 = avgpool size=3 stride=2 padding=1 ceil=yes\n"
                                 "flat = flatten\n"
                                 "fc1 = dense units=32\n"
                                 "s1 = sigmoid\n"
                                 "d2 = dropout\n"
                                 "fc2 = dense units=10\n"
                                 "out = softmax";

/* A bound network with its input, labels and gradients. */
struct fixture {
    struct network network;
    int32_t classes[BATCH];
    float *gradients;
};

static void setup(struct fixture *f, size_t batch, int threads)
{
    network_must_plan(&f->network, image, all_layers);
    assert_int_equal(network_bind(&f->network, batch, true, threads), STATUS_OK);
    network_init(&f->network, 11);
    f->gradients = array_floats(f->network.parameter_count);
    for (int32_t i = 0; i < BATCH; i++)
        f->classes[i] = i % CLASSES;
}

static void teardown(struct fixture *f)
{
    free(f->gradients);
    network_destroy(&f->network);
}

/* Samples first .. first+n-1 of one fixed batch, with dropout off where not `training`; gradients are added
 * to. */
static struct loss_sum run(struct fixture *f, size_t first, size_t n, bool training, gradient_ready *on_ready,
                           void *user)
{
    size_t pixels = shape_count(image);
    float *x = array_floats(BATCH * pixels);
    array_fill(x, BATCH * pixels, 21);
    memcpy(f->network.x, x + first * pixels, n * pixels * sizeof *x);
    free(x);
    struct pass pass = network_pass(&f->network, n);
    pass.training = training;
    pass.gradients = f->gradients;
    network_forward(&f->network, &pass);
    struct loss_sum sum =
        network_loss(&f->network, &pass, (struct labels){.classes = f->classes + first}, 1.0f / BATCH);
    network_backward(&f->network, &pass, on_ready, user);
    return sum;
}

static void clear(struct fixture *f)
{
    memset(f->gradients, 0, f->network.parameter_count * sizeof *f->gradients);
}

/* What is said to be ready, as it was then. */
struct ready {
    const float *gradients;
    float *then;
    size_t end, calls;
};

static void on_gradient(void *user, size_t offset, size_t count)
{
    struct ready *ready = user;
    assert_true(count > 0);
    assert_int_equal(offset + count, ready->end);
    memcpy(ready->then + offset, ready->gradients + offset, count * sizeof *ready->then);
    ready->end = offset;
    ready->calls++;
}

/* Cut anywhere, in a place of its own: the same bits, and nothing in the network's own place has changed. */
static void test_parts(void **state)
{
    (void)state;
    struct fixture f;
    struct network twin;
    setup(&f, BATCH, 2);
    size_t count = f.network.parameter_count, layers = f.network.layer_count, outputs = BATCH * CLASSES;
    float *gradients = array_floats(count), *logits = array_floats(outputs);
    assert_int_equal(network_twin(&twin, &f.network), STATUS_OK);
    clear(&f);
    run(&f, 0, BATCH, true, NULL, NULL);
    memcpy(logits, network_logits(&f.network), outputs * sizeof *logits);
    array_fill(twin.x, BATCH * shape_count(image), 21);
    struct pass pass = network_pass(&f.network, BATCH);
    pass.training = true;
    pass.workspace = twin.workspace;
    pass.gradients = gradients;
    for (size_t cut = f.network.head.layers; cut < layers; cut++) {
        size_t from = network_parameters_from(&twin, cut);
        struct ready ready = {gradients, array_floats(count), count, 0};
        memset(gradients, 0, count * sizeof *gradients);
        network_forward_part(&twin, &pass, 0, cut);
        network_forward_part(&twin, &pass, cut, layers);
        network_loss(&twin, &pass, (struct labels){.classes = f.classes}, 1.0f / BATCH);
        network_backward_part(&twin, &pass, cut, layers, on_gradient, &ready);
        assert_int_equal(ready.end, from);
        network_backward_part(&twin, &pass, 0, cut, on_gradient, &ready);
        assert_int_equal(ready.end, 0);
        assert_same_bits("logits", network_logits(&twin), logits, outputs);
        assert_same_bits("gradients", gradients, f.gradients, count);
        free(ready.then);
    }
    array_fill(twin.x, BATCH * shape_count(image), 22);
    network_forward(&twin, &pass);
    assert_same_bits("the network's own", network_logits(&f.network), logits, outputs);
    assert_true(memcmp(network_logits(&twin), logits, outputs * sizeof *logits) != 0);
    network_twin_destroy(&twin);
    free(gradients);
    free(logits);
    teardown(&f);
}

static void test_gradients_come_from_the_end(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, BATCH, 2);
    size_t count = f.network.parameter_count;
    struct ready ready = {f.gradients, array_floats(count), count, 0};
    clear(&f);
    run(&f, 0, BATCH, true, on_gradient, &ready);
    assert_int_equal(ready.end, 0);
    assert_true(ready.calls >= 5);
    assert_same_bits("gradients when said to be ready", ready.then, f.gradients, count);
    free(ready.then);
    teardown(&f);
}

/* Passes add up: shards of one batch, without dropout, give the gradient of the whole. */
static void test_parts_add_up(void **state)
{
    (void)state;
    struct fixture whole, parts;
    setup(&whole, BATCH, 2);
    setup(&parts, 5, 2);
    clear(&whole);
    clear(&parts);
    struct loss_sum a = run(&whole, 0, BATCH, false, NULL, NULL);
    struct loss_sum b =
        loss_add(run(&parts, 0, 5, false, NULL, NULL), run(&parts, 5, BATCH - 5, false, NULL, NULL));
    assert_true(fabs(a.loss - b.loss) < 1e-5 * a.loss && a.hits == b.hits && a.samples == b.samples);
    double *truth = array_doubles(whole.gradients, whole.network.parameter_count);
    assert_close("gradients of two parts", parts.gradients, truth, whole.network.parameter_count, 1e-5);
    free(truth);
    teardown(&whole);
    teardown(&parts);
}

/* Relus that other layers do in passing change no bit of what comes out. */
static void test_relus_in_passing(void **state)
{
    (void)state;
    static const char text[] = "c1 = conv2d filters=8 kernel=3 padding=same\nr1 = relu\np1 = maxpool size=2\n"
                               "c2 = conv2d filters=9 kernel=3\nr2 = relu\nc3 = conv2d filters=4 kernel=2\n"
                               "r3 = relu\nflat = flatten\nfc1 = dense units=20\nr4 = relu\n"
                               "fc2 = dense units=12\nr5 = relu\nd5 = dropout\nfc3 = dense units=10\n"
                               "out = softmax";
    struct fixture f[2];
    for (size_t i = 0; i < 2; i++) {
        network_must_plan(&f[i].network, image, text);
        assert_true(network_find(&f[i].network, "r1")->skip_forward);
        assert_true(network_find(&f[i].network, "r1")->skip_backward);
        assert_true(network_find(&f[i].network, "r2")->skip_forward);
        assert_true(network_find(&f[i].network, "r2")->skip_backward);
        assert_true(network_find(&f[i].network, "r5")->skip_forward);
        assert_false(network_find(&f[i].network, "r5")->skip_backward);
        assert_false(network_find(&f[i].network, "c1")->output_relu);
        for (size_t k = 0; i == 1 && k < f[i].network.layer_count; k++) {
            struct layer *layer = &f[i].network.layers[k];
            layer->skip_forward = layer->skip_backward = layer->input_relu = layer->output_relu = false;
        }
        assert_int_equal(network_bind(&f[i].network, BATCH, true, 2), STATUS_OK);
        network_init(&f[i].network, 11);
        f[i].gradients = array_floats(f[i].network.parameter_count);
        for (int32_t k = 0; k < BATCH; k++)
            f[i].classes[k] = k % CLASSES;
        clear(&f[i]);
        run(&f[i], 0, BATCH, true, NULL, NULL);
    }
    assert_same_bits("outputs", network_last(&f[0].network)->y, network_last(&f[1].network)->y, BATCH * 10);
    assert_same_bits("gradients", f[0].gradients, f[1].gradients, f[0].network.parameter_count);
    teardown(&f[0]);
    teardown(&f[1]);
}

/* A relu that several read, or that reads what several read, is left alone. */
static void test_relus_that_stay(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, image,
                      "c1 = conv2d filters=8 kernel=1\nr1 = relu\nc2 = conv2d filters=8 kernel=1\n"
                      "s = add from=c2,r1\nc3 = conv2d filters=8 kernel=1 from=s\nr3 = relu from=s\n"
                      "t = add from=c3,r3\nflat = flatten\nfc = dense units=10\nout = softmax");
    const struct layer *r1 = network_find(&network, "r1"), *r3 = network_find(&network, "r3");
    assert_true(r1->skip_forward && !r1->skip_backward);
    assert_true(!r3->skip_forward && !r3->skip_backward);
    assert_false(network_find(&network, "c2")->input_relu);
    network_destroy(&network);
}

/* What a pass gives does not depend on the batch that memory was taken for, nor on threads. */
static void test_room_and_threads_do_not_matter(void **state)
{
    (void)state;
    struct fixture first;
    setup(&first, 4, 1);
    clear(&first);
    run(&first, 0, 4, true, NULL, NULL);
    const struct {
        size_t batch;
        int threads;
    } others[] = {{4, 2}, {4, 3}, {BATCH, 1}, {BATCH, 4}, {5, 7}, {100, 2}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct fixture other;
        setup(&other, others[i].batch, others[i].threads);
        clear(&other);
        run(&other, 0, 4, true, NULL, NULL);
        assert_same_bits("output", network_last(&other.network)->y, network_last(&first.network)->y,
                         4 * CLASSES);
        assert_same_bits("gradients", other.gradients, first.gradients, first.network.parameter_count);
        teardown(&other);
    }
    teardown(&first);
}

static void test_bind_again_keeps_parameters(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 2, 1);
    size_t count = f.network.parameter_count;
    float *before = array_floats(count), *parameters = f.network.parameters;
    memcpy(before, parameters, count * sizeof *before);
    assert_int_equal(network_bind(&f.network, BATCH, false, 3), STATUS_OK);
    assert_ptr_equal(f.network.parameters, parameters);
    assert_same_bits("parameters", f.network.parameters, before, count);
    struct pass pass = network_pass(&f.network, BATCH);
    assert_true(pass.n == BATCH && pass.threads == 3 && !pass.training && !pass.gradients);
    array_fill(f.network.x, BATCH * shape_count(image), 3);
    network_forward(&f.network, &pass);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        assert_true(isfinite(network_last(&f.network)->y[i]));
    free(before);
    teardown(&f);
}

static void test_memory_is_what_bind_takes(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++)
        for (size_t batch = 1; batch < 40; batch += 19) {
            struct network network;
            size_t bytes;
            network_must_plan(&network, image, all_layers);
            assert_int_equal(network_memory(&network, batch, training, 3, &bytes), STATUS_OK);
            assert_int_equal(network_bind(&network, batch, training, 3), STATUS_OK);
            assert_int_equal(network.activation_arena.size, bytes);
            assert_int_equal(network.activation_arena.used, bytes);
            network_destroy(&network);
        }
}

/* He: deviation sqrt(2 / fan in), biases 0; a function of the seed and of the layer. */
static void test_he_initialisation(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(
        &network, (struct shape){8, 8, 16},
        "c1 = conv2d filters=64 kernel=3 groups=2 padding=same\nc2 = conv2d filters=64 kernel=3 groups=8 "
        "padding=same\nf = flatten\nfc = dense units=32\nfd = dense units=32 init=glorot\nout = linear");
    assert_int_equal(network_bind(&network, 1, false, 1), STATUS_OK);
    size_t count = network.parameter_count;
    float *first = array_floats(count);
    array_poison(network.parameters, count);
    network_init(&network, 5);
    memcpy(first, network.parameters, count * sizeof *first);
    network_init(&network, 5);
    assert_same_bits("the same seed", network.parameters, first, count);
    const double deviations[] = {sqrt(2.0 / 72), sqrt(2.0 / 72), 0, sqrt(2.0 / 4096), sqrt(6.0 / 64 / 3)};
    for (size_t i = 0; i + 1 < network.layer_count; i++) {
        const struct layer *layer = &network.layers[i];
        double sum = 0, squares = 0;
        if (layer->parameter_count == 0)
            continue;
        const float *w = layer_parameter(layer, first, 0), *b = layer_parameter(layer, first, 1);
        double n = (double)layer->parameters[0].count, d = deviations[i];
        for (size_t e = 0; e < layer->parameters[0].count; e++) {
            sum += w[e] / n;
            squares += w[e] * w[e] / n;
        }
        assert_true(fabs(sum) < 4 * d / sqrt(n));
        assert_true(fabs(sqrt(squares) / d - 1) < 4 / sqrt(2 * n));
        for (size_t e = 0; e < layer->parameters[1].count; e++)
            assert_true(b[e] == 0);
    }
    assert_memory_not_equal(layer_parameter(&network.layers[0], first, 0),
                            layer_parameter(&network.layers[1], first, 0), 64 * sizeof *first);
    network_init(&network, 6);
    assert_memory_not_equal(network.parameters, first, count * sizeof *first);
    free(first);
    network_destroy(&network);
}

/* Glorot: uniform up to sqrt(6 / (fan in + fan out)), and fills that range; uniform: up to sqrt(1 / fan in),
 * with biases. */
static void test_uniform_bounds(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, (struct shape){4, 4, 6},
                      "c = conv2d filters=12 kernel=3 groups=3 padding=same init=glorot\nf = flatten\n"
                      "fc = dense units=50 init=glorot\nfd = dense units=70 init=uniform\n"
                      "fe = dense units=90\nout = linear");
    assert_int_equal(network_bind(&network, 1, false, 1), STATUS_OK);
    network_init(&network, 5);
    const double bounds[] = {sqrt(6.0 / (9 * 2 + 9 * 4)), 0, sqrt(6.0 / (192 + 50)), sqrt(1.0 / 50)};
    for (size_t i = 0; i < 4; i += i ? 1 : 2) {
        double largest = 0;
        const float *w = layer_parameter(&network.layers[i], network.parameters, 0);
        for (size_t e = 0; e < network.layers[i].parameters[0].count; e++)
            largest = fmax(largest, fabs((double)w[e]));
        assert_true(largest <= bounds[i] * (1 + 1e-6) && largest > 0.95 * bounds[i]);
        const float *b = layer_parameter(&network.layers[i], network.parameters, 1);
        largest = 0;
        for (size_t e = 0; e < network.layers[i].parameters[1].count; e++)
            largest = fmax(largest, fabs((double)b[e]));
        assert_true(i == 3 ? largest <= bounds[i] && largest > 0.9 * bounds[i] : largest == 0);
    }
    network_destroy(&network);
}

static void training_step(struct fixture *f, struct optimizer *optimizer, uint32_t step)
{
    struct pass pass = network_pass(&f->network, BATCH);
    pass.training = true;
    pass.step = step;
    pass.gradients = f->gradients;
    clear(f);
    network_forward(&f->network, &pass);
    network_loss(&f->network, &pass, (struct labels){.classes = f->classes}, 1.0f / BATCH);
    network_backward(&f->network, &pass, NULL, NULL);
    double norm = optimizer_norm(f->gradients, f->network.parameter_count, f->network.threads);
    optimizer_step(optimizer, &f->network, f->gradients, step + 1, 0.01, norm, 1);
}

/* After a first step, in which threads are started. */
static void test_a_step_allocates_nothing(void **state)
{
    (void)state;
    if (!allocations_are_counted())
        skip();
    allocations_start();
    free(array_bytes(1000));
    assert_int_equal(allocations_stop(), 1);
    for (int threads = 1; threads <= 3; threads++) {
        struct fixture f;
        struct optimizer optimizer;
        struct optimizer_settings settings = {0.9, true, 1e-4};
        setup(&f, BATCH, threads);
        array_fill(f.network.x, BATCH * shape_count(image), 8);
        assert_int_equal(
            optimizer_create(&optimizer, optimizer_types[0], &settings, f.network.parameter_count),
            STATUS_OK);
        training_step(&f, &optimizer, 0);
        allocations_start();
        for (uint32_t step = 1; step < 20; step++)
            training_step(&f, &optimizer, step);
        size_t taken = allocations_stop();
        if (taken)
            fail_msg("%zu allocations in 19 steps with %d threads", taken, threads);
        optimizer_destroy(&optimizer);
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relus_in_passing),
        cmocka_unit_test(test_relus_that_stay),
        cmocka_unit_test(test_gradients_come_from_the_end),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_parts_add_up),
        cmocka_unit_test(test_room_and_threads_do_not_matter),
        cmocka_unit_test(test_bind_again_keeps_parameters),
        cmocka_unit_test(test_memory_is_what_bind_takes),
        cmocka_unit_test(test_he_initialisation),
        cmocka_unit_test(test_uniform_bounds),
        cmocka_unit_test(test_a_step_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
