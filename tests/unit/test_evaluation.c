/* Every sample once, whatever the size of the batches, and what is made of the outputs. */
#include "train/evaluation.h"

#include "core/reference.h"
#include "support/array.h"
#include "support/capture.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 23, OUTPUTS = 4 };
static const struct shape image = {5, 4, 2};
static const size_t batches[] = {1, 2, 7, 22, COUNT, 24, 100};
static const struct comm alone = {.size = 1};
enum { BATCHES = sizeof batches / sizeof *batches };

#define BODY "c = conv2d filters=6 kernel=3\nt = tanh\no = dropout rate=0.5\nf = flatten\nd = dense units=4\n"
static const char softmax_text[] = BODY "out = softmax";
static const char sigmoid_text[] = BODY "out = sigmoid";
static const char linear_text[] = BODY "out = linear";

/* A split in memory, and by the reference what a network makes of it. */
struct fixture {
    struct network network;
    struct dataset_split split;
    float images[COUNT * 5 * 4 * 2], mean[2], std[2];
    struct normalization normalization;
    enum tta tta;
    int32_t classes[COUNT];
    float values[COUNT * OUTPUTS];
    double outputs[COUNT * OUTPUTS], loss;
};

/* Of n samples and their labels, what the last layer makes of `logits`, and the loss. */
static void finish(struct fixture *f, const double *logits)
{
    const struct layer *last = network_last(&f->network);
    struct pass pass = network_pass(&f->network, COUNT);
    last->ops->reference(last, &pass, NULL, &logits, f->outputs);
    f->loss = loss_reference(last->ops->loss, COUNT, OUTPUTS, logits, (struct labels){f->classes, f->values});
}

/* The recipe's lines: m(x) = (net(x) + net(x.flip(-1))) / 2 of the image as it is, and of its cuts from the
 * image that is padded by reflection at (0, 0) and (2, 2). */
static ptrdiff_t reflect(ptrdiff_t at, size_t size)
{
    ptrdiff_t last = (ptrdiff_t)size - 1;
    return at < 0 ? -at : at > last ? 2 * last - at : at;
}

static void add_view(struct fixture *f, struct reference *reference, bool mirrored, ptrdiff_t cut,
                     double weight, double *logits)
{
    size_t h = image.h, w = image.w, c = image.c;
    for (size_t i = 0; i < COUNT * h * w * c; i++) {
        size_t column = i / c % w, across = mirrored ? w - 1 - column : column;
        size_t y = (size_t)reflect((ptrdiff_t)(i / (c * w) % h) + cut - 1, h);
        size_t x = (size_t)reflect((ptrdiff_t)across + cut - 1, w);
        size_t from = i / (c * w * h) * h * w * c + (y * w + x) * c + i % c;
        reference->x[i] = ((double)f->images[from] - (double)f->mean[i % c]) / (double)f->std[i % c];
    }
    struct pass pass = network_pass(&f->network, COUNT);
    reference_forward(reference, &pass, 0);
    for (size_t i = 0; i < COUNT * OUTPUTS; i++)
        logits[i] += weight * reference->y[f->network.layer_count - 2][i];
}

/* By the reference, what tta makes of the fixture's images. */
static void set_tta(struct fixture *f, enum tta tta)
{
    struct reference reference;
    double logits[COUNT * OUTPUTS] = {0}, centre = tta == TTA_FLIP ? 0.5 : 0.25;
    f->tta = tta;
    assert_done(reference_create(&reference, &f->network, COUNT));
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        add_view(f, &reference, mirrored, 1, centre, logits);
        if (tta == TTA_FLIP)
            continue;
        add_view(f, &reference, mirrored, 0, 0.125, logits);
        add_view(f, &reference, mirrored, 2, 0.125, logits);
    }
    finish(f, logits);
    reference_destroy(&reference);
}

