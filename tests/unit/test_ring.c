/* Who sends which chunk when: the ring is played for every number of ranks up to a few dozen, with chunks
 * that remember whose shares they hold. */
#include "dist/ring.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIZE_MAX_PLAYED = 48 };

/* (rank, chunk): a bit for every rank whose share is in it. */
struct chunks {
    uint64_t shares[SIZE_MAX_PLAYED][SIZE_MAX_PLAYED];
};

static uint64_t all(size_t size)
{
    return ((uint64_t)1 << size) - 1;
}

/* One step: all send what they had before it. */
static void play_step(struct chunks *chunks, size_t size, size_t step)
{
    static struct chunks before;
    before = *chunks;
    for (size_t rank = 0; rank < size; rank++) {
        size_t from = (rank + size - 1) % size, chunk = ring_received(size, rank, step);
        uint64_t sent = before.shares[from][chunk], held = before.shares[rank][chunk];
        assert_int_equal(chunk, ring_sent(size, from, step));
        assert_int_not_equal(chunk, ring_sent(size, rank, step));
        if (ring_adds(size, step)) {
            assert_int_equal(sent & held, 0); /* no share is counted twice */
            chunks->shares[rank][chunk] = sent | held;
        } else {
            assert_int_equal(sent, all(size));     /* only complete ones go round again */
            assert_int_not_equal(held, all(size)); /* and to none that has it */
            chunks->shares[rank][chunk] = sent;
        }
    }
}

static void test_every_size(void **state)
{
    (void)state;
    for (size_t size = 1; size <= SIZE_MAX_PLAYED; size++) {
        static struct chunks chunks;
        for (size_t rank = 0; rank < size; rank++)
            for (size_t chunk = 0; chunk < size; chunk++)
                chunks.shares[rank][chunk] = (uint64_t)1 << rank;
        assert_int_equal(ring_steps(size), 2 * (size - 1));
        for (size_t step = 0; step < ring_steps(size); step++)
            play_step(&chunks, size, step);
        for (size_t rank = 0; rank < size; rank++)
            for (size_t chunk = 0; chunk < size; chunk++)
                assert_int_equal(chunks.shares[rank][chunk], all(size));
    }
}

/* The example of the header. */
static void test_three_ranks(void **state)
{
    (void)state;
    static const size_t sent[4][3] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}, {0, 1, 2}};
    for (size_t step = 0; step < 4; step++)
        for (size_t rank = 0; rank < 3; rank++) {
            assert_int_equal(ring_sent(3, rank, step), sent[step][rank]);
            assert_int_equal(ring_received(3, rank, step), sent[step][(rank + 2) % 3]);
            assert_int_equal(ring_adds(3, step), step < 2);
        }
}

/* Every rank sends at most 2(P-1) of the largest chunks, and what all send is 2(P-1) times the array, however
 * long: the bounds do not narrow. */
static void test_bytes(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 5, 1000, 7919, (size_t)INT_MAX + 2, (size_t)UINT32_MAX + 12};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t size = 1; size <= SIZE_MAX_PLAYED; size++) {
            size_t total = 0;
            for (size_t rank = 0; rank < size; rank++) {
                size_t own = 0;
                for (size_t step = 0; step < ring_steps(size); step++) {
                    struct range chunk = shard_range(counts[c], size, ring_sent(size, rank, step));
                    assert_true(chunk.first + chunk.count <= counts[c]);
                    own += chunk.count;
                }
                assert_true(own <= ring_steps(size) * (counts[c] / size + 1));
                total += own;
            }
            assert_int_equal(total, ring_steps(size) * counts[c]);
        }
}

static void test_many_ranks(void **state)
{
    (void)state;
    const size_t size = 100003;
    for (size_t rank = 0; rank < size; rank += 997) {
        size_t last = ring_steps(size) - 1;
        assert_int_equal(ring_sent(size, rank, 0), rank);
        assert_int_equal(ring_sent(size, rank, size - 1), (rank + 1) % size);
        assert_int_equal(ring_received(size, rank, last), ring_sent(size, (rank + size - 1) % size, last));
        assert_true(ring_adds(size, size - 2) && !ring_adds(size, size - 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_three_ranks),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_many_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
