/* Losses, gradients and hits against PyTorch's definitions written down naively in double. */
#include "core/loss.h"
#include "support/array.h"
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One batch: what the last layer is fed with and gives, labels, and the truth. */
struct batch {
    enum loss_kind kind;
    size_t n, k;
    float *z, *y, *values, *weights;
    int32_t *classes, *others;
    float smoothing, share;
    double loss, *dz; /* of the sum over samples */
    uint64_t hits, tries;
};

static struct labels batch_labels(const struct batch *b)
{
    return (struct labels){.classes = b->classes,
                           .values = b->values,
                           .weights = b->weights,
                           .smoothing = b->smoothing,
                           .others = b->others,
                           .share = b->share};
}

static void truth_cross_entropy(struct batch *b, const double *z)
{
    double *p = array_bytes(b->n * b->k * sizeof *p);
    naive_softmax(b->n, b->k, z, p);
    for (size_t i = 0; i < b->n; i++) {
        size_t best = 0, class = (size_t)b->classes[i];
        double largest = z[i * b->k], total = 0;
        for (size_t j = 1; j < b->k; j++) {
            best = z[i * b->k + j] > z[i * b->k + best] ? j : best;
            largest = fmax(largest, z[i * b->k + j]);
        }
        for (size_t j = 0; j < b->k; j++) {
            total += exp(z[i * b->k + j] - largest);
            b->dz[i * b->k + j] = p[i * b->k + j] - (j == class);
        }
        b->loss += log(total) + largest - z[i * b->k + class];
        b->hits += best == class;
        b->tries++;
        for (size_t j = 0; j < b->k; j++)
            b->y[i * b->k + j] = (float)p[i * b->k + j];
    }
    free(p);
}

static void truth_binary(struct batch *b, const double *z)
{
    for (size_t i = 0; i < b->n * b->k; i++) {
        double p = naive_sigmoid(z[i]), t = b->values[i];
        /* -log(p) and -log(1 - p), from z so that nothing is lost: log(1 + exp(-z)), log(1 + exp(z)) */
        double zero = z[i] > 0 ? z[i] + log1p(exp(-z[i])) : log1p(exp(z[i]));
        b->loss += (t * (zero - z[i]) + (1 - t) * zero) / (double)b->k;
        b->dz[i] = (p - t) / (double)b->k;
        b->hits += (p > 0.5) == (t > 0.5);
        b->tries++;
        b->y[i] = (float)p;
    }
}

static void truth_squared(struct batch *b, const double *z)
{
    for (size_t i = 0; i < b->n * b->k; i++) {
        double difference = z[i] - b->values[i];
        b->loss += difference * difference / (double)b->k;
        b->dz[i] = 2 * difference / (double)b->k;
        b->y[i] = b->z[i];
    }
}

static void batch_create(struct batch *b, enum loss_kind kind, size_t n, size_t k, float range)
{
    *b = (struct batch){.kind = kind, .n = n, .k = k};
    b->z = array_floats(n * k);
    b->y = array_floats(n * k);
    b->dz = array_bytes(n * k * sizeof *b->dz);
    array_fill(b->z, n * k, 1);
    for (size_t i = 0; i < n * k; i++)
        b->z[i] *= range;
    if (kind == LOSS_CROSS_ENTROPY) {
        b->classes = array_bytes(n * sizeof *b->classes);
        for (size_t i = 0; i < n; i++)
            b->classes[i] = (int32_t)(array_random(2, i) * (double)k);
    } else {
        b->values = array_floats(n * k);
        for (size_t i = 0; i < n * k; i++) {
            double u = array_random(3, i);
            b->values[i] = kind == LOSS_MEAN_SQUARED_ERROR ? (float)(4 * u - 2) : u < 0.5 ? 0.0f : 1.0f;
        }
    }
    double *z = array_doubles(b->z, n * k);
    if (kind == LOSS_CROSS_ENTROPY)
        truth_cross_entropy(b, z);
    else if (kind == LOSS_BINARY_CROSS_ENTROPY)
        truth_binary(b, z);
    else
        truth_squared(b, z);
    free(z);
}

static void batch_destroy(struct batch *b)
{
    free(b->z);
    free(b->y);
    free(b->values);
    free(b->classes);
    free(b->others);
    free(b->weights);
    free(b->dz);
}

/* torch.nn.CrossEntropyLoss(weight, label_smoothing, reduction="sum"): -log p written out, and its gradient.
 * Of blended samples share * loss(classes) + (1 - share) * loss(others). */