static void setup(struct fixture *f, const char *text)
{
    *f = (struct fixture){.mean = {0.25f, -0.5f}, .std = {2, 0.5f}};
    size_t floats = COUNT * shape_count(image);
    array_fill(f->images, floats, 1);
    for (size_t i = 0; i < COUNT; i++)
        f->classes[i] = (int32_t)(i * i % OUTPUTS);
    for (size_t i = 0; i < COUNT * OUTPUTS; i++)
        f->values[i] = (float)(i % 3 == 0);
    f->normalization = (struct normalization){true, 2, f->mean, f->std};
    f->split = (struct dataset_split){.path = "made.h5",
                                      .name = "test",
                                      .count = COUNT,
                                      .shape = image,
                                      .is_float = true,
                                      .outputs = OUTPUTS};
    f->split.images = f->images;
    if (text == softmax_text)
        f->split.classes = f->classes;
    else
        f->split.values = f->values;

    struct reference reference;
    network_must_plan(&f->network, image, text);
    assert_done(network_bind(&f->network, COUNT, false, 2));
    network_init(&f->network, 7);
    assert_done(reference_create(&reference, &f->network, COUNT));
    for (size_t i = 0; i < floats; i++)
        reference.x[i] = ((double)f->images[i] - (double)f->mean[i % 2]) / (double)f->std[i % 2];
    struct pass pass = network_pass(&f->network, COUNT);
    reference_forward(&reference, &pass, 0);
    memcpy(f->outputs, reference.y[f->network.layer_count - 1], sizeof f->outputs);
    f->loss = COUNT * reference_loss(&reference, (struct labels){f->classes, f->values});
    reference_destroy(&reference);
}

static size_t truth_best(const struct fixture *f, size_t sample)
{
    size_t best = 0;
    for (size_t j = 1; j < OUTPUTS; j++)
        best = f->outputs[sample * OUTPUTS + j] > f->outputs[sample * OUTPUTS + best] ? j : best;
    return best;
}

static uint64_t count_hits(const struct fixture *f)
{
    uint64_t hits = 0;
    for (size_t i = 0; i < COUNT; i++)
        hits += (size_t)f->classes[i] == truth_best(f, i);
    return hits;
}

/* Outputs and loss against the reference, with batches of every size; hits and tries as expected. */
static void check(struct fixture *f, uint64_t hits, uint64_t tries, uint64_t *confusion)
{
    float *probabilities = array_floats(COUNT * OUTPUTS);
    for (size_t b = 0; b < BATCHES; b++) {
        struct loss_sum sum;
        assert_done(network_bind(&f->network, batches[b], b % 2, 1 + (int)b % 3));
        array_poison(probabilities, COUNT * OUTPUTS);
        const struct evaluation_data data = {&f->split, &f->normalization, f->tta};
        assert_done(evaluation_run(&f->network, &alone, &data, &sum, confusion, probabilities));
        assert_close("outputs", probabilities, f->outputs, COUNT * OUTPUTS, 1e-5);
        assert_int_equal(sum.samples, f->split.outputs ? COUNT : 0);
        assert_int_equal(sum.hits, hits);
        assert_int_equal(sum.tries, tries);
        if (!(fabs(sum.loss - (f->split.outputs ? f->loss : 0)) <= 1e-5 * f->loss))
            fail_msg("loss %.9g, by the reference %.9g", sum.loss, f->loss);
    }
    free(probabilities);
}

static void test_classes(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t confusion[OUTPUTS * OUTPUTS] = {0}, truth[OUTPUTS * OUTPUTS] = {0}, hits = 0;
    setup(&f, softmax_text);
    for (size_t i = 0; i < COUNT; i++) {
        truth[(size_t)f.classes[i] * OUTPUTS + truth_best(&f, i)]++;
        hits += (size_t)f.classes[i] == truth_best(&f, i);
    }
    assert_in_range(hits, 1, COUNT - 1);
    check(&f, hits, COUNT, confusion);
    assert_memory_equal(confusion, truth, sizeof truth);
    network_destroy(&f.network);
}

static void test_without_classes(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t confusion[OUTPUTS * OUTPUTS] = {0}, none[OUTPUTS * OUTPUTS] = {0}, hits = 0;
    setup(&f, sigmoid_text);
    for (size_t i = 0; i < COUNT * OUTPUTS; i++)
        hits += (f.outputs[i] > 0.5) == (f.values[i] > 0.5f);
    check(&f, hits, COUNT * OUTPUTS, confusion);
    network_destroy(&f.network);
    setup(&f, linear_text);
    check(&f, 0, 0, confusion);
    network_destroy(&f.network);
    assert_memory_equal(confusion, none, sizeof none);
}

static void test_without_labels(void **state)
{
    (void)state;
    static const char *const texts[] = {softmax_text, sigmoid_text, linear_text};
    for (size_t t = 0; t < 3; t++) {
        struct fixture f;
        uint64_t confusion[OUTPUTS * OUTPUTS] = {0}, none[OUTPUTS * OUTPUTS] = {0};
        setup(&f, texts[t]);
        f.split.outputs = 0;
        f.split.classes = NULL;
        f.split.values = NULL;
        check(&f, 0, 0, confusion);
        assert_memory_equal(confusion, none, sizeof none);
        network_destroy(&f.network);
    }
}

