#pragma once
/* How fast this machine trains the configuration's network, and where the time goes. */
#include "train/job.h"

/* Collective, for a job that is planned and not bound. Trains on one random batch for about so many seconds,
 * and prints a table with the time of every layer's forward, input gradient and weight gradient, and last
 * "throughput: N images/s", from the median step. Of the job's data only shapes and numbers are used, and
 * nothing is written. STATUS_INTERNAL for want of memory, on all ranks. */
enum status benchmark_run(struct job *job, double seconds);