static void batch_smooth(struct batch *b, bool weights, float smoothing, float share)
{
    double *p = array_bytes(b->n * b->k * sizeof *p), *z = array_doubles(b->z, b->n * b->k);
    naive_softmax(b->n, b->k, z, p);
    b->smoothing = smoothing;
    b->share = share;
    b->others = share < 1 ? array_bytes(b->n * sizeof *b->others) : NULL;
    for (size_t i = 0; b->others && i < b->n; i++)
        b->others[i] = b->classes[b->n - 1 - i];
    b->weights = weights ? array_floats(b->k) : NULL;
    for (size_t j = 0; weights && j < b->k; j++)
        b->weights[j] = (float)(j % 4) * 0.75f; /* also 0 */
    b->loss = 0;
    for (size_t i = 0; i < b->n; i++)
        for (size_t c = 0; c < b->k; c++) {
            double right = c == (size_t)b->classes[i] ? (double)share : 0;
            if (b->others && c == (size_t)b->others[i])
                right += 1 - (double)share;
            double part = right * (1 - (double)smoothing) + (double)smoothing / (double)b->k;
            double w = (weights ? (double)b->weights[c] : 1) * part;
            b->loss += w * -log(p[i * b->k + c]);
            for (size_t j = 0; j < b->k; j++)
                b->dz[i * b->k + j] = (c ? b->dz[i * b->k + j] : 0) + w * (p[i * b->k + j] - (c == j));
        }
    free(p);
    free(z);
}

static const enum loss_kind kinds[] = {LOSS_CROSS_ENTROPY, LOSS_BINARY_CROSS_ENTROPY,
                                       LOSS_MEAN_SQUARED_ERROR};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void check(const struct batch *b)
{
    const float scale = 0.125f;
    size_t count = b->n * b->k;
    float *dz = array_floats(count);
    struct loss_sum sum = loss_compute(b->kind, b->n, b->k, b->z, b->y, batch_labels(b), scale, dz);
    assert_close_double("loss", &sum.loss, &b->loss, 1, 1e-5);
    assert_true(sum.samples == b->n && sum.hits == b->hits && sum.tries == b->tries);
    double *truth = array_bytes(count * sizeof *truth);
    for (size_t i = 0; i < count; i++)
        truth[i] = b->dz[i] * scale;
    assert_close("dz", dz, truth, count, 1e-5);

    struct loss_sum without = loss_compute(b->kind, b->n, b->k, b->z, b->y, batch_labels(b), scale, NULL);
    assert_memory_equal(&without, &sum, sizeof sum);
    float *z = array_floats(count);
    memcpy(z, b->z, count * sizeof *z);
    struct loss_sum in_place = loss_compute(b->kind, b->n, b->k, z, b->y, batch_labels(b), scale, z);
    assert_memory_equal(&in_place, &sum, sizeof sum);
    assert_same_bits("dz in place of z", z, dz, count);
    free(z);
    free(dz);
    free(truth);
}

static void check_reference(const struct batch *b)
{
    double *z = array_doubles(b->z, b->n * b->k);
    double reference = loss_reference(b->kind, b->n, b->k, z, batch_labels(b));
    assert_true(fabs(reference - b->loss) <= 1e-12 * (fabs(b->loss) + 1e-3));
    free(z);
}

static void test_grid(void **state)
{
    (void)state;
    const size_t ns[] = {1, 5, 33}, ks[] = {1, 2, 10, 33};
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t n = 0; n < 3; n++)
            for (size_t k = 0; k < 4; k++) {
                struct batch b;
                batch_create(&b, kinds[kind], ns[n], ks[k], 3);
                check(&b);
                check_reference(&b);
                batch_destroy(&b);
            }
}

static void test_smoothing_weights_and_blends(void **state)
{
    (void)state;
    const size_t ns[] = {1, 5, 33}, ks[] = {1, 2, 10, 33};
    const float smoothings[] = {0, 0.1f, 1}, shares[] = {1, 0.7f, 0.5f};
    for (size_t n = 0; n < 3; n++)
        for (size_t k = 0; k < 4; k++)
            for (int v = 0; v < 18; v++) {
                struct batch b;
                batch_create(&b, LOSS_CROSS_ENTROPY, ns[n], ks[k], 3);
                batch_smooth(&b, v % 2, smoothings[v / 2 % 3], shares[v / 6]);
                check(&b);
                check_reference(&b);
                double sum = 0;
                for (size_t i = 0; i < b.n; i++)
                    sum += v % 2 ? (double)b.weights[b.classes[i]] : 1;
                assert_true(loss_weight(b.n, batch_labels(&b)) == sum);
                batch_destroy(&b);
            }
}

/* Logits whose exponential is beyond float: the loss stays what it is. */
static void test_large_logits(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct batch b;
        batch_create(&b, kinds[kind], 9, 7, 20000);
        assert_true(isfinite(b.loss));
        check(&b);
        check_reference(&b);
        batch_destroy(&b);
    }
}

