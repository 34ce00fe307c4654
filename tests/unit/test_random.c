/* Philox against its published answers; streams against each other. */
#include "core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Known answers of philox4x32-10 that come with Random123 (kat_vectors): all bits 0, all bits 1, digits of
 * pi. */
static const struct answer {
    uint32_t counter[4], key[2], words[4];
} answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};
enum { ANSWERS = sizeof answers / sizeof *answers, BLOCKS = 67 };

static void test_known_answers(void **state)
{
    (void)state;
    for (size_t a = 0; a < ANSWERS; a++) {
        struct random_stream stream;
        uint32_t one[4], many[4 * BLOCKS];
        memcpy(stream.key, answers[a].key, sizeof stream.key);
        memcpy(stream.counter, answers[a].counter + 1, sizeof stream.counter);
        random_block(&stream, answers[a].counter[0], one);
        assert_memory_equal(one, answers[a].words, sizeof one);
        random_blocks(&stream, answers[a].counter[0], BLOCKS, many);
        assert_memory_equal(many, answers[a].words, sizeof one);
    }
}

/* Also past the end of the 32-bit block counter, where both wrap. Nothing is written beyond the end. */
static void test_many_blocks_equal_single_ones(void **state)
{
    (void)state;
    const uint32_t firsts[] = {0, 1, 5, 12345, 0xfffffff0u};
    struct random_stream stream = random_stream(0x123456789abcdef0u, RANDOM_DROPOUT, 7, 3, 9);
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
        for (size_t count = 0; count <= BLOCKS; count++) {
            uint32_t *many = malloc((4 * count + 1) * sizeof *many), one[4];
            many[4 * count] = 0xdeadbeef;
            random_blocks(&stream, firsts[f], count, many);
            for (size_t b = 0; b < count; b++) {
                random_block(&stream, firsts[f] + (uint32_t)b, one);
                assert_memory_equal(many + 4 * b, one, sizeof one);
            }
            assert_int_equal(many[4 * count], 0xdeadbeef);
            free(many);
        }
}

/* Each argument has a place of its own in key and counter: the highest and lowest bit of each makes another
 * stream. */
static void test_arguments_make_streams(void **state)
{
    (void)state;
    enum { STREAMS = 13 };
    const struct random_stream streams[STREAMS] = {
        random_stream(0, RANDOM_INIT, 0, 0, 0),
        random_stream(1, RANDOM_INIT, 0, 0, 0),
        random_stream((uint64_t)1 << 32, RANDOM_INIT, 0, 0, 0),
        random_stream((uint64_t)1 << 63, RANDOM_INIT, 0, 0, 0),
        random_stream(0, RANDOM_DROPOUT, 0, 0, 0),
        random_stream(0, RANDOM_SHUFFLE, 0, 0, 0),
        random_stream(0, RANDOM_INPUT, 0, 0, 0),
        random_stream(0, RANDOM_CHECK, 0, 0, 0),
        random_stream(0, RANDOM_INIT, 1, 0, 0),
        random_stream(0, RANDOM_INIT, (1 << 24) - 1, 0, 0),
        random_stream(0, RANDOM_INIT, 0, 1, 0),
        random_stream(0, RANDOM_INIT, 0, 0, 1),
        random_stream(0, RANDOM_INIT, 0, 0, 0x80000000u),
    };
    uint32_t words[STREAMS][4];
    for (size_t s = 0; s < STREAMS; s++) {
        random_block(&streams[s], 0, words[s]);
        for (size_t other = 0; other < s; other++)
            assert_memory_not_equal(words[s], words[other], sizeof words[s]);
    }
}

/* Correlation of two streams of coin tosses, and of a stream with itself one element on. */
static void test_streams_are_independent(void **state)
{
    (void)state;
    enum { COUNT = 100000, SHARDS = 5 };
    const double limit = 4 / sqrt(COUNT);
    struct random_stream streams[SHARDS];
    for (uint32_t s = 0; s < SHARDS; s++)
        streams[s] = random_stream(1, RANDOM_DROPOUT, 4, s, 17);
    for (size_t a = 0; a < SHARDS; a++)
        for (size_t b = 0; b <= a; b++) {
            double r = 0;
            for (size_t i = 0; i < COUNT; i++)
                r += (random_uniform(&streams[a], i) < 0.5f ? 1 : -1) *
                     (random_uniform(&streams[b], i + (a == b)) < 0.5f ? 1.0 : -1.0) / COUNT;
            assert_true(fabs(r) < limit);
        }
}

