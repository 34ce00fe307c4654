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
    const struct order_settings settings = {.seed = seed, .shuffle = shuffle};
    assert_int_equal(order_create(&order, count, &settings), STATUS_OK);
    return order;
}

static struct order create_windowed(size_t count, uint64_t seed, bool shuffle, size_t run, size_t window)
{
    struct order order;
    const struct order_settings settings = {seed, shuffle, run, window};
    assert_int_equal(order_create(&order, count, &settings), STATUS_OK);
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

static const struct {
    size_t count, run, window;
} grids[] = {{1, 1, 1},       {10, 3, 2},       {COUNT, 10, 7},  {COUNT, 10, 143}, {COUNT, 10, 144},
             {COUNT, 1, 100}, {COUNT, 2000, 1}, {COUNT, 479, 2}, {COUNT, 1, COUNT}};
enum { GRIDS = sizeof grids / sizeof *grids };

/* Every sample once, those of a window from its runs alone, and each window as long as its runs. */
static void check_windows(const struct order *order, const size_t *samples, size_t run, size_t window)
{
    bool *seen = calloc(order->count, sizeof *seen);
    assert_int_equal(order->begins[order->window_count], order->count);
    for (size_t w = 0; w < order->window_count; w++)
        for (size_t i = order->begins[w]; i < order->begins[w + 1]; i++) {
            size_t of = samples[i] / run, place = w * window;
            assert_true(samples[i] < order->count && !seen[samples[i]]);
            seen[samples[i]] = true;
            while (place < (w + 1) * window && place < order->run_count && order->runs[place] != of)
                place++;
            assert_true(place < (w + 1) * window && place < order->run_count);
            assert_int_equal(order_window(order, samples[i]), order->epoch * order->window_count + w);
        }
    free(seen);
}

static void test_windows(void **state)
{
    (void)state;
    for (size_t g = 0; g < GRIDS; g++)
        for (int shuffle = 0; shuffle < 2; shuffle++) {
            struct order order = create_windowed(grids[g].count, 3, shuffle, grids[g].run, grids[g].window);
            for (uint64_t epoch = 0; epoch < 4; epoch++) {
                const size_t *samples = order_of_epoch(&order, epoch);
                check_windows(&order, samples, grids[g].run, grids[g].window);
                for (size_t i = 0; i < grids[g].count && !shuffle; i++)
                    assert_int_equal(samples[i], i);
            }
            order_destroy(&order);
        }
}

/* Runs in another order, and samples within them, in every epoch and with every seed; and nothing of what
 * came before. */
static void test_windows_are_shuffled(void **state)
{
    (void)state;
    enum { RUN = 10, WINDOW = 12 };
    size_t firsts[6][COUNT];
    for (size_t k = 0; k < 6; k++) {
        uint64_t epoch = k % 3, seed = 1 + k / 3;
        struct order order = create_windowed(COUNT, seed, true, RUN, WINDOW), other = order;
        other = create_windowed(COUNT, seed, true, RUN, WINDOW);
        order_of_epoch(&other, 7);
        memcpy(firsts[k], order_of_epoch(&order, epoch), sizeof firsts[k]);
        assert_memory_equal(order_of_epoch(&other, epoch), firsts[k], sizeof firsts[k]);
        size_t own = 0, neighbours = 0; /* by chance one run in 144, and one neighbour in 120 */
        for (size_t i = 0; i < order.run_count; i++)
            own += order.runs[i] == i;
        for (size_t i = 0; i + 1 < COUNT; i++)
            neighbours += firsts[k][i] + 1 == firsts[k][i + 1];
        assert_true(own < 12 && neighbours < 60);
        order_destroy(&order);
        order_destroy(&other);
        for (size_t j = 0; j < k; j++)
            assert_true(places_in_common(firsts[j], firsts[k], COUNT) < 20);
    }
}

/* All of the window, and of the next one the share that has been passed of this one, rounded up. */
static void test_ahead(void **state)
{
    (void)state;
    for (size_t g = 0; g < GRIDS; g++) {
        size_t window = grids[g].window;
        struct order order = create_windowed(grids[g].count, 3, true, grids[g].run, window);
        order_of_epoch(&order, 1);
        for (size_t place = 0, w = 0; place < order.count; place++) {
            w += place == order.begins[w + 1];
            size_t count, own = order.run_count - w * window, next;
            own = own < window ? own : window;
            next = order.run_count - w * window - own;
            next = next < window ? next : window;
            double share =
                (double)(place - order.begins[w]) / (double)(order.begins[w + 1] - order.begins[w]);
            assert_ptr_equal(order_ahead(&order, place, &count), order.runs + w * window);
            assert_true((double)count >= (double)own + share * (double)next - 1e-9);
            assert_true((double)count < (double)own + share * (double)next + 1);
        }
        order_destroy(&order);
    }
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
        cmocka_unit_test(test_destroy_takes_what_is_empty), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_windows_are_shuffled),        cmocka_unit_test(test_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
