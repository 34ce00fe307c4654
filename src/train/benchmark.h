#pragma once
/* How fast this machine trains the configuration's network, and where the time goes. */
#include "train/job.h"

/* Trains on one random batch for about so many seconds, and prints a table with the time of every layer's
 * forward, input gradient and weight gradient, and last "throughput: N images/s", from the median step. Data
 * is not read from the file, nothing is written. */
enum status benchmark_run(struct job *job, double seconds);
