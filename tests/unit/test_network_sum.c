/* Sums that do affine steps, relus and gradients of other layers in passing: the plan, the same bits as
 * apart, and the memory that is saved. */
#include "core/network_sum.h"

#include "support/array.h"
#include "support/network_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 5, ROOM = 7, CLASSES = 4, GRAPHS = 400, GRAPH_LAYERS_MAX = 16 };
static const int32_t classes[N] = {2, 0, 3, 1, 2};

#define TAIL "\nflat = flatten\nfc = dense units=4\nout = softmax"

/* What two passes give, one in training and one in evaluation. */
struct results {
    size_t parameters, buffers, bytes;
    float *gradients, *statistics, outputs[2][N * CLASSES];
};

static void run(struct results *r, struct shape shape, const char *text, bool apart, int threads)
{
    struct network network;
    network_must_plan(&network, shape, text);
    if (apart)
        network_set_apart(&network);
    assert_int_equal(network_memory(&network, ROOM, true, threads, &r->bytes), STATUS_OK);
    assert_int_equal(network_bind(&network, ROOM, true, threads), STATUS_OK);
    r->parameters = network.parameter_count;
    r->buffers = network.buffer_count;
    array_fill(network.parameters, r->parameters, 5);
    for (size_t i = 0; i < r->buffers; i++)
        network.buffers[i] = (float)(i % 3 + 1) / 4;
    array_fill(network.x, N * shape_count(shape), 6);
    r->gradients = array_floats(r->parameters);
    r->statistics = array_floats(r->buffers);
    memset(r->gradients, 0, r->parameters * sizeof *r->gradients);
    for (int training = 0; training < 2; training++) {
        struct pass pass = network_pass(&network, N);
        pass.training = training;
        pass.gradients = r->gradients;
        pass.statistics = r->statistics;
        network_forward(&network, &pass);
        memcpy(r->outputs[training], network_last(&network)->y, sizeof r->outputs[training]);
        network_loss(&network, &pass, (struct labels){.classes = classes}, 1.0f / N);
        network_backward(&network, &pass, NULL, NULL);
    }
    network_destroy(&network);
}

static void results_free(struct results *r)
{
    free(r->gradients);
    free(r->statistics);
}

static void assert_same_results(const struct results *a, const struct results *b)
{
    assert_same_bits("outputs in evaluation", a->outputs[0], b->outputs[0], N * CLASSES);
    assert_same_bits("outputs in training", a->outputs[1], b->outputs[1], N * CLASSES);
    assert_same_bits("gradients", a->gradients, b->gradients, a->parameters);
    if (a->buffers)
        assert_same_bits("statistics", a->statistics, b->statistics, a->buffers);
}

/* In passing with one and with more threads, and apart. */
static void check_bits(struct shape shape, const char *text)
{
    struct results apart, together, threads;
    run(&apart, shape, text, true, 2);
    run(&together, shape, text, false, 1);
    assert_same_results(&together, &apart);
    assert_true(together.bytes <= apart.bytes);
    for (int t = 2; t <= 7; t += 5) {
        run(&threads, shape, text, false, t);
        assert_same_results(&threads, &together);
        results_free(&threads);
    }
    results_free(&apart);
    results_free(&together);
}

/* A plain block, one where the shape changes, and one whose way past comes last; FILTERS and NORM are put in.
 */
static void residual_text(char out[2048], size_t filters, const char *norm, const char *relu)
{
    snprintf(out, 2048,
             "stem = conv2d filters=%zu kernel=3 padding=same\nsbn = batchnorm\nsrelu = relu\n"
             "c1 = conv2d filters=%zu kernel=3 padding=same\nb1 = batchnorm\nr1 = relu\n"
             "c2 = conv2d filters=%zu kernel=3 padding=same groups=%zu bias=no\nb2 = %s\n"
             "s2 = add from=b2,srelu\nr2 = %s\n"
             "down = conv2d from=r2 filters=%zu kernel=1 stride=2 bias=no\ndownbn = %s\n"
             "c3 = conv2d from=r2 filters=%zu kernel=3 stride=2 padding=1\nb3 = %s\n"
             "s3 = add from=b3,downbn\nr3 = %s\nc4 = conv2d filters=%zu kernel=1\nb4 = %s\n"
             "s4 = add from=r3,b4\nr4 = %s" TAIL,
             filters, filters, filters, filters, norm, relu, filters, norm, filters, norm, relu, filters,
             norm, relu);
}

