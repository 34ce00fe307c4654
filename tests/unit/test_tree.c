/* Who holds and sends which part when: the halving is played for every power of two of ranks up to 64. */
#include "dist/tree.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIZE_MAX_PLAYED = 64 };
static const size_t counts[] = {
    0, 1, 2, 3, 5, 63, 64, 65, 1000, 7919, 1009, (size_t)INT_MAX + 2, (size_t)UINT32_MAX + 12, SIZE_MAX};
enum { COUNTS = sizeof counts / sizeof *counts };

static void assert_range(struct range range, size_t first, size_t count)
{
    assert_int_equal(range.first, first);
    assert_int_equal(range.count, count);
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = 0; depth < 32; depth++)
        assert_int_equal(tree_depth((size_t)1 << depth), depth);
}

/* Partners have each other, the same part to halve, and add sums over neighbouring subtrees: of the tree over
 * ranks, the two below one node. */
static void test_partners(void **state)
{
    (void)state;
    for (size_t size = 1; size <= SIZE_MAX_PLAYED; size *= 2)
        for (size_t rank = 0; rank < size; rank++)
            for (size_t step = 0; step < tree_depth(size); step++) {
                size_t partner = tree_partner(rank, step), leaves = (size_t)1 << step;
                assert_true(partner < size && partner != rank);
                assert_int_equal(tree_partner(partner, step), rank);
                assert_int_equal(partner / (2 * leaves), rank / (2 * leaves));
                assert_int_not_equal(partner / leaves, rank / leaves);
            }
}

/* A part is cut into what the rank keeps and what its partner keeps, the rank with the lower number the lower
 * half, and their lengths differ by one at most. */
static void test_halves(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNTS; c++)
        for (size_t rank = 0; rank < SIZE_MAX_PLAYED; rank++)
            for (size_t step = 0; step < tree_depth(SIZE_MAX_PLAYED); step++) {
                size_t partner = tree_partner(rank, step);
                struct range held = tree_held(counts[c], rank, step);
                struct range same = tree_held(counts[c], partner, step);
                assert_range(same, held.first, held.count);
                struct range lower = tree_held(counts[c], rank < partner ? rank : partner, step + 1);
                struct range upper = tree_held(counts[c], rank < partner ? partner : rank, step + 1);
                assert_int_equal(lower.first, held.first);
                assert_int_equal(upper.first, lower.first + lower.count);
                assert_int_equal(upper.count, held.count - lower.count);
                assert_true(upper.count - lower.count <= 1);
            }
}

/* In the end every element is complete on exactly one rank. */
static void test_the_parts_make_the_whole(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNTS; c++)
        for (size_t size = 1; size <= SIZE_MAX_PLAYED; size *= 2) {
            size_t next = 0;
            for (size_t place = 0; place < size; place++) { /* from left to right: bits in reverse */
                size_t rank = 0;
                for (size_t bit = 1; bit < size; bit *= 2)
                    rank = 2 * rank + (place / bit & 1);
                struct range part = tree_held(counts[c], rank, tree_depth(size));
                assert_int_equal(part.first, next);
                assert_true(part.count - counts[c] / size <= 1 || counts[c] / size - part.count <= 1);
                next += part.count;
            }
            assert_int_equal(next, counts[c]);
        }
}

/* The example of the header. */
static void test_four_ranks(void **state)
{
    (void)state;
    static const size_t quarter[] = {0, 2, 1, 3};
    for (size_t rank = 0; rank < 4; rank++) {
        assert_range(tree_held(400, rank, 0), 0, 400);
        assert_range(tree_held(400, rank, 1), rank % 2 * 200, 200);
        assert_range(tree_held(400, rank, 2), quarter[rank] * 100, 100);
        assert_int_equal(tree_partner(rank, 0), rank % 2 ? rank - 1 : rank + 1);
        assert_int_equal(tree_partner(rank, 1), (rank + 2) % 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth),      cmocka_unit_test(test_partners),
        cmocka_unit_test(test_halves),     cmocka_unit_test(test_the_parts_make_the_whole),
        cmocka_unit_test(test_four_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
