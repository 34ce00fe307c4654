/* The order of an epoch is a pure function of seed and epoch, and every sample is in it once. */
#include "train/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 1437 };

static struct order create(size_t count, uint64_t seed, bool shuffle)
{
    struct order order;
    assert_int_equal(order_create(&order, count, seed, shuffle), STATUS_OK);
    return order;
}

/* Of an order made for it alone; to be freed by the caller. */
static size_t *fresh(size_t count, uint64_t seed, uint64_t epoch)
{
    struct order order = create(count, seed, true);
    size_t *copy = malloc(count * sizeof *copy);
    memcpy(copy, order_of_epoch(&order, epoch), count * sizeof *copy);
    order_destroy(&order);
    return copy;
}

static size_t places_in_common(const size_t *a, const size_t *b, size_t count)
{
    size_t same = 0;
    for (size_t i = 0; i < count; i++)
        same += a[i] == b[i];
    return same;
}

static void test_every_sample_once(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 10, COUNT};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct order order = create(counts[c], 5, true);
        for (uint64_t epoch = 0; epoch < 4; epoch++) {
            const size_t *samples = order_of_epoch(&order, epoch);
            bool *seen = calloc(counts[c], sizeof *seen);
            for (size_t i = 0; i < counts[c]; i++) {
                assert_true(samples[i] < counts[c] && !seen[samples[i]]);
                seen[samples[i]] = true;
            }
            free(seen);
        }
        order_destroy(&order);
    }
}

/* Another seed or another epoch is another order: about one sample in all keeps its place by chance. */
static void test_seeds_and_epochs_differ(void **state)
{
    (void)state;
    size_t *a = fresh(COUNT, 1, 0), *file_order = malloc(COUNT * sizeof *file_order);
    size_t *others[] = {fresh(COUNT, 1, 1), fresh(COUNT, 2, 0), fresh(COUNT, UINT64_C(1) << 32 | 1, 0)};
    for (size_t i = 0; i < COUNT; i++)
        file_order[i] = i;
    assert_true(places_in_common(a, file_order, COUNT) < 10);
    for (size_t i = 0; i < 3; i++) {
        assert_true(places_in_common(a, others[i], COUNT) < 10);
        free(others[i]);
    }
    free(a);
    free(file_order);
}

/* Forwards, backwards, twice the same, from the middle: what came before does not matter. */
static void test_history_does_not_matter(void **state)
{
    (void)state;
    static const uint64_t epochs[] = {0, 1, 1, 5, 0, 3, 2, 5, 0};
    struct order order = create(COUNT, 9, true);
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        size_t *alone = fresh(COUNT, 9, epochs[i]);
        assert_memory_equal(order_of_epoch(&order, epochs[i]), alone, COUNT * sizeof *alone);
        free(alone);
    }
    order_destroy(&order);
}

static void test_without_shuffle(void **state)
{
    (void)state;
    struct order order = create(COUNT, 9, false);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        const size_t *samples = order_of_epoch(&order, epoch);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(samples[i], i);
    }
    order_destroy(&order);
}

static void test_destroy_takes_what_is_empty(void **state)
{
    (void)state;
    struct order order = {0};
    order_destroy(&order);
    order = create(3, 0, true);
    order_destroy(&order);
    assert_null(order.samples);
    order_destroy(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sample_once),           cmocka_unit_test(test_seeds_and_epochs_differ),
        cmocka_unit_test(test_history_does_not_matter),     cmocka_unit_test(test_without_shuffle),
        cmocka_unit_test(test_destroy_takes_what_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
