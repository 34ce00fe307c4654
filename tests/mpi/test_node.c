/* The ranks of a host, and memory that they share. ranks: 1 2 3 4 */
#include "dist/node.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Two hosts out of one: ranks 0, 2, 4, ... and 1, 3, 5, ... */
static struct node split_node(void)
{
    const struct comm *comm = &mpi_group_comm;
    struct node node = {.index = comm->rank % 2, .count = comm->size > 1 ? 2 : 1};
    MPI_Comm_split(comm->world, node.index, comm->rank, &node.comm);
    MPI_Comm_rank(node.comm, &node.rank);
    MPI_Comm_size(node.comm, &node.size);
    return node;
}

/* All test ranks run on this host. */
static void test_node(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    struct node node;
    node_create(&node, comm);
    assert_int_equal(node.rank, comm->rank);
    assert_int_equal(node.size, comm->size);
    assert_int_equal(node.index, 0);
    assert_int_equal(node.count, 1);
    int value = 40 + comm->rank;
    node_broadcast(&node, &value, sizeof value);
    assert_int_equal(value, 40);
    node_destroy(&node);
    assert_true(node.comm == MPI_COMM_NULL);
    node_destroy(&node);
}

/* A rank that MPI was not started for has itself. */
static void test_alone(void **state)
{
    (void)state;
    const struct comm alone = {.size = 1, .world = MPI_COMM_NULL};
    struct node node;
    node_create(&node, &alone);
    assert_true(node.comm == MPI_COMM_NULL && node.rank == 0 && node.size == 1);
    assert_true(node.index == 0 && node.count == 1);
    int value = 7;
    node_broadcast(&node, &value, sizeof value);
    assert_int_equal(value, 7);
    node_destroy(&node);
}

static unsigned char pattern(size_t i, int node, int round)
{
    return (unsigned char)(i * 31 + i / 251 + (size_t)node * 101 + (size_t)round * 7);
}

static size_t count_wrong(const unsigned char *data, size_t bytes, int node, int round)
{
    size_t wrong = 0;
    for (size_t i = 0; i < bytes; i++)
        wrong += data[i] != pattern(i, node, round);
    return wrong;
}

/* What rank 0 writes the others see, again and again, and nobody of another host does. */
static void check_memory(const struct node *node, size_t bytes)
{
    struct node_memory memory;
    assert_done(node_memory_create(&memory, node, bytes));
    assert_int_equal((uintptr_t)memory.data % 64, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; node->rank == 0 && i < bytes; i++)
            ((unsigned char *)memory.data)[i] = pattern(i, node->index, round);
        node_memory_publish(&memory, node);
        assert_int_equal(count_wrong(memory.data, bytes, node->index, round), 0);
        MPI_Barrier(node->comm);
    }
    node_memory_destroy(&memory);
    assert_null(memory.data);
    node_memory_destroy(&memory);
}

static void test_memory(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 63, 4096, 1000003, ((size_t)1 << 22) + 5};
    struct node node, part = split_node();
    node_create(&node, &mpi_group_comm);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        check_memory(&node, sizes[s]);
        check_memory(&part, sizes[s]);
    }
    node_destroy(&part);
    node_destroy(&node);
}

/* More than there is room for: refused, alike on all ranks, where one of them only knows; and the next one,
 * which fits, works. */
static void test_no_room(void **state)
{
    (void)state;
    struct node node;
    struct node_memory memory;
    node_create(&node, &mpi_group_comm);
    size_t bytes = node.rank == 0 ? (size_t)1 << 50 : 1;
    assert_failure(node_memory_create(&memory, &node, bytes), STATUS_INTERNAL, "no room for ", NULL);
    assert_null(memory.data);
    node_memory_destroy(&memory);
    check_memory(&node, 1000);
    node_destroy(&node);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_room),
    };
    return mpi_group_run(argc, argv, tests);
}
