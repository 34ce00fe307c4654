/* What one process can tell of the ranks: without a launcher it is rank 0 of 1, and MPI is not touched. */
#include "dist/comm.h"

#include "core/log.h"
#include "support/scratch.h"

#include <mpi.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The tests themselves may have been started by a launcher. */
static void forget_launcher(void)
{
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
                                        "SLURM_STEP_ID"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        unsetenv(marks[i]);
}

static void assert_mpi_untouched(void)
{
    int started = 1;
    MPI_Initialized(&started);
    assert_false(started);
}

static struct comm create(void)
{
    static char name[] = "program", *words[] = {name, NULL}, **argv = words;
    int argc = 1;
    struct comm comm;
    memset(&comm, 0xA5, sizeof comm);
    forget_launcher();
    assert_done(comm_create(&comm, &argc, &argv));
    assert_int_equal(argc, 1);
    assert_ptr_equal(argv, words);
    return comm;
}

static void test_alone(void **state)
{
    (void)state;
    char host[COMM_HOST_MAX] = "";
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    for (int again = 0; again < 2; again++) {
        struct comm comm = create();
        assert_int_equal(comm.rank, 0);
        assert_int_equal(comm.size, 1);
        assert_string_equal(comm.host, host);
        assert_true(log_is_speaker());
        assert_mpi_untouched();
        comm_destroy(&comm);
        assert_int_equal(comm.size, 1);
        assert_mpi_untouched();
    }
}

/* The message stays as it was: there is no other rank to tell it from. */
static void test_agree(void **state)
{
    (void)state;
    static const enum status all[] = {STATUS_INTERNAL,   STATUS_USAGE,    STATUS_DATA,
                                      STATUS_CHECKPOINT, STATUS_DIVERGED, STATUS_STOPPED};
    struct comm comm = create();
    assert_int_equal(comm_agree(&comm, STATUS_OK), STATUS_OK);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        status_set(all[i], "what happened");
        assert_int_equal(comm_agree(&comm, all[i]), all[i]);
        assert_string_equal(status_message(), "what happened");
    }
    assert_mpi_untouched();
    comm_destroy(&comm);
}

static void test_broadcast_text(void **state)
{
    (void)state;
    struct comm comm = create();
    char given[] = "a text", *text = given;
    assert_done(comm_broadcast_text(&comm, STATUS_OK, &text));
    assert_ptr_equal(text, given);
    assert_string_equal(text, "a text");
    text = NULL;
    status_set(STATUS_USAGE, "no such file");
    assert_failure(comm_broadcast_text(&comm, STATUS_USAGE, &text), STATUS_USAGE, "no such file", NULL);
    assert_null(text);
    assert_mpi_untouched();
    comm_destroy(&comm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_agree),
        cmocka_unit_test(test_broadcast_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
