/* Digests that differ are told, alike on all ranks. ranks: 1 2 3 4 */
#include "dist/same.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 3 };
static const struct same_item equal[ITEMS] = {{"program", STATUS_USAGE, 1},
                                              {"configuration", STATUS_USAGE, UINT64_MAX},
                                              {"data", STATUS_DATA, UINT64_C(1) << 63}};

static void test_equal(void **state)
{
    (void)state;
    assert_done(same_check(&mpi_group_comm, equal, ITEMS));
    assert_done(same_check(&mpi_group_comm, equal, 0));
}

/* All ranks fail with one and the same text. */
static void assert_same_message(void)
{
    char first[STATUS_MESSAGE_MAX];
    snprintf(first, sizeof first, "%s", status_message());
    comm_broadcast(&mpi_group_comm, 0, first, sizeof first);
    assert_string_equal(status_message(), first);
}

/* Each item on each rank in turn. */
static void test_one_differs(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    for (int guilty = 0; guilty < comm->size && comm->size > 1; guilty++)
        for (size_t item = 0; item < ITEMS; item++) {
            struct same_item items[ITEMS];
            char who[64], what[64];
            memcpy(items, equal, sizeof items);
            if (comm->rank == guilty)
                items[item].digest ^= 4;
            bool half = comm->size == 2; /* then rank 0 is right */
            snprintf(who, sizeof who, "same %s: rank %d on %.30s", equal[item].name, half ? 1 : guilty,
                     comm->host);
            snprintf(what, sizeof what, "differs from rank %d", !half && guilty == 0 ? 1 : 0);
            assert_failure(same_check(comm, items, ITEMS), equal[item].code, who, what, NULL);
            assert_same_message();
            for (size_t other = 0; other < ITEMS; other++)
                if (other != item && strstr(status_message(), equal[other].name))
                    fail_msg("%s: %s is the same", status_message(), equal[other].name);
        }
}

/* Two items: both are told, and the code is the first one's. */
static void test_two_differ(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    struct same_item items[ITEMS];
    memcpy(items, equal, sizeof items);
    items[1].digest += comm->rank == comm->size - 1;
    items[2].digest += (uint64_t)comm->rank;
    if (comm->size == 1)
        return;
    assert_failure(same_check(comm, items, ITEMS), STATUS_USAGE,
                   "not all ranks have the same configuration: ", "; nor the same data: ", NULL);
    assert_same_message();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_one_differs),
        cmocka_unit_test(test_two_differ),
    };
    return mpi_group_run(argc, argv, tests);
}
