/* Where there is no room for shared memory, every rank has a copy of the data, and one of them says why. The
 * folder in which Open MPI keeps such memory is chosen when it starts, so that this is a program of its own.
 * ranks: 1 2 4 */
#include "train/shared_data.h"

#include "support/capture.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char digits[] = TEST_SOURCE_DIR "/data/digits.h5";

static bool is_open_mpi(void)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    return !strncmp(version, "Open MPI", 8);
}

static void test_copies(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    struct node node;
    node_create(&node, comm);
    struct data_source source = {comm, &node, digits, true};
    struct dataset_split train, test;
    struct node_memory train_memory, test_memory;
    if (!is_open_mpi())
        skip();
    capture_errors_start();
    enum status status = shared_data_read(&source, "train", &train, &train_memory, NULL);
    if (!status)
        status = shared_data_read(&source, "test", &test, &test_memory, NULL);
    char *said = capture_errors_stop();
    assert_done(status);
    assert_int_equal(source.share, comm->size == 1);
    assert_false(train.borrowed || test.borrowed || train_memory.data || test_memory.data);
    assert_int_equal(train.count, 1437);
    assert_int_equal(test.count, 360);
    uint64_t digests[] = {train.digest, test.digest};
    comm_broadcast(comm, 0, digests, sizeof digests);
    assert_true(digests[0] == train.digest && digests[1] == test.digest);
    if (comm->rank == 0 && comm->size > 1) {
        const char *words = strstr(said, "no room for ");
        assert_non_null(words);
        assert_non_null(strstr(words, "in /proc, so that every rank has its own copy of the data\n"));
        assert_null(strstr(words + 1, "no room for "));
    } else {
        assert_string_equal(said, "");
    }
    free(said);
    shared_data_release(&train, &train_memory);
    shared_data_release(&test, &test_memory);
    node_destroy(&node);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
    };
    setenv("OMPI_MCA_osc_sm_backing_directory", "/proc", 1); /* has no room for anything */
    mpi_group_start(&argc, &argv);
    return mpi_group_end(cmocka_run_group_tests(tests, scratch_create, scratch_destroy));
}
