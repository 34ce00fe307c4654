/* What is not the same on all ranks is found and told on all of them. ranks: 1 2 3 5 */
#include "dist/replicas.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PARTS = 7 };
static const char *const names[PARTS] = {"conv1", "norm1", "conv2", "norm2", "fc1", "fc2", "out"};

static void fill(uint64_t digests[PARTS])
{
    for (size_t i = 0; i < PARTS; i++)
        digests[i] = (i + 1) * 0xD1B54A32D192ED03u;
}

static enum status compare(const uint64_t digests[PARTS], size_t count)
{
    return replicas_compare(&mpi_group_comm, "weights", digests, names, count);
}

static void test_same(void **state)
{
    (void)state;
    uint64_t digests[PARTS];
    fill(digests);
    for (size_t count = 0; count <= PARTS; count++)
        assert_done(compare(digests, count));
}

/* A difference on each rank in turn, in each part, of one bit: every rank says the same. */
static void test_planted(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    if (comm->size == 1)
        return;
    for (int guilty = 0; guilty < comm->size; guilty++)
        for (size_t part = 0; part < PARTS; part++) {
            uint64_t digests[PARTS];
            char who[512];
            fill(digests);
            if (comm->rank == guilty)
                digests[part] ^= (uint64_t)1 << (part * 9);
            snprintf(who, sizeof who, ": rank %d on %s (first in %s) is not like ",
                     comm->size == 2 ? 1 : guilty, comm->host, names[part]);
            assert_failure(compare(digests, PARTS), STATUS_INTERNAL, "weights differ between ranks", who,
                           comm->size == 2 ? "rank 0 on " : "the other ", NULL);
        }
}

/* All ranks but one: in the same way, so that they are the majority, where there are three and more. */
static void test_one_is_right(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    if (comm->size < 3)
        return;
    uint64_t digests[PARTS];
    fill(digests);
    if (comm->rank != 1)
        digests[3]++;
    assert_failure(compare(digests, PARTS), STATUS_INTERNAL, ": rank 1 on ", "(first in norm2)", NULL);
    fill(digests);
    digests[3] += (uint64_t)comm->rank; /* no two the same */
    assert_failure(compare(digests, PARTS), STATUS_INTERNAL, "it cannot be told", ": rank 1 on ",
                   ", rank 2 on ", " are not like rank 0 on ", NULL);
}

/* After a difference, what is the same is so again. */
static void test_same_again(void **state)
{
    test_same(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_one_is_right),
        cmocka_unit_test(test_same_again),
    };
    return mpi_group_run(argc, argv, tests);
}
