/* Threads and warnings of ranks on this host, however many cores it has. ranks: 1 2 4 */
#include "dist/placement.h"
#include "support/capture.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <omp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct core_set mine, open_cores;
static size_t cores; /* that this test may use */

/* What this rank wrote to standard error meanwhile. */
static char *find(struct placement *placement, const struct node *node)
{
    capture_errors_start();
    enum status status = placement_find(placement, &mpi_group_comm, node);
    char *text = capture_errors_stop();
    assert_done(status);
    return text;
}

/* One rank of the job, the first, says something, with these words in it; NULL: nobody does. */
static void expect_warning(const char *text, const char *first, const char *second)
{
    bool speaks = first && mpi_group_comm.rank == 0;
    if (speaks && (!strstr(text, first) || !strstr(text, second)))
        fail_msg("'%s' lacks '%s' or '%s'", text, first, second);
    if (!speaks && text[0])
        fail_msg("said '%s'", text);
}

static int setup(void **state)
{
    size_t per_core;
    unsetenv("OMP_NUM_THREADS");
    if (scratch_create(state) || core_set_find(&mine, &open_cores, &per_core))
        return -1;
    cores = core_set_count(&mine);
    return 0;
}

static void test_unbound(void **state)
{
    (void)state;
    struct node node;
    struct placement placement;
    size_t size = (size_t)mpi_group_comm.size, each = cores / size;
    if (cores != core_set_count(&open_cores))
        skip(); /* the test itself is bound */
    node_create(&node, &mpi_group_comm);
    char *text = find(&placement, &node);
    assert_int_equal(placement.threads, each ? each : 1);
    assert_int_equal(placement.fewest, placement.threads);
    assert_int_equal(placement.most, placement.threads);
    expect_warning(text, each ? NULL : "wait for each other", "ppr:");
    free(text);
    node_destroy(&node);
}

/* The number of threads that rank 0 has from the user holds for all; the others' own wins. */
static void test_asked(void **state)
{
    (void)state;
    struct node node;
    struct placement placement;
    const struct comm *comm = &mpi_group_comm;
    int before = omp_get_max_threads(), last = comm->size > 1 && comm->rank == comm->size - 1;
    node_create(&node, comm);
    if (comm->rank == 0 || last) {
        setenv("OMP_NUM_THREADS", "any", 1); /* libgomp has read it at start */
        omp_set_num_threads(last ? 2 : 3);
    }
    free(find(&placement, &node));
    assert_int_equal(placement.threads, last ? 2 : 3);
    assert_int_equal(placement.most, 3);
    assert_int_equal(placement.fewest, comm->size > 1 ? 2 : 3);
    omp_set_num_threads(before);
    unsetenv("OMP_NUM_THREADS");
    node_destroy(&node);
}

/* Every rank on the same core of several, as a launcher may bind them. */
static void test_bound(void **state)
{
    (void)state;
    struct node node;
    struct placement placement;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &one);
    node_create(&node, &mpi_group_comm);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    char *text = find(&placement, &node);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(placement.threads, 1);
    if (core_set_count(&open_cores) > 1)
        expect_warning(text, "may run on 1 core only", "`mpirun --bind-to none`");
    free(text);
    node_destroy(&node);
}

/* Two hosts out of one, that of the odd ranks at fault: its first rank speaks. */
static void test_second_host(void **state)
{
    (void)state;
    const struct comm *comm = &mpi_group_comm;
    struct placement placement;
    struct node node = {.index = comm->rank % 2, .count = 2};
    if (comm->size < 2)
        return;
    MPI_Comm_split(comm->world, node.index, comm->rank, &node.comm);
    MPI_Comm_rank(node.comm, &node.rank);
    MPI_Comm_size(node.comm, &node.size);
    setenv("OMP_NUM_THREADS", "any", 1);
    int before = omp_get_max_threads();
    omp_set_num_threads(node.index == 1 ? 4096 : 1);
    char *text = find(&placement, &node);
    omp_set_num_threads(before);
    unsetenv("OMP_NUM_THREADS");
    bool alone = (size_t)node.size <= cores; /* else the even ranks are too many as well, and rank 0 speaks */
    if (alone && comm->rank == 1 && !strstr(text, "(thus on 1 of 2 hosts)"))
        fail_msg("'%s'", text);
    if (alone && comm->rank != 1)
        assert_string_equal(text, "");
    free(text);
    node_destroy(&node);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unbound),
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_second_host),
    };
    mpi_group_start(&argc, &argv);
    return mpi_group_end(cmocka_run_group_tests(tests, setup, scratch_destroy));
}
