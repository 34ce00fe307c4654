/* The gradient check passes on what is right, and finds faults that are planted into a layer's functions. */
#include "core/gradient_check.h"

#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, SEEDS = 3, REPORTS_MAX = 64 };
static const struct shape image = {5, 6, 2};

/* Every type of layer with something trainable below it. */
#define BODY                                                                                                 \
    "c1 = conv2d filters=4 kernel=3 padding=same\nleaky = leaky_relu slope=0.2\nmax = maxpool size=2\n"      \
    "drop = dropout rate=0.3\nc2 = conv2d filters=4 kernel=3 padding=1 groups=2 bias=no\ntanh = tanh\n"      \
    "sum = add from=tanh,drop\nrelu = relu\navg = avgpool size=3 stride=2 padding=1 ceil=yes\n"              \
    "sig = sigmoid\nflat = flatten\nfc1 = dense units=8\ntanh2 = tanh\nfc2 = dense units=5\n"
/* Sums that do the affine steps and relus of others. */
#define RESIDUAL                                                                                             \
    "c1 = conv2d filters=3 kernel=3 padding=same bias=no\nb1 = batchnorm\nr1 = relu\n"                       \
    "c2 = conv2d filters=3 kernel=3 padding=same bias=no\nb2 = batchnorm scale=no\ns2 = add from=b2,r1\n"    \
    "r2 = relu\ndown = conv2d filters=4 kernel=1 stride=2 bias=no\ndownbn = batchnorm\n"                     \
    "c3 = conv2d from=r2 filters=4 kernel=3 stride=2 padding=1 bias=no\nb3 = batchnorm shift=no\n"           \
    "s3 = add from=b3,downbn\nr3 = relu\nflat = flatten\nfc = dense units=5\n"
static const char *const texts[] = {BODY "out = softmax", BODY "out = sigmoid", BODY "out = linear",
                                    RESIDUAL "out = softmax"};
enum { TEXTS = sizeof texts / sizeof *texts };

/* What was reported, in order. */
struct reports {
    struct gradient_check checks[REPORTS_MAX];
    size_t count;
    bool passed;
};

static void note(const struct gradient_check *check, void *user)
{
    struct reports *reports = user;
    assert_true(reports->count < REPORTS_MAX);
    reports->checks[reports->count++] = *check;
}

static void setup(struct network *network, const char *text)
{
    network_must_plan(network, image, text);
    assert_int_equal(network_bind(network, N + 2, true, 2), STATUS_OK);
    network_init(network, 8);
}

/* So that every layer's functions are called. */
static void setup_apart(struct network *network, const char *text)
{
    network_must_plan(network, image, text);
    network_set_apart(network);
    assert_int_equal(network_bind(network, N + 2, true, 2), STATUS_OK);
    network_init(network, 8);
}

static struct reports check(struct network *network, uint64_t seed)
{
    struct reports reports = {.count = 0};
    float *gradients = array_floats(network->parameter_count);
    assert_int_equal(gradient_check_run(network, N, seed, gradients, note, &reports, &reports.passed),
                     STATUS_OK);
    free(gradients);
    bool all = true;
    for (size_t i = 0; i < reports.count; i++)
        all = all && reports.checks[i].passed;
    assert_true(reports.passed == all);
    return reports;
}

static void test_every_layer_and_loss(void **state)
{
    (void)state;
    for (size_t t = 0; t < TEXTS; t++) {
        struct network network;
        setup(&network, texts[t]);
        float *weights = array_floats(network.parameter_count);
        memcpy(weights, network.parameters, network.parameter_count * sizeof *weights);
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct reports reports = check(&network, seed);
            for (size_t i = 0; i < reports.count; i++)
                if (!reports.checks[i].passed)
                    fail_msg("seed %d: %s/%s is wrong by %g, the loss by %g\n%s", (int)seed,
                             reports.checks[i].layer->name, reports.checks[i].parameter->name,
                             reports.checks[i].worst, reports.checks[i].loss_error, texts[t]);
        }
        assert_same_bits("weights", network.parameters, weights, network.parameter_count);
        free(weights);
        network_destroy(&network);
    }
}