static void test_uniform(void **state)
{
    (void)state;
    enum { COUNT = 100000, BINS = 10 };
    struct random_stream stream = random_stream(5, RANDOM_INPUT, 0, 0, 0);
    double sum = 0;
    size_t bins[BINS] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        float u = random_uniform(&stream, i);
        assert_true(u >= 0 && u < 1 && u == floorf(u * 0x1p24f) * 0x1p-24f);
        sum += u;
        bins[(size_t)(u * BINS)]++;
    }
    assert_true(fabs(sum / COUNT - 0.5) < 4 / sqrt(12.0 * COUNT));
    for (size_t b = 0; b < BINS; b++)
        assert_true(fabs((double)bins[b] - COUNT / BINS) < 4 * sqrt(COUNT / BINS));
}

static void test_normal(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct random_stream stream = random_stream(6, RANDOM_INIT, 1, 0, 0);
    double sum = 0, squares = 0, cubes = 0, fourths = 0, within = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double x = random_normal(&stream, i);
        assert_true(isfinite(x));
        sum += x / COUNT;
        squares += x * x / COUNT;
        cubes += x * x * x / COUNT;
        fourths += x * x * x * x / COUNT;
        within += (fabs(x) < 1) / (double)COUNT;
    }
    assert_true(fabs(sum) < 4 / sqrt(COUNT));
    assert_true(fabs(squares - 1) < 4 * sqrt(2.0 / COUNT));
    assert_true(fabs(cubes) < 4 * sqrt(15.0 / COUNT));
    assert_true(fabs(fourths - 3) < 4 * sqrt(96.0 / COUNT));
    assert_true(fabs(within - 0.6827) < 0.006);
}

static void test_below(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    struct random_stream stream = random_stream(8, RANDOM_CHECK, 0, 0, 0);
    size_t hits[6] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(random_below(&stream, i, 1), 0);
        uint64_t huge = random_below(&stream, i, UINT64_MAX);
        assert_true(huge < UINT64_MAX);
        uint64_t die = random_below(&stream, i, 6);
        assert_true(die < 6);
        hits[die]++;
    }
    for (size_t d = 0; d < 6; d++)
        assert_true(fabs((double)hits[d] - COUNT / 6) < 4 * sqrt(COUNT / 6));
}

static void test_permutation(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 2, 3, 10, 1000, 1437};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        size_t count = counts[c], bytes = count * sizeof(size_t), moved = 0;
        size_t *first = malloc(bytes + 1), *second = malloc(bytes + 1);
        bool *seen = calloc(count + 1, sizeof *seen);
        struct random_stream epoch1 = random_stream(9, RANDOM_SHUFFLE, 0, 0, 1);
        struct random_stream epoch2 = random_stream(9, RANDOM_SHUFFLE, 0, 0, 2);
        random_permutation(&epoch1, count, first);
        for (size_t i = 0; i < count; i++) {
            assert_true(first[i] < count && !seen[first[i]]);
            seen[first[i]] = true;
            moved += first[i] != i;
        }
        random_permutation(&epoch1, count, second);
        assert_true(count == 0 || !memcmp(first, second, bytes));
        random_permutation(&epoch2, count, second);
        if (count >= 10) {
            assert_memory_not_equal(first, second, bytes);
            assert_true(moved > count / 2);
        }
        free(first);
        free(second);
        free(seen);
    }
}

/* All orders of four come equally often: 24 bins. */
static void test_permutations_are_uniform(void **state)
{
    (void)state;
    enum { EPOCHS = 24000 };
    size_t bins[256] = {0}, used = 0;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct random_stream stream = random_stream(10, RANDOM_SHUFFLE, 0, 0, epoch);
        size_t order[4];
        random_permutation(&stream, 4, order);
        bins[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
    }
    for (size_t b = 0; b < 256; b++) {
        used += bins[b] > 0;
        assert_true(bins[b] == 0 || fabs((double)bins[b] - EPOCHS / 24) < 4 * sqrt(EPOCHS / 24));
    }
    assert_int_equal(used, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_many_blocks_equal_single_ones),
        cmocka_unit_test(test_arguments_make_streams),
        cmocka_unit_test(test_streams_are_independent),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_permutations_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
