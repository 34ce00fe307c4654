#pragma once
/* How a run starts: with new weights or on from a checkpoint, and whether its output folder may be written
 * to. Nothing of another run, or of a branch that the run leaves, is lost without --overwrite. */
#include "dist/comm.h"
#include "io/checkpoint.h"
#include "io/config.h"

struct start {
    bool resume, overwrite;
    char checkpoint[1024]; /* to go on from; without `resume` a file whose /model gives the first weights, "":
                              none */
    uint64_t step, epochs; /* of the checkpoint to go on from, epochs completed; 0: a new run */
    size_t shards;         /* of it; 0: a new run */
};

/* Collective: rank 0 looks, all know. What the user asks for: `resume` NULL: a new run, "": go on from the
 * newest checkpoint of the output folder, else from that file; `init` NULL or a file for the first weights.
 * Finds and verifies the checkpoint, checks that the configuration may go on from it, and that the output
 * folder is free: of any run for a new one, of other runs and of newer checkpoints for one that goes on. What
 * `overwrite` lets go must not hold the first weights. STATUS_USAGE or STATUS_CHECKPOINT. */
enum status start_find(struct start *start, const struct comm *comm, const struct config *config,
                       const char *resume, bool overwrite, const char *init);

/* Local, for rank 0. Makes the output folder, removes what `overwrite` lets go, and begins or cuts
 * metrics.csv. */
enum status start_claim_folder(const struct start *start, const struct config *config);