/* Where relus behind batch normalisations are many, the step must be small: some are near their kink. */
static void test_many_kinks(void **state)
{
    (void)state;
    enum { BLOCKS = 6 };
    char text[2048] = "r0 = conv2d filters=4 kernel=3 padding=same\n";
    for (int b = 0; b < BLOCKS; b++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "a%d = conv2d filters=4 kernel=3 padding=same bias=no\nb%d = batchnorm\nc%d = relu\n"
                 "d%d = conv2d filters=4 kernel=3 padding=same bias=no\ne%d = batchnorm\n"
                 "s%d = add from=e%d,r%d\nr%d = relu\n",
                 b, b, b, b, b, b, b, b, b + 1);
    strcat(text, "f = globalavgpool\nd = dense units=5\nout = softmax");
    struct network network;
    network_must_plan(&network, (struct shape){20, 20, 2}, text);
    assert_int_equal(network_bind(&network, N, true, 2), STATUS_OK);
    network_init(&network, 8);
    assert_true(check(&network, 1).passed);
    network_destroy(&network);
}

/* From the last array to the first, each once, small ones weight for weight. */
static void test_every_array_is_reported(void **state)
{
    (void)state;
    struct network network;
    setup(&network, texts[0]);
    struct reports reports = check(&network, 1);
    size_t next = 0;
    for (size_t i = network.layer_count; i-- > 0;)
        for (size_t p = network.layers[i].parameter_count; p-- > 0; next++) {
            assert_true(next < reports.count);
            const struct gradient_check *c = &reports.checks[next];
            assert_ptr_equal(c->layer, &network.layers[i]);
            assert_ptr_equal(c->parameter, &network.layers[i].parameters[p]);
            size_t weights = c->parameter->count;
            assert_int_equal(c->checks,
                             (weights < GRADIENT_CHECK_WEIGHTS ? weights : GRADIENT_CHECK_WEIGHTS) + 1);
            assert_true(c->loss_error == reports.checks[0].loss_error);
        }
    assert_int_equal(next, reports.count);
    network_destroy(&network);
}

/* A copy of a layer's functions with a fault in it, and the right ones. One layer at a time. */
static const struct layer_ops *right;
static struct layer_ops wrong;

static const float NEARLY = 1.01f;

static void wrong_forward(const struct layer *layer, const struct pass *pass)
{
    right->forward(layer, pass);
    for (size_t i = 0; i < pass->n * shape_count(layer->out); i++)
        layer->y[i] = NEARLY * layer->y[i] + 0.01f;
}

static void wrong_dx(const struct layer *layer, const struct pass *pass)
{
    right->backward(layer, pass);
    for (size_t i = 0; layer->dx[0] && i < pass->n * shape_count(layer->in[0]); i++)
        layer->dx[0][i] *= NEARLY;
}

static void wrong_dw(const struct layer *layer, const struct pass *pass)
{
    right->backward(layer, pass);
    const struct parameter *p = &layer->parameters[0];
    for (size_t i = 0; i < p->count; i++)
        pass->gradients[p->offset + i] *= NEARLY;
}

/* Another pass's mask, as if the dropout of forward had been forgotten. */
static void wrong_step(const struct layer *layer, const struct pass *pass)
{
    struct pass other = *pass;
    other.step++;
    right->forward(layer, &other);
}

static void plant(struct layer *layer)
{
    right = layer->ops;
    wrong = *right;
    layer->ops = &wrong;
}

/* Everything behind the fault is right, something before it is not. */
static void check_wrong_dx(struct network *network, size_t at)
{
    bool found = false;
    plant(&network->layers[at]);
    wrong.backward = wrong_dx;
    struct reports reports = check(network, 1);
    for (size_t i = 0; i < reports.count; i++) {
        bool before = reports.checks[i].layer->index < at;
        if (!before && !reports.checks[i].passed)
            fail_msg("a wrong dx of %s is blamed on %s", network->layers[at].name,
                     reports.checks[i].layer->name);
        found = found || (before && !reports.checks[i].passed);
    }
    if (!found)
        fail_msg("a wrong dx of %s is not found", network->layers[at].name);
    network->layers[at].ops = right;
}

/* That array and no other. */
static void check_wrong_dw(struct network *network, size_t at)
{
    plant(&network->layers[at]);
    wrong.backward = wrong_dw;
    struct reports reports = check(network, 1);
    for (size_t i = 0; i < reports.count; i++)
        if (reports.checks[i].passed == (reports.checks[i].parameter == &network->layers[at].parameters[0]))
            fail_msg("with a wrong dw of %s, %s/%s %s", network->layers[at].name,
                     reports.checks[i].layer->name, reports.checks[i].parameter->name,
                     reports.checks[i].passed ? "passes" : "fails");
    network->layers[at].ops = right;
}

