/* Every algorithm against MPI_Allreduce, and its bits. ranks: 1 2 3 4 5 8 16 */
#include "dist/allreduce.h"

#include "support/array.h"
#include "support/mpi_group.h"
#include "support/scratch.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { GUARD = 33, BITS_COUNT = 1009 };

static const struct comm *const comm = &mpi_group_comm;

static bool works(const struct allreduce_ops *ops)
{
    return !ops->power_of_two || (comm->size & (comm->size - 1)) == 0;
}

static void create(struct allreduce *allreduce, const char *name, size_t segment)
{
    assert_done(allreduce_create(allreduce, allreduce_find(name), comm, 16));
    assert_true(segment <= allreduce->segment);
    if (segment)
        allreduce->segment = segment;
}

/* Small integers: their sums are exact in any order. */
static float integer(int rank, size_t i)
{
    return (float)((i * 7 + (size_t)rank * 31) % 1999) - 999;
}

/* Of many magnitudes and both signs: their sums depend on the order. */
static float any(int rank, size_t i)
{
    uint64_t at = (uint64_t)rank * BITS_COUNT + i;
    return (float)ldexp(2 * array_random(1, at) - 1, (int)(24 * array_random(2, at)));
}

/* This rank's, between guards of NaN. */
static float *guarded(size_t count, float (*value)(int rank, size_t i))
{
    float *array = array_floats(count + 2 * GUARD);
    for (size_t i = 0; i < count; i++)
        array[GUARD + i] = value(comm->rank, i);
    return array;
}

/* Against MPI's sum, and nothing beside it. */
static void check(struct allreduce *allreduce, size_t count)
{
    char what[128];
    snprintf(what, sizeof what, "%s, %d ranks, segments of %zu", allreduce->ops->name, comm->size,
             allreduce->segment);
    float *array = guarded(count, integer), *truth = guarded(count, integer);
    if (comm->size > 1)
        MPI_Allreduce(MPI_IN_PLACE, truth + GUARD, (int)count, MPI_FLOAT, MPI_SUM, comm->world);
    allreduce_run(allreduce, array + GUARD, count);
    assert_same_bits(what, array, truth, count + 2 * GUARD);
    free(array);
    free(truth);
}

static void test_sums(void **state)
{
    (void)state;
    const size_t ranks = (size_t)comm->size;
    const size_t counts[] = {0, 1, ranks - 1, ranks, ranks + 1, 1000, 7919};
    static const size_t segments[] = {0, 1, 7, 64}; /* 0: as it comes */
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++)
        for (size_t s = 0; s < sizeof segments / sizeof *segments && works(ops); s++) {
            struct allreduce allreduce;
            create(&allreduce, ops->name, segments[s]);
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
                if (segments[s] == 0 || counts[c] / ranks / segments[s] < 300)
                    check(&allreduce, counts[c]);
            allreduce_destroy(&allreduce);
        }
}

/* Every rank's part is several full segments and a bit. */
static void test_long(void **state)
{
    (void)state;
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++) {
        if (!works(ops))
            continue;
        struct allreduce allreduce;
        create(&allreduce, ops->name, 0);
        check(&allreduce, (size_t)comm->size * (2 * allreduce.segment + 5) + 1);
        allreduce_destroy(&allreduce);
    }
}

struct flipper {
    atomic_bool *patient, stop;
};

static void *flip(void *user)
{
    struct flipper *flipper = user;
    for (bool patient = true; !atomic_load(&flipper->stop); patient = !patient) {
        atomic_store(flipper->patient, patient);
        usleep(100);
    }
    return NULL;
}

/* Patient, and patient every other moment only. */
static void test_patience(void **state)
{
    (void)state;
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++) {
        if (!works(ops))
            continue;
        struct allreduce allreduce;
        struct flipper flipper = {.patient = &allreduce.patient};
        pthread_t thread;
        create(&allreduce, ops->name, 50);
        atomic_store(&allreduce.patient, true);
        check(&allreduce, 1000);
        assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
        for (int again = 0; again < 20; again++)
            check(&allreduce, 1000);
        atomic_store(&flipper.stop, true);
        pthread_join(thread, NULL);
        allreduce_destroy(&allreduce);
    }
}

static void *become_patient(void *user)
{
    usleep(20000);
    atomic_store((atomic_bool *)user, true);
    return NULL;
}

/* The processor time of the calling thread, in seconds. */
static double used_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* Whoever waits for rank 0, which is late, and is told to be patient while he waits, leaves the core alone.
 */
static void test_the_patient_leave_the_core(void **state)
{
    (void)state;
    static const char *const names[] = {"ring", "tree"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        if (!works(allreduce_find(names[n])))
            continue;
        struct allreduce allreduce;
        pthread_t thread;
        create(&allreduce, names[n], 0);
        assert_int_equal(pthread_create(&thread, NULL, become_patient, &allreduce.patient), 0);
        if (comm->rank == 0)
            usleep(400000);
        float *array = guarded(1000, integer);
        double start = used_seconds();
        allreduce_run(&allreduce, array + GUARD, 1000);
        double used = used_seconds() - start;
        pthread_join(thread, NULL);
        free(array);
        if (used > 0.15)
            fail_msg("%s: %.0f of 400 ms were spent waiting", names[n], 1e3 * used);
        allreduce_destroy(&allreduce);
    }
}

