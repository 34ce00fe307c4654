/* The environments that launchers make. */
#include "dist/launcher.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Out of "NAME=VALUE NAME=VALUE". */
static struct launcher find(const char *text)
{
    char copy[512], *rest = NULL;
    assert_int_equal(clearenv(), 0);
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = 0;
        setenv(word, equals + 1, 1);
    }
    return launcher_find();
}

static void expect(const char *text, enum launcher_kind kind, bool speaks, int rank, int size)
{
    struct launcher l = find(text);
    if (l.kind != kind || l.speaks != speaks || l.rank != rank || l.size != size)
        fail_msg("%s: kind %d, speaks %d, rank %d of %d", text, (int)l.kind, l.speaks, l.rank, l.size);
}

static void test_alone(void **state)
{
    (void)state;
    expect("", LAUNCHER_NONE, false, 0, 1);
    expect("HOME=/home/me PATH=/bin", LAUNCHER_NONE, false, 0, 1);
    /* a command of a batch script; SLURM_PROCID is there, a step is not */
    expect("SLURM_JOB_ID=7 SLURM_NTASKS=16 SLURM_NPROCS=16 SLURM_PROCID=0 SLURM_NNODES=4", LAUNCHER_NONE,
           false, 0, 1);
    expect("SLURM_STEP_NUM_TASKS=8", LAUNCHER_NONE, false, 0, 1);
    /* a shell of salloc is a step of one task */
    expect("SLURM_JOB_ID=7 SLURM_NTASKS=16 SLURM_PROCID=0 SLURM_STEP_ID=4294967290 SLURM_STEP_NUM_TASKS=1",
           LAUNCHER_SRUN, false, 0, 1);
}

static void test_mpirun(void **state)
{
    (void)state;
    expect("OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0 PMIX_RANK=0", LAUNCHER_MPIRUN, true, 0, 1);
    expect("OMPI_COMM_WORLD_SIZE=16 OMPI_COMM_WORLD_RANK=3 PMIX_RANK=3", LAUNCHER_MPIRUN, true, 3, 16);
    /* in an allocation its daemons are a step of srun */
    expect("OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0 PMIX_RANK=0 SLURM_STEP_ID=2 SLURM_PROCID=1 "
           "SLURM_STEP_NUM_TASKS=3",
           LAUNCHER_MPIRUN, true, 0, 1);
}

static void test_srun(void **state)
{
    (void)state;
    expect("SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4", LAUNCHER_SRUN, false, 2, 4);
    expect("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1", LAUNCHER_SRUN, false, 0, 1);
    expect("SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4 PMIX_RANK=2 PMIX_NAMESPACE=slurm.pmix.7.0",
           LAUNCHER_SRUN, true, 2, 4);
    expect("SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4 PMI_RANK=2 PMI_SIZE=4 PMI_FD=9",
           LAUNCHER_SRUN, true, 2, 4);
    /* a PMIx below srun that is not its own: one process on a node of three */
    expect("SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=3 PMIX_RANK=0 PMIX_NAMESPACE=prterun-n1-77@1",
           LAUNCHER_SRUN, true, 0, 1);
}

static void test_others(void **state)
{
    (void)state;
    expect("PMI_RANK=5 PMI_SIZE=8", LAUNCHER_OTHER, true, 5, 8);
    expect("PMI_RANK=5", LAUNCHER_OTHER, true, 5, 6);
    expect("PMIX_RANK=1 PMIX_NAMESPACE=x", LAUNCHER_OTHER, true, 1, 2);
    expect("PMIX_RANK=0 PMIX_NAMESPACE=x", LAUNCHER_OTHER, true, 0, 1);
    expect("PMI_SIZE=1 PMI_RANK=0", LAUNCHER_OTHER, true, 0, 1);
}

/* What is no number counts as not told. */
static void test_nonsense(void **state)
{
    (void)state;
    expect("OMPI_COMM_WORLD_SIZE= OMPI_COMM_WORLD_RANK=x", LAUNCHER_MPIRUN, true, 0, 1);
    expect("OMPI_COMM_WORLD_SIZE=4x OMPI_COMM_WORLD_RANK=-1", LAUNCHER_MPIRUN, true, 0, 1);
    expect("OMPI_COMM_WORLD_SIZE=99999999999999 OMPI_COMM_WORLD_RANK=0", LAUNCHER_MPIRUN, true, 0, 1);
}

static void test_check(void **state)
{
    (void)state;
    struct launcher l = find("SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4");
    assert_failure(launcher_check(&l, 1), STATUS_USAGE, "one of 4 processes", "srun --mpi=pmix", "mpirun",
                   "env -u SLURM_STEP_NUM_TASKS", NULL);
    assert_int_equal(launcher_check(&l, 4), STATUS_OK);
    l = find("OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1");
    assert_failure(launcher_check(&l, 1), STATUS_USAGE, "one of 4 processes", "the mpirun of the MPI", NULL);
    assert_null(strstr(status_message(), "srun"));
    assert_int_equal(launcher_check(&l, 4), STATUS_OK);
    l = find("OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0");
    assert_int_equal(launcher_check(&l, 1), STATUS_OK);
    l = find("");
    assert_int_equal(launcher_check(&l, 1), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),  cmocka_unit_test(test_mpirun),   cmocka_unit_test(test_srun),
        cmocka_unit_test(test_others), cmocka_unit_test(test_nonsense), cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
