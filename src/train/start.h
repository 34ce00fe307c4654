#pragma once
/* How a run starts: with new weights or on from a checkpoint, and whether its output folder may be written
 * to. Nothing of another run, or of a branch that the run leaves, is lost without --overwrite. */
#include "dist/comm.h"
#include "io/checkpoint.h"
#include "io/claim.h"
#include "io/config.h"

struct start {
    bool resume, overwrite;
    char checkpoint[1024]; /* to go on from; without `resume` a file whose /model gives the first weights, "":
                              none */
    uint64_t step, epochs; /* of the checkpoint to go on from, epochs completed; 0: a new run */
    size_t shards;         /* of it; 0: a new run */
    double window;         /* of it: data.window; 0: a new run */
    struct shape input;    /* of it, as its configuration says; 0x0x0: unknown */
    bool allow_data;       /* it may have been trained on other data */
    char changes[2048];    /* keys that differ from its configuration, "  train.lr 0.05 -> 0.01\n" each */
    char asked[512]; /* those of them that only --allow-change lets differ, "train.batch 32 -> 64\n" each */
    struct claim claim; /* rank 0's, on the output folder; elsewhere nothing is claimed */
};

/* What the user asks for. */
struct start_wish {
    const char *resume; /* NULL: a new run; "": go on from the newest checkpoint of the output folder, else
                           from that file */
    bool overwrite;
    const char *init;  /* a file for the first weights, or NULL */
    const char *allow; /* what may differ from the checkpoint though a run keeps it: "batch,data"; or NULL */
};

/* STATUS_USAGE where `allow` has a word that is none, naming the nearest. */
enum status start_check_allow(const char *allow);

/* Collective: rank 0 looks, all know.
 * Locks the output folder before it looks, so that nobody else decides by the same look; what it made of it
 * is gone after a failure.
 * Finds and verifies the checkpoint, checks that the configuration may go on from it, and that the output
 * folder is free: of any run for a new one, of other runs and of newer checkpoints for one that goes on. What
 * `overwrite` lets go must not hold the first weights. STATUS_USAGE or STATUS_CHECKPOINT. */
enum status start_find(struct start *start, const struct comm *comm, const struct config *config,
                       const struct start_wish *wish);

/* Local, for rank 0. Puts this start's token into the output folder, removes what `overwrite` lets go, and
 * begins or cuts metrics.csv. */
enum status start_claim_folder(struct start *start, const struct config *config);

/* Local. Unlocks the output folder; after a failed start_find too. */
void start_release(struct start *start);
