#pragma once
/* cmocka under mpirun: every rank runs the same tests, and the job fails where one of them does. */
#include "dist/comm.h"

#include <stddef.h>

/* The job's ranks: set by mpi_group_run, for the tests to use. */
extern struct comm mpi_group_comm;

/* Starts MPI, runs the tests on all ranks (ranks other than 0 report failures only), ends MPI. For main to
 * return: 0 where every test passed on every rank. `tests`: an array of struct CMUnitTest. */
#define mpi_group_run(argc, argv, tests)                                                                     \
    (mpi_group_start(&(argc), &(argv)),                                                                      \
     mpi_group_end(_cmocka_run_group_tests(#tests, tests, sizeof(tests) / sizeof *(tests), NULL, NULL)))
void mpi_group_start(int *argc, char ***argv);
int mpi_group_end(int failures);
