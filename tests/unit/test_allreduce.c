/* The table, what is refused, and a job of one rank, which has nothing to sum and no MPI. */
#include "dist/allreduce.h"

#include "support/array.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct comm alone = {.size = 1, .world = MPI_COMM_NULL};

static void test_find(void **state)
{
    (void)state;
    static const char *const names[] = {"ring", "tree", "mpi"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct allreduce_ops *ops = allreduce_find(names[i]);
        assert_ptr_equal(ops, &allreduce_list[i]);
        assert_string_equal(ops->name, names[i]);
        assert_true(strlen(ops->help) > 0);
        assert_int_equal(ops->power_of_two, !strcmp(names[i], "tree"));
    }
    assert_null(allreduce_find("rin"));
    assert_null(allreduce_find("ringo"));
    assert_null(allreduce_find(""));
}

static void test_alone(void **state)
{
    (void)state;
    float *array = array_floats(100), *truth = array_floats(100);
    array_fill(array, 100, 1);
    memcpy(truth, array, 100 * sizeof *truth);
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++) {
        struct allreduce allreduce;
        memset(&allreduce, 0xA5, sizeof allreduce);
        assert_done(allreduce_create(&allreduce, ops, &alone, 16));
        assert_false(atomic_load(&allreduce.patient));
        allreduce_run(&allreduce, array, 100);
        allreduce_run(&allreduce, array, 0);
        assert_same_bits(ops->name, array, truth, 100);
        allreduce_destroy(&allreduce);
        allreduce_destroy(&allreduce);
    }
    int started = 1;
    MPI_Initialized(&started);
    assert_false(started);
    free(array);
    free(truth);
}

static void test_zeroed_is_destroyed(void **state)
{
    (void)state;
    struct allreduce allreduce = {0};
    allreduce_destroy(&allreduce);
}

/* Of ranks or of shards: whoever counts them, the words say how many there are and what to choose. */
static void test_powers_of_two(void **state)
{
    (void)state;
    struct comm comm = alone;
    struct allreduce allreduce;
    for (size_t shards = 0; shards <= 70; shards++) {
        bool fits = shards == 1 || shards == 2 || shards == 4 || shards == 8 || shards == 16 ||
                    shards == 32 || shards == 64;
        enum status status = allreduce_create(&allreduce, allreduce_find("tree"), &comm, shards);
        assert_int_equal(status, fits ? STATUS_OK : STATUS_USAGE);
        allreduce_destroy(&allreduce);
        assert_done(allreduce_create(&allreduce, allreduce_find("ring"), &comm, shards));
        allreduce_destroy(&allreduce);
    }
    comm.size = 6;
    assert_failure(allreduce_create(&allreduce, allreduce_find("tree"), &comm, 16), STATUS_USAGE, "tree",
                   "6 ranks", "16 shards", "allreduce = ring", NULL);
    comm.size = 8;
    assert_failure(allreduce_create(&allreduce, allreduce_find("tree"), &comm, 12), STATUS_USAGE, "8 ranks",
                   "12 shards", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_zeroed_is_destroyed),
        cmocka_unit_test(test_powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