/* Views: other outputs than without, and those of the reference. */
static void test_tta(void **state)
{
    (void)state;
    static const char *const texts[] = {softmax_text, linear_text};
    for (size_t t = 0; t < 2; t++)
        for (enum tta tta = TTA_FLIP; tta <= TTA_FLIP_SHIFT; tta++) {
            struct fixture f;
            setup(&f, texts[t]);
            double plain = f.loss;
            set_tta(&f, tta);
            assert_true(fabs(f.loss - plain) > 1e-3 * plain);
            check(&f, t ? 0 : count_hits(&f), t ? 0 : COUNT, NULL);
            network_destroy(&f.network);
        }
}

static void test_nothing_wanted_but_the_loss(void **state)
{
    (void)state;
    struct fixture f;
    struct loss_sum sum = {.loss = 1e9, .samples = 99};
    setup(&f, softmax_text);
    const struct evaluation_data data = {&f.split, &f.normalization, TTA_NONE};
    assert_done(evaluation_run(&f.network, &alone, &data, &sum, NULL, NULL));
    assert_int_equal(sum.samples, COUNT);
    assert_true(fabs(sum.loss - f.loss) <= 1e-5 * f.loss);
    network_destroy(&f.network);
}

/* A network that takes flat input may fit images of other channels; how it saw pixels does not. */
static void test_other_channels(void **state)
{
    (void)state;
    struct fixture f;
    struct loss_sum sum;
    setup(&f, softmax_text);
    f.normalization.channels = 1;
    const struct evaluation_data data = {&f.split, &f.normalization, TTA_NONE};
    assert_failure(evaluation_run(&f.network, &alone, &data, &sum, NULL, NULL), STATUS_DATA, "made.h5",
                   "/test/images", "2 channels", "with 1", NULL);
    network_destroy(&f.network);
}

static void assert_prints(const uint64_t *confusion, size_t classes, char *const *names, const char *expected)
{
    capture_start();
    evaluation_print_confusion(confusion, classes, names);
    char *text = capture_stop();
    assert_string_equal(text, expected);
    free(text);
}

static void test_matrix(void **state)
{
    (void)state;
    static char a[] = "cat", b[] = "a name that is far too long", c[] = "never";
    static char *const names[] = {a, b, c};
    static const uint64_t confusion[] = {3, 1, 0, 0, 12345, 0, 0, 0, 0};
    assert_prints(confusion, 3, names,
                  "true \\ taken for     0     1     2    recall  precision\n"
                  " 0 cat               3     1     .   75.00 %   100.00 %\n"
                  " 1 a name that i     . 12345     .  100.00 %    99.99 %\n"
                  " 2 never             .     .     .         -          -\n");
    assert_prints(confusion, 1, NULL,
                  "true \\ taken for     0    recall  precision\n"
                  " 0                   3  100.00 %   100.00 %\n");
    static char zero[] = "0", other[] = "2";
    static char *const numbers[] = {zero, other};
    assert_prints(confusion, 2, numbers,
                  "true \\ taken for     0     1    recall  precision\n"
                  " 0                   3     1   75.00 %   100.00 %\n"
                  " 1 2                 .     .         -     0.00 %\n");
}

/* Too many classes for a matrix: pairs, the most frequent first. */
static void test_pairs(void **state)
{
    (void)state;
    enum { CLASSES = 41 };
    static uint64_t confusion[CLASSES * CLASSES];
    for (size_t i = 0; i < CLASSES; i++)
        confusion[i * CLASSES + i] = 1000;
    assert_prints(confusion, CLASSES, NULL, "41 classes; most often confused:\n");
    confusion[3 * CLASSES + 40] = 7;
    confusion[40 * CLASSES + 3] = 12;
    confusion[0 * CLASSES + 1] = 7;
    confusion[1 * CLASSES + 0] = 6;
    assert_prints(confusion, CLASSES, NULL,
                  "41 classes; most often confused:\n"
                  "  40              taken for 3                    12 times\n"
                  "  0               taken for 1                     7 times\n"
                  "  3               taken for 40                    7 times\n"
                  "  1               taken for 0                     6 times\n");
    for (size_t i = 0; i < CLASSES * CLASSES; i++)
        confusion[i]++;
    capture_start();
    evaluation_print_confusion(confusion, CLASSES, NULL);
    char *text = capture_stop(), *at = text;
    size_t lines = 0;
    while ((at = strchr(at, '\n')) && at++)
        lines++;
    assert_int_equal(lines, 1 + 20);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),        cmocka_unit_test(test_without_classes),
        cmocka_unit_test(test_without_labels), cmocka_unit_test(test_nothing_wanted_but_the_loss),
        cmocka_unit_test(test_other_channels), cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_pairs),          cmocka_unit_test(test_tta),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