static const char *const norms[] = {"batchnorm", "batchnorm scale=no", "batchnorm shift=no eps=0.3",
                                    "batchnorm scope=global scale=no shift=no", "groupnorm groups=1"};

static void test_residual_blocks(void **state)
{
    (void)state;
    static const size_t filters[] = {1, 3, 16, 17};
    static const char *const activations[] = {"relu", "tanh"};
    for (size_t f = 0; f < 4; f++)
        for (size_t m = 0; m < sizeof norms / sizeof *norms; m++)
            for (size_t a = 0; a < 2; a++) {
                char text[2048];
                residual_text(text, filters[f], norms[m], activations[a]);
                check_bits((struct shape){9, 7, 2}, text);
            }
}

/* Large enough for several tasks and threads. */
static void test_large(void **state)
{
    (void)state;
    char text[2048];
    residual_text(text, 67, norms[0], "relu");
    check_bits((struct shape){30, 29, 3}, text);
}

static void test_plan(void **state)
{
    (void)state;
    char text[2048];
    struct network network;
    residual_text(text, 3, norms[0], "relu");
    network_must_plan(&network, (struct shape){9, 7, 2}, text);
    const struct layer *b2 = network_find(&network, "b2"), *s2 = network_find(&network, "s2"),
                       *s3 = network_find(&network, "s3"), *r2 = network_find(&network, "r2"),
                       *b3 = network_find(&network, "b3"), *s4 = network_find(&network, "s4"),
                       *b4 = network_find(&network, "b4"), *sbn = network_find(&network, "sbn");
    assert_true(b2->hands_affine_on && s2->input_affine[0] && !s2->input_affine[1]);
    assert_true(s2->output_relu && s2->output_relu_backward && s2->skip_backward);
    assert_true(r2->skip_forward && r2->skip_backward);
    assert_true(s2->shares_gradient[0] && s2->shares_gradient[1]);
    assert_true(s2->completer == b2->index && r2->completer == b2->index);
    assert_true(b3->hands_affine_on && s3->input_affine[0] && s3->input_affine[1]);
    assert_true(s3->completer == b3->index && network_find(&network, "downbn")->completer != b3->index);
    assert_true(!s4->input_affine[0] && s4->input_affine[1] && s4->completer == b4->index);
    assert_true(sbn->completer == sbn->index && !sbn->hands_affine_on);
    assert_true(network_find(&network, "r1")->completer == SIZE_MAX); /* c2 does its backward */
    assert_int_equal(sums_source(&network, s2, 0), network_find(&network, "c2")->index);
    assert_int_equal(sums_source(&network, s2, 1), network_find(&network, "srelu")->index);

    assert_int_equal(network_bind(&network, ROOM, true, 1), STATUS_OK);
    const struct layer *c1 = network_find(&network, "c1");
    assert_null(b2->y);
    assert_ptr_equal(s2->x[0], b2->x[0]);
    assert_true(b2->dy == s2->dy && network_find(&network, "srelu")->dy == s2->dy);
    assert_ptr_equal(b2->dy_relu, s2->y);
    assert_true(c1->dx_sum[0] == NULL && sbn->dy_more == c1->dx[0]); /* the last gradient of srelu */
    network_destroy(&network);
}

