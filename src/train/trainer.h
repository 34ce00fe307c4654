#pragma once
/* Training: steps, epochs, evaluation, checkpoints. */
#include "train/job.h"

enum trainer_start {
    TRAINER_NEW,       /* into a folder that holds no run */
    TRAINER_OVERWRITE, /* into a folder whose run may go */
    TRAINER_RESUME,    /* on from a checkpoint */
};

struct trainer_options {
    enum trainer_start start;
    const char *checkpoint; /* of TRAINER_RESUME: the file to go on from; of others NULL, or a file whose
                               /model gives the first weights */
    uint64_t steps;         /* stop when so many optimizer steps have been taken in all; 0: no such limit */
};

/* Before job_open with TRAINER_RESUME: finds the checkpoint (`given`, or the newest of the configuration's
 * output folder where that is NULL), checks that the configuration may go on from it, and gives its number of
 * shards. */
enum status trainer_find_checkpoint(const struct config *config, const char *given, char path[1024],
                                    size_t *shards);

/* Before job_open with TRAINER_NEW: STATUS_CHECKPOINT where the output folder holds a run already. */
enum status trainer_check_folder(const struct config *config);

/* Collective: trains to the end, or to options->steps, and leaves checkpoints and metrics in the output
 * folder. `config_text` is kept in the checkpoints. */
enum status trainer_run(struct job *job, const char *config_text, const struct trainer_options *options);
