/* Ranks go on with the tree where their shards' subtrees end. ranks: 1 2 3 4 5 7 8 */
#include "dist/fold.h"

#include "dist/shard.h"
#include "support/array.h"
#include "support/mpi_group.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS_MAX = 16, COUNT = 1009 };
static const size_t shard_counts[] = {1, 2, 3, 4, 8, 11, SHARDS_MAX};

/* Of many magnitudes and both signs. */
static double value(size_t shard, size_t i)
{
    uint64_t at = shard * COUNT + i;
    return ldexp(2 * array_random(1, at) - 1, (int)(30 * array_random(2, at)));
}

/* The sum of all shards, each rank folding those that it owns, against one rank that owns all: the same bits
 * for powers of two, within rounding for others, and in any case the same on all ranks. */
static void check(size_t shards, size_t count)
{
    const struct comm *comm = &mpi_group_comm;
    struct range own = shard_owned(shards, (size_t)comm->size, (size_t)comm->rank);
    double *whole = array_bytes(SHARDS_MAX * COUNT * sizeof *whole),
           *numbers = array_bytes((SHARDS_MAX + 1) * COUNT * sizeof *numbers),
           *scratch = array_bytes(COUNT * sizeof *scratch), *first = array_bytes(COUNT * sizeof *first);
    bool exact = (comm->size & (comm->size - 1)) == 0 && (shards & (shards - 1)) == 0;
    for (size_t i = 0; i < shards * count; i++)
        whole[i] = value(i / count, i % count);
    for (size_t i = 0; i < own.count * count; i++)
        numbers[i] = whole[own.first * count + i];
    fold_shards(whole, shards, count);
    fold_shards(numbers, own.count, count);
    fold_ranks(comm, numbers, scratch, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(numbers[i] - whole[i]) <= 1e-14 * ldexp(1, 34));
        assert_true(!exact || !memcmp(&numbers[i], &whole[i], sizeof *whole));
    }
    memcpy(first, numbers, count * sizeof *first);
    comm_broadcast(comm, 0, first, count * sizeof *first);
    assert_memory_equal(first, numbers, count * sizeof *first);
    free(whole);
    free(numbers);
    free(scratch);
    free(first);
}

static void test_sums(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shard_counts / sizeof *shard_counts; s++) {
        check(shard_counts[s], 1);
        check(shard_counts[s], 64);
        check(shard_counts[s], COUNT);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
    };
    return mpi_group_run(argc, argv, tests);
}
