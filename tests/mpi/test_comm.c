/* What ranks tell each other. ranks: 1 2 3 5 */
#include "core/log.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_ranks(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    assert_int_equal(comm->rank, rank);
    assert_int_equal(comm->size, size);
    assert_true(comm->threads);
    assert_int_equal(log_is_speaker(), rank == 0);
}

/* More bytes than one message takes, so that the pieces must be put together. */
static void test_broadcast(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    static const size_t sizes[] = {0, 1, 7, 4096, ((size_t)1 << 26) + 3};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int root = (int)s % comm->size;
        unsigned char *data = malloc(sizes[s] + 1);
        for (size_t i = 0; i <= sizes[s]; i++)
            data[i] = comm->rank == root ? (unsigned char)(i * 31 + i / 251) : 0xA5;
        comm_broadcast(comm, root, data, sizes[s]);
        size_t wrong = 0;
        for (size_t i = 0; i < sizes[s]; i++)
            wrong += data[i] != (unsigned char)(i * 31 + i / 251);
        assert_int_equal(wrong, 0);
        if (comm->rank != root)
            assert_int_equal(data[sizes[s]], 0xA5);
        free(data);
    }
}

/* Two hosts whose ranks take turns; and this one, whose every rank it is. */
static void test_hosts(void **state)
{
    (void)state;
    struct comm comm = mpi_group_comm;
    char expected[600], *text, library[COMM_LIBRARY_MAX];
    snprintf(expected, sizeof expected, "%s x %d", comm.host, comm.size);
    assert_done(comm_hosts(&comm, &text));
    if (comm.rank == 0)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
    snprintf(comm.host, sizeof comm.host, "n%02d", comm.rank % 2);
    snprintf(expected, sizeof expected, comm.size > 1 ? "n00 x %d, n01 x %d" : "n00 x %d",
             (comm.size + 1) / 2, comm.size / 2);
    assert_done(comm_hosts(&comm, &text));
    if (comm.rank == 0)
        assert_string_equal(text, expected);
    free(text);
    assert_true(strlen(comm_library(library)) > 3 && !strpbrk(library, "\r\n"));
}

static void test_sums(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    uint64_t size = (uint64_t)comm->size, rank = (uint64_t)comm->rank;
    uint64_t counts[] = {1, rank, 1ull << 60};
    double values[] = {1, (double)rank, rank + 1 == size ? 0.1 : 0};
    comm_sum_counts(comm, counts, 3);
    comm_sum_doubles(comm, values, 3);
    assert_int_equal(counts[0], size);
    assert_int_equal(counts[1], size * (size - 1) / 2);
    assert_int_equal(counts[2], size << 60);
    assert_true(values[0] == (double)size && values[1] == (double)(size * (size - 1) / 2) &&
                values[2] == 0.1);
}

static void test_first(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    assert_int_equal(comm_first(comm, false), -1);
    for (int first = 0; first < comm->size; first++)
        assert_int_equal(comm_first(comm, comm->rank >= first), first);
}

static void test_largest(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    int rank;
    for (int most = 0; most < comm->size; most++) {
        assert_true(comm_largest(comm, comm->rank == most ? 2.5 : -1.0 * comm->rank, &rank) == 2.5);
        assert_int_equal(rank, most);
        assert_true(comm_largest(comm, comm->rank >= most ? 0.5 : 0.25, &rank) == 0.5);
        assert_int_equal(rank, most);
    }
}

static void test_broadcast_text(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    char given[] = "a text", *text = comm->rank == 0 ? given : NULL;
    assert_done(comm_broadcast_text(comm, STATUS_OK, &text));
    assert_string_equal(text, "a text");
    if (comm->rank > 0)
        free(text);
    text = NULL;
    enum status status = comm->rank == 0 ? status_set(STATUS_USAGE, "no such file") : STATUS_OK;
    assert_failure(comm_broadcast_text(comm, status, &text), STATUS_USAGE, "no such file", NULL);
    assert_null(text);
}

/* The worst status wins, of equals the lowest rank's, and its message names rank and host. */
static void test_agree(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    assert_int_equal(comm_agree(comm, STATUS_OK), STATUS_OK);
    for (int guilty = 0; guilty < comm->size; guilty++) {
        char who[64], what[64];
        snprintf(who, sizeof who, "rank %d on ", guilty);
        snprintf(what, sizeof what, "message %d", guilty);
        enum status status = STATUS_OK;
        if (comm->rank == guilty)
            status = status_set(STATUS_CHECKPOINT, "message %d", guilty);
        else if (comm->rank > guilty)
            status = status_set(comm->rank % 2 ? STATUS_STOPPED : STATUS_CHECKPOINT, "not this one");
        assert_failure(comm_agree(comm, status), STATUS_CHECKPOINT, what, guilty > 0 ? who : NULL, NULL);
        if (guilty == 0)
            assert_string_equal(status_message(), "message 0");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks), cmocka_unit_test(test_broadcast), cmocka_unit_test(test_sums),
        cmocka_unit_test(test_first), cmocka_unit_test(test_largest),   cmocka_unit_test(test_broadcast_text),
        cmocka_unit_test(test_agree), cmocka_unit_test(test_hosts),
    };
    return mpi_group_run(argc, argv, tests);
}
