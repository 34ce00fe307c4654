/* The data once per host, and copies where that is not wanted. ranks: 1 2 4 */
#include "train/shared_data.h"

#include "support/array.h"
#include "support/capture.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char digits[] = TEST_SOURCE_DIR "/data/digits.h5", nowhere[] = "/no such folder/a.h5";

static struct dataset_split truth; /* of "test" */
static struct node whole;          /* all ranks, on this host */

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

static void assert_same_data(const struct dataset_split *split)
{
    assert_int_equal(split->digest, truth.digest);
    assert_string_equal(split->name, "test");
    assert_int_equal(split->count, truth.count);
    assert_true(shape_equal(split->shape, truth.shape));
    assert_int_equal(split->outputs, truth.outputs);
    assert_memory_equal(split->images, truth.images, truth.count * shape_count(truth.shape));
    assert_memory_equal(split->classes, truth.classes, truth.count * sizeof *truth.classes);
}

/* What one rank of the host writes, the others see; where they have copies, they do not. */
static void check_sharing(const struct node *node, const struct dataset_split *split, bool shared)
{
    unsigned char *pixel = (unsigned char *)split->images + 100, before = *pixel;
    MPI_Barrier(node->comm);
    if (node->rank == node->size - 1)
        *pixel = (unsigned char)(before + 1);
    MPI_Barrier(node->comm);
    assert_int_equal(*pixel != before, shared || node->rank == node->size - 1);
    MPI_Barrier(node->comm);
    *pixel = before;
}

static void check(const struct node *node, const char *path, bool share)
{
    struct data_source source = {&mpi_group_comm, node, path, share};
    struct dataset_split split;
    struct node_memory memory;
    bool found = false, shared = share && node->size > 1;
    capture_errors_start();
    enum status status = shared_data_read(&source, "test", &split, &memory, &found);
    char *said = capture_errors_stop();
    assert_done(status);
    assert_string_equal(said, "");
    assert_true(found);
    assert_int_equal(source.share, share);
    assert_int_equal(memory.data != NULL, shared);
    assert_int_equal(split.borrowed, shared);
    assert_same_data(&split);
    check_sharing(node, &split, shared);
    shared_data_release(&split, &memory);
    assert_true(!split.images && !memory.data);
    free(said);
}

static void test_copies(void **state)
{
    (void)state;
    struct node part = split_node();
    check(&whole, digits, false);
    check(&part, digits, false);
    node_destroy(&part);
}

/* Only the first rank of a host needs the file. */
static void test_shared(void **state)
{
    (void)state;
    struct node part = split_node();
    check(&whole, whole.rank == 0 ? digits : nowhere, true);
    check(&part, part.rank == 0 ? digits : nowhere, true);
    node_destroy(&part);
}

static void test_not_there(void **state)
{
    (void)state;
    struct data_source source = {&mpi_group_comm, &whole, whole.rank == 0 ? digits : nowhere, true};
    struct dataset_split split;
    struct node_memory memory;
    bool found = true;
    assert_done(shared_data_read(&source, "validation", &split, &memory, &found));
    assert_false(found);
    assert_true(!split.images && !memory.data);
    assert_failure(shared_data_read(&source, "validation", &split, &memory, NULL), STATUS_DATA, "validation",
                   "digits.h5", NULL);
    assert_true(!split.images && !memory.data);
}

/* Any rank that should read and cannot: all fail, with its name where it is not rank 0. */
static void check_failure(const struct node *node, bool share, int guilty)
{
    const struct comm *comm = &mpi_group_comm;
    struct data_source source = {comm, node, comm->rank == guilty ? nowhere : digits, share};
    struct dataset_split split;
    struct node_memory memory;
    char who[64] = "";
    if (guilty > 0)
        snprintf(who, sizeof who, "rank %d on ", guilty);
    assert_failure(shared_data_read(&source, "test", &split, &memory, NULL), STATUS_DATA, nowhere, who, NULL);
    assert_true(!split.images && !memory.data);
}

static void test_failures(void **state)
{
    (void)state;
    struct node part = split_node();
    for (int guilty = 0; guilty < mpi_group_comm.size; guilty++)
        check_failure(&whole, false, guilty);
    check_failure(&whole, true, 0);
    for (int guilty = 0; guilty < part.count; guilty++)
        check_failure(&part, true, guilty);
    node_destroy(&part);
}

static int setup(void **state)
{
    node_create(&whole, &mpi_group_comm);
    return scratch_create(state) || dataset_read(&truth, digits, "test", true);
}

static int teardown(void **state)
{
    dataset_destroy(&truth);
    node_destroy(&whole);
    return scratch_destroy(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_failures),
    };
    mpi_group_start(&argc, &argv);
    return mpi_group_end(cmocka_run_group_tests(tests, setup, teardown));
}