/* Normalised outputs that others read too are written; what may not be shared is not. */
static void test_plan_of_several_readers(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, (struct shape){4, 4, 3},
                      "a = conv2d filters=3 kernel=1\nb = batchnorm\nt = tanh from=b\ns = add from=t,b\n"
                      "u = add from=s,s" TAIL);
    const struct layer *b = network_find(&network, "b"), *s = network_find(&network, "s"),
                       *t = network_find(&network, "t"), *u = network_find(&network, "u");
    assert_true(!b->hands_affine_on && !s->input_affine[1]);
    assert_true(!s->shares_gradient[0] &&
                s->shares_gradient[1]); /* t adds to b's gradient, and reads its own */
    assert_true(!u->shares_gradient[0] && !u->shares_gradient[1] && u->completer == u->index);
    assert_true(t->completer == SIZE_MAX && !s->skip_backward);
    network_destroy(&network);

    network_must_plan(&network, (struct shape){4, 4, 3},
                      "a = conv2d filters=3 kernel=1 frozen=yes\nb = batchnorm frozen=yes\n"
                      "c = conv2d filters=3 kernel=1 from=input\nd = batchnorm\ns = add from=b,d" TAIL);
    b = network_find(&network, "b");
    s = network_find(&network, "s");
    assert_true(b->hands_affine_on && s->input_affine[0] && s->input_affine[1]);
    assert_true(!s->shares_gradient[0] && s->shares_gradient[1] && b->completer == SIZE_MAX);
    network_destroy(&network);
}

static void test_written_graphs(void **state)
{
    (void)state;
    static const char *const graphs[] = {
        "b = batchnorm from=input\nc = conv2d filters=3 kernel=1\ns = add from=b,c,input",
        "a = conv2d filters=3 kernel=1 frozen=yes\nb = batchnorm frozen=yes\n"
        "c = conv2d filters=3 kernel=1 from=input\nd = batchnorm\ns = add from=b,d\nr = relu",
        "a = conv2d filters=3 kernel=1\nb = batchnorm\nc = batchnorm from=a\nd = batchnorm from=a\n"
        "s = add from=b,c,d,b\nr = relu\nt = add from=r,a",
        "a = conv2d filters=3 kernel=1\nb = batchnorm\nc = concat from=b,b,b\nd = conv2d filters=3 kernel=1\n"
        "e = concat from=d,a,d",
        /* normalised before the convolutions, and the way past never */
        "a = conv2d filters=3 kernel=1\nb = batchnorm\nr = relu\nc = conv2d filters=3 kernel=1\n"
        "s = add from=c,a\nb2 = batchnorm\nr2 = relu\nc2 = conv2d filters=3 kernel=1\ns2 = add from=c2,s\n"
        "b3 = batchnorm\ns3 = add from=b3,s2",
        /* a normalisation beside a layer that comes later, and sums of sums */
        "a = conv2d filters=3 kernel=1\nb = batchnorm\nc = conv2d from=a filters=3 kernel=1\n"
        "s = add from=b,c\nr = relu\nt = add from=s,r\nu = add from=t,a",
        "a = conv2d filters=3 kernel=1\nb = batchnorm\nd = dropout rate=0.3\nc = batchnorm from=a\n"
        "s = add from=d,c\nr = relu\nt = tanh from=r\nu = add from=t,r",
    };
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s" TAIL, graphs[i]);
        check_bits((struct shape){5, 4, 3}, text);
    }
}

static size_t pick(uint64_t graph, uint64_t *draw, size_t bound)
{
    return (size_t)(array_random(graph, (*draw)++) * (double)bound);
}

/* Layers that keep the shape, any of which reads any before it; what nobody reads is summed up in the end. */
static void random_graph(uint64_t graph, char text[4096])
{
    static const char *const kinds[] = {
        "relu", "relu",     "conv2d filters=3 kernel=1", "add", "add", "dropout", "tanh", "batchnorm",
        "add",  "batchnorm"};
    uint64_t draw = 1000;
    bool read[GRAPH_LAYERS_MAX] = {false};
    size_t count = 3 + pick(graph, &draw, GRAPH_LAYERS_MAX - 3), used = 0;
    used += (size_t)snprintf(text, 4096, "l0 = conv2d filters=3 kernel=1\n");
    for (size_t i = 1; i < count; i++) {
        const char *kind = kinds[pick(graph, &draw, sizeof kinds / sizeof *kinds)];
        size_t inputs = strcmp(kind, "add") ? 1 : 2 + pick(graph, &draw, 3) / 2;
        used += (size_t)snprintf(text + used, 4096 - used, "l%zu = %s from=", i, kind);
        for (size_t k = 0; k < inputs; k++) {
            size_t from =
                pick(graph, &draw, 3) ? i - 1 - pick(graph, &draw, i < 3 ? i : 3) : pick(graph, &draw, i);
            read[from] = true;
            used += (size_t)snprintf(text + used, 4096 - used, "%sl%zu", k ? "," : "", from);
        }
        used += (size_t)snprintf(text + used, 4096 - used, "\n");
    }
    size_t sum = count - 1;
    for (size_t i = 0; i + 1 < count; i++)
        if (!read[i]) {
            used +=
                (size_t)snprintf(text + used, 4096 - used, "l%zu = add from=l%zu,l%zu\n", count + i, sum, i);
            sum = count + i;
        }
    snprintf(text + used, 4096 - used, "flat = flatten from=l%zu\nfc = dense units=4\nout = softmax", sum);
}

