/* Who does what, for every small case and for counts near the end of size_t. */
#include "dist/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { COUNT_MAX = 40, PARTS_MAX = 40 };

/* Contiguous, from the first thing to the last, sizes that differ by at most one. */
static void check_pieces(size_t count, size_t parts)
{
    size_t next = 0, smallest = count / parts, largest = smallest + (count % parts != 0);
    for (size_t part = 0; part < parts; part++) {
        struct range piece = shard_range(count, parts, part);
        if (piece.first != next)
            fail_msg("part %zu of %zu in %zu begins at %zu, not %zu", part, count, parts, piece.first, next);
        if (piece.count < smallest || piece.count > largest)
            fail_msg("part %zu of %zu in %zu has %zu", part, count, parts, piece.count);
        next = piece.first + piece.count;
    }
    assert_int_equal(next, count);
}

static void test_small(void **state)
{
    (void)state;
    for (size_t parts = 1; parts <= PARTS_MAX; parts++)
        for (size_t count = 0; count <= COUNT_MAX; count++)
            check_pieces(count, parts);
}

/* The formula of the header, where nothing overflows. */
static void test_formula(void **state)
{
    (void)state;
    for (size_t parts = 1; parts <= PARTS_MAX; parts++)
        for (size_t count = 0; count <= COUNT_MAX; count++)
            for (size_t part = 0; part < parts; part++)
                assert_int_equal(shard_range(count, parts, part).first, part * count / parts);
}

static void test_huge_counts(void **state)
{
    (void)state;
    const size_t parts[] = {1, 2, 3, 7, 16, 1000, 1009, 65536};
    const size_t counts[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 3, (size_t)1 << 53};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            check_pieces(counts[c], parts[p]);
}

/* As many parts as 32 bits hold: the first, the last, and two in the middle that touch. */
static void test_many_parts(void **state)
{
    (void)state;
    const size_t parts = UINT32_MAX, count = SIZE_MAX - 5;
    struct range a = shard_range(count, parts, parts / 2), b = shard_range(count, parts, parts / 2 + 1);
    struct range last = shard_range(count, parts, parts - 1);
    assert_int_equal(shard_range(count, parts, 0).first, 0);
    assert_int_equal(a.first + a.count, b.first);
    assert_int_equal(last.first + last.count, count);
    assert_true(a.count - count / parts <= 1 && b.count - count / parts <= 1);
}

/* Which argument is which. */
static void test_samples_and_owners(void **state)
{
    (void)state;
    struct range samples = shard_samples(10, 4, 1);
    assert_int_equal(samples.first, 2);
    assert_int_equal(samples.count, 3);
    assert_int_equal(shard_samples(3, 8, 0).count, 0);
    struct range owned = shard_owned(16, 3, 2);
    assert_int_equal(owned.first, 10);
    assert_int_equal(owned.count, 6);
    assert_int_equal(shard_owned(2, 5, 0).count, 0);
    assert_int_equal(shard_owned(2, 5, 4).count, 1);
}

/* Whatever the number of ranks, every shard has exactly one owner, in the order of ranks. */
static void test_every_shard_has_one_owner(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= COUNT_MAX; shards++)
        for (size_t size = 1; size <= PARTS_MAX; size++) {
            size_t next = 0;
            for (size_t rank = 0; rank < size; rank++) {
                struct range owned = shard_owned(shards, size, rank);
                assert_int_equal(owned.first, next);
                next += owned.count;
            }
            assert_int_equal(next, shards);
        }
}

/* Ranks that are a power of two own whole subtrees of a number of shards that is one too. */
static void test_powers_of_two(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= 64; shards *= 2)
        for (size_t size = 1; size <= shards; size *= 2)
            for (size_t rank = 0; rank < size; rank++) {
                struct range owned = shard_owned(shards, size, rank);
                assert_int_equal(owned.count, shards / size);
                assert_int_equal(owned.first % owned.count, 0);
            }
}

static void test_most(void **state)
{
    (void)state;
    for (size_t size = 1; size <= PARTS_MAX; size++)
        for (size_t shards = 0; shards <= COUNT_MAX; shards++) {
            size_t most = 0;
            for (size_t rank = 0; rank < size; rank++) {
                size_t owned = shard_owned(shards, size, rank).count;
                most = owned > most ? owned : most;
            }
            assert_int_equal(shard_most(shards, size), most);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_huge_counts),
        cmocka_unit_test(test_many_parts),
        cmocka_unit_test(test_samples_and_owners),
        cmocka_unit_test(test_every_shard_has_one_owner),
        cmocka_unit_test(test_powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
