#pragma once
/* Training: steps, epochs, evaluation, checkpoints. */
#include "train/job.h"
#include "train/start.h"

/* Collective: trains from `start` to the end, or until the run has taken `steps` optimizer steps in all (0:
 * no such limit), stops in time if this process is ended `limit` seconds after it began (0: it is not), and
 * leaves checkpoints and metrics in the output folder. `config_text` is kept in the checkpoints. All ranks
 * return the same: STATUS_STOPPED (a checkpoint is written, run again), STATUS_DIVERGED, STATUS_DATA (images
 * cannot be read any more), STATUS_CHECKPOINT (the last one could not be written), STATUS_INTERNAL. */
enum status trainer_run(struct job *job, struct start *start, const char *config_text, uint64_t steps,
                        double limit);