static void test_random_graphs(void **state)
{
    (void)state;
    for (uint64_t graph = 0; graph < GRAPHS; graph++) {
        char text[4096];
        struct results apart, together;
        random_graph(graph, text);
        run(&apart, (struct shape){3, 3, 3}, text, true, 1);
        run(&together, (struct shape){3, 3, 3}, text, false, 2);
        if (memcmp(apart.gradients, together.gradients, apart.parameters * sizeof(float)))
            print_message("%s\n", text);
        assert_same_results(&together, &apart);
        results_free(&apart);
        results_free(&together);
    }
}

/* The sum reads what its summand would, another input too. */
static void test_other_input(void **state)
{
    (void)state;
    struct network network;
    struct shape shape = {3, 3, 2};
    network_must_plan(&network, shape, "b = batchnorm\nc = conv2d filters=2 kernel=1\ns = add from=c,b" TAIL);
    const struct layer *s = network_find(&network, "s");
    assert_false(s->input_affine[1]); /* c reads it too */
    network_destroy(&network);

    network_must_plan(&network, shape,
                      "b = batchnorm\nc = conv2d filters=2 kernel=1 from=input\ns = add from=c,b" TAIL);
    assert_int_equal(network_bind(&network, N, false, 1), STATUS_OK);
    network_init(&network, 3);
    float *x = array_floats(N * shape_count(shape)), outputs[2][N * CLASSES];
    struct pass pass = network_pass(&network, N);
    for (int i = 0; i < 2; i++) {
        array_fill(network.x, N * shape_count(shape), 8);
        network_forward(&network, &pass);
        memcpy(outputs[i], network_last(&network)->y, sizeof outputs[i]);
        array_poison(network.x, N * shape_count(shape));
        network_set_input(&network, x);
    }
    assert_same_bits("outputs", outputs[1], outputs[0], N * CLASSES);
    s = network_find(&network, "s");
    assert_true(s->input_affine[1] && s->x[1] == x);
    network_destroy(&network);
    free(x);
}

/* Of a block's outputs, the normalised one that is summed up is never there. */
static void test_memory(void **state)
{
    (void)state;
    size_t bytes[2];
    static const char *const texts[] = {
        "a = conv2d filters=16 kernel=1\nb = batchnorm\ns = add from=b,a" TAIL,
        "a = conv2d filters=16 kernel=1\nb = batchnorm\nt = tanh\ns = add from=t,a" TAIL,
    };
    for (size_t i = 0; i < 2; i++) {
        struct network network;
        network_must_plan(&network, (struct shape){32, 32, 16}, texts[i]);
        assert_int_equal(network_memory(&network, ROOM, false, 1, &bytes[i]), STATUS_OK);
        network_destroy(&network);
    }
    size_t output = ROOM * 32 * 32 * 16 * sizeof(float);
    assert_true(bytes[1] - bytes[0] >= output && bytes[1] - bytes[0] < output + output / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),           cmocka_unit_test(test_plan_of_several_readers),
        cmocka_unit_test(test_written_graphs), cmocka_unit_test(test_residual_blocks),
        cmocka_unit_test(test_large),          cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_other_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
