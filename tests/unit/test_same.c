/* Who differs, and how that is told. */
#include "dist/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RANKS_MAX = 100 };

/* `digests` as letters, one per rank; `hosts` likewise: host a, host b, ... */
static void expect(const char *digests, const char *hosts, const char *text)
{
    uint64_t values[RANKS_MAX];
    char names[RANKS_MAX][COMM_HOST_MAX], out[STATUS_MESSAGE_MAX];
    size_t size = strlen(digests);
    assert_int_equal(strlen(hosts), size);
    for (size_t i = 0; i < size; i++) {
        values[i] = (uint64_t)digests[i] << 56;
        snprintf(names[i], sizeof names[i], "node-%c", hosts[i]);
    }
    memset(out, 0xA5, sizeof out);
    same_difference(values, (const char(*)[COMM_HOST_MAX])names, size, out, sizeof out);
    assert_string_equal(out, text);
}

static void test_same(void **state)
{
    (void)state;
    expect("x", "a", "");
    expect("xxxx", "aabb", "");
}

static void test_who_differs(void **state)
{
    (void)state;
    expect("xxxy", "aaaa", "rank 3 on node-a differs from rank 0 on node-a");
    expect("yxxx", "abbb", "rank 0 on node-a differs from rank 1 on node-b");
    expect("xxxxxyyy", "aaaabbbb", "ranks 5-7 on node-b differ from rank 0 on node-a");
    expect("xyyxxxx", "aabbbbb", "rank 1 on node-a, rank 2 on node-b differ from rank 0 on node-a");
    expect("xyzxxyxx", "aaaabbbb", "ranks 1-2 on node-a, rank 5 on node-b differ from rank 0 on node-a");
    expect("yyxxxzz", "aabbbcc", "ranks 0-1 on node-a, ranks 5-6 on node-c differ from rank 2 on node-b");
}

/* Of two halves, the one with the lowest rank is right. */
static void test_halves(void **state)
{
    (void)state;
    expect("xy", "ab", "rank 1 on node-b differs from rank 0 on node-a");
    expect("yxxy", "aabb", "rank 1 on node-a, rank 2 on node-b differ from rank 0 on node-a");
    expect("abc", "aaa", "ranks 1-2 on node-a differ from rank 0 on node-a");
}

static void test_long_lists_are_cut(void **state)
{
    (void)state;
    expect("xyxyxyxyxyxyxyxyx", "aaaaaaaaaaaaaaaaa",
           "rank 1 on node-a, rank 3 on node-a, rank 5 on node-a, rank 7 on node-a, rank 9 on node-a, "
           "rank 11 on node-a, rank 13 on node-a, rank 15 on node-a differ from rank 0 on node-a");
    expect("xyxyxyxyxyxyxyxyxyyx", "aaaaaaaaaaaaaaaaaaaa",
           "rank 1 on node-a, rank 3 on node-a, rank 5 on node-a, rank 7 on node-a, rank 9 on node-a, "
           "rank 11 on node-a, rank 13 on node-a, rank 15 on node-a, ... (10 ranks in all) differ from rank "
           "0 on node-a");
}

/* Too little space: cut, with its zero, and nothing behind. */
static void test_space(void **state)
{
    (void)state;
    static const uint64_t digests[] = {1, 2, 1};
    static const char hosts[3][COMM_HOST_MAX] = {"a", "b", "c"};
    char whole[STATUS_MESSAGE_MAX], out[64];
    same_difference(digests, hosts, 3, whole, sizeof whole);
    assert_string_equal(whole, "rank 1 on b differs from rank 0 on a");
    for (size_t space = 1; space < sizeof out; space++) {
        memset(out, 0x5A, sizeof out);
        same_difference(digests, hosts, 3, out, space);
        assert_true(strlen(out) < space);
        assert_memory_equal(out, whole, strlen(out));
        assert_true(strlen(out) + 1 == space || !strcmp(out, whole));
        for (size_t i = space; i < sizeof out; i++)
            assert_int_equal(out[i], 0x5A);
    }
}

/* One rank is like itself, without MPI. */
static void test_alone(void **state)
{
    (void)state;
    const struct comm comm = {.size = 1, .world = MPI_COMM_NULL};
    const struct same_item items[] = {{"program", STATUS_USAGE, 1}};
    assert_int_equal(same_check(&comm, items, 1), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),   cmocka_unit_test(test_who_differs),
        cmocka_unit_test(test_halves), cmocka_unit_test(test_long_lists_are_cut),
        cmocka_unit_test(test_space),  cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