/* A sure and right answer costs a little more than nothing: exp(-30), not 0. */
static void test_small_binary_loss(void **state)
{
    (void)state;
    for (float z = -30; z <= 30; z += 60) {
        float y = (float)naive_sigmoid(z), t = z > 0 ? 1 : 0, dz;
        struct labels labels = {.values = &t};
        struct loss_sum sum = loss_compute(LOSS_BINARY_CROSS_ENTROPY, 1, 1, &z, &y, labels, 1, &dz);
        assert_true(fabs(sum.loss / exp(-30) - 1) < 1e-5);
    }
}

/* dz against finite differences of the reference. */
static void test_gradient(void **state)
{
    (void)state;
    const double step = 0x1p-16;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct batch b;
        batch_create(&b, kinds[kind], 3, 5, 2);
        float *dz = array_floats(15);
        double *z = array_doubles(b.z, 15), differences[15];
        loss_compute(b.kind, b.n, b.k, b.z, b.y, batch_labels(&b), 1, dz);
        for (size_t i = 0; i < 15; i++) {
            double before = z[i];
            z[i] = before + step;
            differences[i] = loss_reference(b.kind, b.n, b.k, z, batch_labels(&b));
            z[i] = before - step;
            differences[i] -= loss_reference(b.kind, b.n, b.k, z, batch_labels(&b));
            differences[i] /= 2 * step;
            z[i] = before;
        }
        assert_close("dz against finite differences", dz, differences, 15, 1e-5);
        free(dz);
        free(z);
        batch_destroy(&b);
    }
}

/* Of equal classes the first counts; exactly 1/2 counts as no; a NaN is never right. */
static void test_hits_at_ties(void **state)
{
    (void)state;
    const float z[3] = {1, 1, 0}, y[3] = {0.4f, 0.4f, 0.2f}, nan[3] = {NAN, NAN, NAN};
    for (int32_t class = 0; class < 3; class ++) {
        struct labels labels = {.classes = &class};
        assert_int_equal(loss_compute(LOSS_CROSS_ENTROPY, 1, 3, z, y, labels, 1, NULL).hits, class == 0);
        struct loss_sum lost = loss_compute(LOSS_CROSS_ENTROPY, 1, 3, nan, nan, labels, 1, NULL);
        assert_true(lost.hits == 0 && lost.tries == 1 && isnan(lost.loss));
    }
    for (int t = 0; t < 2; t++) {
        const float zero = 0, half = 0.5f, target = (float)t;
        struct labels labels = {.values = &target};
        assert_int_equal(loss_compute(LOSS_BINARY_CROSS_ENTROPY, 1, 1, &zero, &half, labels, 1, NULL).hits,
                         t == 0);
        struct loss_sum lost = loss_compute(LOSS_BINARY_CROSS_ENTROPY, 1, 1, nan, nan, labels, 1, NULL);
        assert_true(lost.hits == 0 && lost.tries == 1 && isnan(lost.loss));
    }
}

static void test_sums(void **state)
{
    (void)state;
    struct loss_sum none = {0}, a = {1.5, 3, 2, 3}, b = {2.5, 5, 1, 5};
    struct loss_sum both = loss_add(a, b);
    assert_true(both.loss == 4 && both.samples == 8 && both.hits == 3 && both.tries == 8);
    assert_true(loss_mean(both) == 0.5 && loss_accuracy(both) == 0.375);
    assert_true(isnan(loss_mean(none)) && isnan(loss_accuracy(none)));
    struct loss_sum same = loss_add(a, none);
    assert_memory_equal(&same, &a, sizeof a);
}

/* Parts of a batch add up to the whole. */
static void test_parts(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct batch b;
        batch_create(&b, kinds[kind], 7, 4, 3);
        struct labels labels = batch_labels(&b), rest = labels;
        rest.classes = labels.classes ? labels.classes + 2 : NULL;
        rest.values = labels.values ? labels.values + 8 : NULL;
        struct loss_sum whole = loss_compute(b.kind, 7, 4, b.z, b.y, labels, 1, NULL);
        struct loss_sum parts = loss_add(loss_compute(b.kind, 2, 4, b.z, b.y, labels, 1, NULL),
                                         loss_compute(b.kind, 5, 4, b.z + 8, b.y + 8, rest, 1, NULL));
        assert_true(fabs(parts.loss - whole.loss) < 1e-12 * whole.loss);
        assert_true(parts.samples == whole.samples && parts.hits == whole.hits && parts.tries == whole.tries);
        batch_destroy(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),         cmocka_unit_test(test_smoothing_weights_and_blends),
        cmocka_unit_test(test_large_logits), cmocka_unit_test(test_small_binary_loss),
        cmocka_unit_test(test_gradient),     cmocka_unit_test(test_hits_at_ties),
        cmocka_unit_test(test_sums),         cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