static void check_wrong_forward(struct network *network, size_t at)
{
    plant(&network->layers[at]);
    wrong.forward = wrong_forward;
    if (check(network, 1).passed)
        fail_msg("a wrong forward of %s is not found", network->layers[at].name);
    network->layers[at].ops = right;
}

static void test_faults_are_found(void **state)
{
    (void)state;
    for (size_t t = 0; t < TEXTS; t++) {
        struct network network;
        setup_apart(&network, texts[t]);
        for (size_t i = 0; i < network.layer_count; i++) {
            check_wrong_forward(&network, i);
            if (i + 1 == network.layer_count)
                continue; /* the loss does the last one's backward */
            if (network.layers[i].dx[0])
                check_wrong_dx(&network, i);
            if (network.layers[i].parameter_count)
                check_wrong_dw(&network, i);
        }
        assert_true(check(&network, 1).passed); /* all put back */
        network_destroy(&network);
    }
}

static void test_wrong_mask_is_found(void **state)
{
    (void)state;
    struct network network;
    setup(&network, texts[0]);
    struct layer *drop = (struct layer *)network_find(&network, "drop");
    plant(drop);
    wrong.forward = wrong_step;
    assert_false(check(&network, 1).passed);
    drop->ops = right;
    network_destroy(&network);
}

/* Adds to the outputs of three samples what is orthogonal to their inputs and to the bias. */
static void wrong_unseen(const struct layer *layer, const struct pass *pass)
{
    right->forward(layer, pass);
    const float *x = layer->x[0];
    for (size_t i = 0; i < 3; i++)
        layer->y[i] += x[(i + 1) % 3] - x[(i + 2) % 3];
}

/* A fault in forward of which no gradient knows shows in the loss. */
static void test_loss_is_compared(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, (struct shape){1, 1, 1}, "fc = dense units=1\nout = linear");
    assert_int_equal(network_bind(&network, 3, true, 1), STATUS_OK);
    network_init(&network, 8);
    plant(&network.layers[0]);
    for (int fault = 0; fault < 2; fault++) {
        struct reports reports = {.count = 0};
        float gradients[2];
        wrong.forward = fault ? wrong_unseen : right->forward;
        assert_int_equal(gradient_check_run(&network, 3, 1, gradients, note, &reports, &reports.passed),
                         STATUS_OK);
        for (size_t i = 0; i < reports.count; i++)
            assert_true(reports.checks[i].worst <= GRADIENT_CHECK_TOLERANCE);
        assert_true(reports.passed == !fault);
    }
    network_destroy(&network);
}

/* What is not finite does not pass. */
static void test_nan_is_found(void **state)
{
    (void)state;
    struct network network;
    setup(&network, texts[0]);
    network.parameters[network_find(&network, "fc1")->parameters[0].offset + 3] = NAN;
    assert_false(check(&network, 1).passed);
    network_destroy(&network);
}

static void test_labels_fit(void **state)
{
    (void)state;
    enum { MANY = 400, OUTPUTS = 5 };
    int32_t classes[MANY];
    float values[MANY * OUTPUTS];
    for (size_t t = 0; t < TEXTS; t++) {
        struct network network;
        setup(&network, texts[t]);
        memset(classes, -1, sizeof classes);
        array_poison(values, MANY * OUTPUTS);
        gradient_check_labels(&network, MANY, 3, classes, values);
        size_t counts[OUTPUTS] = {0}, ones = 0, other = 0;
        for (size_t i = 0; i < MANY && t == 0; i++)
            counts[classes[i]]++;
        for (size_t i = 0; i < MANY * OUTPUTS && t > 0; i++) {
            ones += values[i] == 1;
            other += values[i] != 1 && values[i] != 0;
        }
        for (size_t k = 0; k < OUTPUTS && t == 0; k++)
            assert_in_range(counts[k], MANY / OUTPUTS / 2, MANY / OUTPUTS * 2);
        if (t == 1)
            assert_true(other == 0 && ones > MANY && ones < MANY * (OUTPUTS - 1));
        if (t == 2)
            assert_true(other == MANY * OUTPUTS);
        network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_and_loss),
        cmocka_unit_test(test_many_kinks),
        cmocka_unit_test(test_every_array_is_reported),
        cmocka_unit_test(test_faults_are_found),
        cmocka_unit_test(test_wrong_mask_is_found),
        cmocka_unit_test(test_loss_is_compared),
        cmocka_unit_test(test_nan_is_found),
        cmocka_unit_test(test_labels_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
