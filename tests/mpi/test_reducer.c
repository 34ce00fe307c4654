/* The sum over ranks, bucket by bucket, with and without overlap. ranks: 1 2 3 4 5 */
#include "dist/reducer.h"
#include "support/allocations.h"
#include "support/array.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { COUNT = 1009 };
static const enum overlap overlaps[] = {OVERLAP_NO, OVERLAP_YES, OVERLAP_AUTO};
enum { OVERLAPS = sizeof overlaps / sizeof *overlaps };

/* The algorithms that these ranks can use with so many shards. */
static bool usable(const struct allreduce_ops *ops)
{
    int size = mpi_group_comm.size;
    return !ops->power_of_two || (size & (size - 1)) == 0;
}

static void create(struct reducer *reducer, const struct allreduce_ops *ops, size_t count, size_t bucket,
                   enum overlap overlap)
{
    assert_done(reducer_create(reducer, &mpi_group_comm, ops, 16, count, bucket, overlap, NULL));
}

/* A step: the array grows from its end in pieces of `piece`, each of which holds NaN until it is announced.
 */
static void step(struct reducer *reducer, float *array, const float *values, size_t count, size_t piece)
{
    array_poison(array, count);
    reducer_start(reducer, array);
    for (size_t end = count, first; end > 0; end = first) {
        first = end > piece ? end - piece : 0;
        memcpy(array + first, values + first, (end - first) * sizeof *array);
        reducer_ready(reducer, first);
    }
    reducer_finish(reducer);
}

/* Integers, whose sums are exact, so that MPI's must be met to the bit. */
static void test_sums(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 5, 64, COUNT}, buckets[] = {1, 7, 100, COUNT, 5000},
                        pieces[] = {1, 33, 5000};
    float values[COUNT], truth[COUNT], array[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        truth[i] = values[i] = (float)((i * 7 + (size_t)mpi_group_comm.rank * 1000) % 4096);
    MPI_Allreduce(MPI_IN_PLACE, truth, COUNT, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++)
            for (size_t o = 0; o < OVERLAPS; o++) {
                if (counts[c] / buckets[b] > 100)
                    continue;
                struct reducer reducer;
                create(&reducer, &allreduce_list[0], counts[c], buckets[b], overlaps[o]);
                for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
                    step(&reducer, array, values, counts[c], pieces[p]);
                    assert_same_bits("sum", array, truth, counts[c]);
                }
                reducer_destroy(&reducer);
            }
}

/* Whether it overlaps changes no bit, nor how the array was announced; and all ranks have the same. */
static void test_same_bits(void **state)
{
    (void)state;
    float values[COUNT], truth[COUNT], array[COUNT], others[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)ldexp(2 * array_random(1 + (uint64_t)mpi_group_comm.rank, i) - 1, (int)(i % 20));
    for (size_t a = 0; a < 3; a++) {
        if (!usable(&allreduce_list[a]))
            continue;
        struct reducer reducer;
        create(&reducer, &allreduce_list[a], COUNT, 100, OVERLAP_NO);
        step(&reducer, truth, values, COUNT, COUNT);
        reducer_destroy(&reducer);
        memcpy(others, truth, sizeof others);
        MPI_Bcast(others, COUNT, MPI_FLOAT, 0, MPI_COMM_WORLD);
        if (a < 2) /* MPI_Allreduce promises less */
            assert_same_bits("rank 0's sum", truth, others, COUNT);
        create(&reducer, &allreduce_list[a], COUNT, 100, OVERLAP_YES);
        for (size_t piece = 1; piece <= COUNT; piece += 77) {
            step(&reducer, array, values, COUNT, piece);
            assert_same_bits("overlapped", array, truth, COUNT);
        }
        reducer_destroy(&reducer);
    }
}

/* While the caller still computes the first half, buckets of the second are summed already. On a busy
 * machine that may take the thread a while. */
static void test_overlaps(void **state)
{
    (void)state;
    if (mpi_group_comm.size == 1) /* there is nothing to sum */
        skip();
    float values[COUNT] = {0}, array[COUNT];
    for (size_t a = 0; a < 3; a++) {
        if (!usable(&allreduce_list[a]))
            continue;
        struct reducer reducer;
        size_t reduced = 0;
        create(&reducer, &allreduce_list[a], COUNT, 100, OVERLAP_YES);
        memcpy(array, values, sizeof array);
        reducer_start(&reducer, array);
        reducer_ready(&reducer, COUNT / 2);
        for (double deadline = MPI_Wtime() + 30; reduced == 0 && MPI_Wtime() < deadline;) {
            nanosleep(&(struct timespec){0, 1000000}, NULL);
            pthread_mutex_lock(&reducer.mutex);
            reduced = reducer.buckets_reduced;
            pthread_mutex_unlock(&reducer.mutex);
        }
        if (reduced == 0)
            fail_msg("%s: half of the array is complete, and no bucket is summed", allreduce_list[a].name);
        reducer_ready(&reducer, 0);
        reducer_finish(&reducer);
        reducer_destroy(&reducer);
    }
}

static void test_auto_decides(void **state)
{
    (void)state;
    float values[COUNT] = {0}, array[COUNT];
    struct reducer reducer;
    create(&reducer, &allreduce_list[0], COUNT, 100, OVERLAP_AUTO);
    for (int i = 0; i < 2 * REDUCER_TRIALS; i++) {
        if (mpi_group_comm.size > 1)
            assert_int_equal(reducer.choice, OVERLAP_AUTO);
        step(&reducer, array, values, COUNT, 300);
    }
    if (mpi_group_comm.size > 1) {
        int choice = (int)reducer.choice, first = choice;
        assert_int_not_equal(choice, OVERLAP_AUTO);
        MPI_Bcast(&first, 1, MPI_INT, 0, MPI_COMM_WORLD);
        assert_int_equal(choice, first);
        assert_int_equal(reducer.steps, 0);
        step(&reducer, array, values, COUNT, 300);
        assert_int_equal(reducer.steps, 1);
        assert_true(reducer.exposed > 0);
    }
    reducer_destroy(&reducer);
}

/* By our own code, whichever thread runs it. The first step is left out: its memory is new. */
static void test_allocates_nothing(void **state)
{
    (void)state;
    if (!allocations_are_counted())
        skip();
    float values[COUNT] = {0}, array[COUNT];
    for (size_t a = 0; a < 3; a++)
        for (size_t o = 0; o < OVERLAPS && usable(&allreduce_list[a]); o++) {
            struct reducer reducer;
            create(&reducer, &allreduce_list[a], COUNT, 100, overlaps[o]);
            step(&reducer, array, values, COUNT, 300);
            allocations_start_own();
            for (int i = 1; i < 2 * REDUCER_TRIALS + 2; i++) /* AUTO decides meanwhile */
                step(&reducer, array, values, COUNT, 300);
            assert_int_equal(allocations_stop(), 0);
            reducer_destroy(&reducer);
        }
}

/* The count above would see one that the program takes, and not one that a library takes for it. */
static void test_own_allocations_are_seen(void **state)
{
    (void)state;
    if (!allocations_are_counted())
        skip();
    void *(*volatile take)(size_t) = malloc;
    char *(*volatile copy)(const char *) = strdup;
    allocations_start_own();
    void *block = take(10);
    assert_int_equal(allocations_stop(), 1);
    allocations_start_own();
    char *text = copy("libc takes");
    assert_int_equal(allocations_stop(), 0);
    free(block);
    free(text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_auto_decides),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_allocates_nothing),
        cmocka_unit_test(test_own_allocations_are_seen),
    };
    return mpi_group_run(argc, argv, tests);
}