struct call {
    struct allreduce *allreduce;
    float *array;
    size_t count;
};

static void *run(void *user)
{
    struct call *call = user;
    allreduce_run(call->allreduce, call->array, call->count);
    return NULL;
}

/* A thread reduces while this one tells the ranks other things: the messages do not meet. */
static void test_beside_other_messages(void **state)
{
    (void)state;
    const int next = (comm->rank + 1) % comm->size, before = (comm->rank + comm->size - 1) % comm->size;
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++) {
        if (!works(ops))
            continue;
        struct allreduce allreduce;
        create(&allreduce, ops->name, 512);
        struct call call = {&allreduce, guarded(7919, integer), 7919};
        call.array += GUARD;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run, &call), 0);
        for (int i = 0; i < 20; i++) {
            int told = comm->rank == 0 ? i : -1, sent = 100 * comm->rank + i, received = -1;
            comm_broadcast(comm, 0, &told, sizeof told);
            assert_int_equal(told, i);
            if (comm->size > 1)
                MPI_Sendrecv(&sent, 1, MPI_INT, next, 0, &received, 1, MPI_INT, before, 0, comm->world,
                             MPI_STATUS_IGNORE);
            assert_int_equal(received, comm->size > 1 ? 100 * before + i : -1);
        }
        pthread_join(thread, NULL);
        for (size_t i = 0; i < call.count; i++) {
            float sum = 0;
            for (int rank = 0; rank < comm->size; rank++)
                sum += integer(rank, i);
            assert_true(call.array[i] == sum);
        }
        free(call.array - GUARD);
        allreduce_destroy(&allreduce);
    }
}

/* All ranks have the same bits, though the order of a sum is the algorithm's own affair. */
static void test_ranks_agree(void **state)
{
    (void)state;
    static const char *const names[] = {"ring", "tree"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        if (!works(allreduce_find(names[n])))
            continue;
        struct allreduce allreduce;
        create(&allreduce, names[n], 50);
        float *array = guarded(BITS_COUNT, any), *of_rank_0 = array_floats(BITS_COUNT);
        allreduce_run(&allreduce, array + GUARD, BITS_COUNT);
        memcpy(of_rank_0, array + GUARD, BITS_COUNT * sizeof *array);
        comm_broadcast(comm, 0, of_rank_0, BITS_COUNT * sizeof *array);
        assert_same_bits(names[n], array + GUARD, of_rank_0, BITS_COUNT);
        free(array);
        free(of_rank_0);
        allreduce_destroy(&allreduce);
    }
}

/* The sum over ranks first .. first+ranks-1 by the definition. */
static float tree(int first, int ranks, size_t i)
{
    return ranks == 1 ? any(first, i) : tree(first, ranks / 2, i) + tree(first + ranks / 2, ranks / 2, i);
}

static void test_tree_is_the_fixed_tree(void **state)
{
    (void)state;
    if (!works(allreduce_find("tree")))
        skip();
    static const size_t segments[] = {0, 7, 100};
    float *truth = array_floats(BITS_COUNT);
    size_t differ = 0; /* from the sum in turn: were it as good, this test would say nothing */
    for (size_t i = 0; i < BITS_COUNT; i++) {
        float in_turn = 0;
        for (int rank = 0; rank < comm->size; rank++)
            in_turn += any(rank, i);
        truth[i] = tree(0, comm->size, i);
        differ += in_turn != truth[i];
    }
    assert_true(comm->size < 4 || differ > BITS_COUNT / 10);
    for (size_t s = 0; s < sizeof segments / sizeof *segments; s++) {
        struct allreduce allreduce;
        create(&allreduce, "tree", segments[s]);
        float *array = guarded(BITS_COUNT, any);
        allreduce_run(&allreduce, array + GUARD, BITS_COUNT);
        assert_same_bits("tree", array + GUARD, truth, BITS_COUNT);
        free(array);
        allreduce_destroy(&allreduce);
    }
    free(truth);
}

/* All ranks refuse together, and none waits. */
static void test_powers_of_two(void **state)
{
    (void)state;
    struct allreduce allreduce;
    assert_failure(allreduce_create(&allreduce, allreduce_find("tree"), comm, 6), STATUS_USAGE,
                   "power of two", "6 shards", "ring", NULL);
    if (!works(allreduce_find("tree")))
        assert_failure(allreduce_create(&allreduce, allreduce_find("tree"), comm, 16), STATUS_USAGE,
                       "power of two", " ranks and 16 shards", "ring", NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_the_patient_leave_the_core),
        cmocka_unit_test(test_beside_other_messages),
        cmocka_unit_test(test_ranks_agree),
        cmocka_unit_test(test_tree_is_the_fixed_tree),
        cmocka_unit_test(test_powers_of_two),
    };
    return mpi_group_run(argc, argv, tests);
}
