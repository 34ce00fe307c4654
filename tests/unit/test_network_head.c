/* The first layers, group by group: which they are, and that nothing else comes out of it. */
#include "core/network_head.h"
#include "support/array.h"
#include "support/network_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct shape image = {24, 24, 2};

/* The second dropout has 75 numbers an image, no multiple of the four that are drawn together. */
static const char text[] = "c1 = conv2d filters=5 kernel=3 padding=1\n"
                           "r1 = relu\n"
                           "p1 = maxpool size=2\n"
                           "d1 = dropout rate=0.3\n"
                           "c2 = conv2d filters=3 kernel=3\n"
                           "r2 = relu\n"
                           "p2 = maxpool size=2\n"
                           "d2 = dropout rate=0.3\n"
                           "f  = flatten\n"
                           "fc = dense units=4\n"
                           "out = softmax";

enum { BATCH = 150, CLASSES = 4 };

struct run {
    struct network network;
    float *gradients;
};

static struct run run_create(bool head, int threads)
{
    struct run r;
    network_must_plan(&r.network, image, text);
    if (!head)
        r.network.head = (struct network_head){0};
    assert_int_equal(network_bind(&r.network, BATCH, true, threads), STATUS_OK);
    network_init(&r.network, 7);
    r.gradients = array_floats(r.network.parameter_count);
    return r;
}

static void run_destroy(struct run *r)
{
    free(r->gradients);
    network_destroy(&r->network);
}

static void run_step(struct run *r, size_t n)
{
    int32_t classes[BATCH];
    struct pass pass = network_pass(&r->network, n);
    pass.training = true;
    pass.seed = 3;
    pass.gradients = r->gradients;
    array_fill(r->network.x, n * shape_count(image), 5);
    memset(r->gradients, 0, r->network.parameter_count * sizeof *r->gradients);
    for (size_t i = 0; i < n; i++)
        classes[i] = (int32_t)(i % CLASSES);
    network_forward(&r->network, &pass);
    network_loss(&r->network, &pass, (struct labels){classes, NULL}, 1.0f / (float)n);
    network_backward(&r->network, &pass, NULL, NULL);
}

static void test_which_layers(void **state)
{
    (void)state;
    const struct expected {
        const char *text;
        size_t layers;
    } rows[] = {
        {"c = conv2d filters=6 kernel=5\np = maxpool size=2\nf = flatten\nd = dense units=2\nout = linear",
         3},
        {"c = conv2d filters=6 kernel=5\nf = flatten\nd = dense units=2\nout = linear", 2},
        {"f = flatten\nd = dense units=2\nout = linear", 0}, /* one alone is none */
        {"c = conv2d filters=6 kernel=9\np = maxpool size=2\nq = conv2d filters=2 kernel=3\nf = flatten\n"
         "d = dense units=2\nout = linear",
         2}, /* q has 36 outputs an image: too few */
        {"a = tanh\nb = tanh\nc = tanh from=a\nd = add from=b,c\nf = flatten\ne = dense units=2\nout = "
         "linear",
         0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct network network;
        network_must_plan(&network, image, rows[i].text);
        if (network.head.layers != rows[i].layers)
            fail_msg("%zu layers, not %zu:\n%s", network.head.layers, rows[i].layers, rows[i].text);
        network_destroy(&network);
    }
}

/* Batches of one image, of fewer than a group, and of groups that do not come out even. */
static void test_same_as_without(void **state)
{
    (void)state;
    const size_t batches[] = {1, 5, 37, BATCH};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        struct run with = run_create(true, 2), without = run_create(false, 2);
        size_t n = batches[i], count = with.network.parameter_count;
        assert_int_equal(with.network.head.layers, 9);
        run_step(&with, n);
        run_step(&without, n);
        assert_same_bits("output", network_last(&with.network)->y, network_last(&without.network)->y,
                         n * CLASSES);
        double *truth = array_doubles(without.gradients, count);
        assert_close("gradients", with.gradients, truth, count, 1e-5);
        free(truth);
        run_destroy(&with);
        run_destroy(&without);
    }
}

static void test_same_bits_for_any_threads(void **state)
{
    (void)state;
    struct run one = run_create(true, 1);
    run_step(&one, BATCH);
    for (int threads = 2; threads <= 5; threads++) {
        struct run more = run_create(true, threads);
        run_step(&more, BATCH);
        assert_same_bits("gradients", more.gradients, one.gradients, one.network.parameter_count);
        run_destroy(&more);
    }
    run_destroy(&one);
}

/* What backward does not read is not kept. */
static void test_memory(void **state)
{
    (void)state;
    struct network network;
    size_t with, without;
    network_must_plan(&network, image, text);
    assert_int_equal(network_memory(&network, 1000, true, 1, &with), STATUS_OK);
    network.head = (struct network_head){0};
    assert_int_equal(network_memory(&network, 1000, true, 1, &without), STATUS_OK);
    assert_true(with < without);
    network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_layers),
        cmocka_unit_test(test_same_as_without),
        cmocka_unit_test(test_same_bits_for_any_threads),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
