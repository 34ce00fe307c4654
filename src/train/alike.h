#pragma once
/* What all ranks of a job must have alike: mpirun can start other programs, options and folders on some of
 * them than on others, and hosts can hold other files. Each of these functions is collective, and where ranks
 * differ fails on all of them with one message that names those that differ. */
#include "dist/comm.h"
#include "io/config.h"
#include "io/dataset.h"

/* The program's file: first of all, since another program may not ask the rest. STATUS_USAGE. */
enum status alike_program(const struct comm *comm);

/* The command line, of which the caller knows what matters. Leaves the status message alone where all is
 * well. STATUS_USAGE. */
enum status alike_options(const struct comm *comm, uint64_t digest);

/* The configuration in effect; the data's path alone may be another one on another host. STATUS_USAGE. */
enum status alike_config(const struct comm *comm, const struct config *config);

/* The instruction set that the innermost loops use: only a warning, from rank 0, because every rank gets the
 * same sums, but the same run on other hosts has other bits. */
void alike_instructions(const struct comm *comm, const char *name);

/* What the data holds. `test` NULL: there is none. STATUS_DATA. */
enum status alike_data(const struct comm *comm, const struct dataset_split *train,
                       const struct dataset_split *test);
