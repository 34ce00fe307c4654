#pragma once
/* What a run is made of and a checkpoint keeps: weights, optimizer slots and progress, the same on every
 * rank. Rank 0 reads and writes files, the others get what it read. */
#include "core/average.h"
#include "core/optimizer.h"
#include "io/checkpoint.h"
#include "train/job.h"
#include "train/saver.h"
#include "train/start.h"

struct state {
    struct job *job;             /* borrowed, bound; its network has the weights */
    struct network *network;     /* the job's */
    struct optimizer *optimizer; /* borrowed */
    struct claim *claim;         /* the start's, borrowed */
    struct average *average;     /* borrowed */
    struct progress progress;
    char library[COMM_LIBRARY_MAX]; /* MPI's name and version */
    char *hosts;                    /* rank 0's: of all ranks; owned */
    char *changes;            /* rank 0's: what the run was let change, a line each; owned; NULL: nothing */
    char checkpoint[1024];    /* the last one that was read, or written before state_finish; "": none yet */
    struct saver saver;       /* rank 0's */
    uint64_t *layer_digests;  /* (layers), for state_compare; owned */
    const char **layer_names; /* (layers), owned */
};

/* Collective. The state that the start asks for: new weights, those of --init, or all of a checkpoint. `job`
 * must be bound; it, the optimizer, the average and the start are borrowed. state_destroy frees what the
 * state owns; it may be called on a failure, and on a zeroed one. */
enum status state_create(struct state *state, struct job *job, struct optimizer *optimizer,
                         struct average *average, struct start *start);
void state_destroy(struct state *state);

/* Collective. The weights of a checkpoint into the network, and how it wants to see pixels;
 * normalization_destroy frees that. */
enum status state_load(const struct comm *comm, const char *path, struct network *network,
                       struct normalization *normalization);

/* Collective. Compares the ranks, then has rank 0 write a checkpoint into the output folder, and remove those
 * that are too many, while the caller goes on (train/saver.h). `config_text` must stay until state_finish. */
enum status state_write(struct state *state, const char *config_text, const struct save *save);

/* Collective. Waits until everything is on the disk; all ranks then know the last checkpoint.
 * STATUS_CHECKPOINT: the last one that was asked for could not be written. */
enum status state_finish(struct state *state);

/* Whether all that a checkpoint keeps of this rank are finite numbers; else `what` names the first array that
 * is not: "weights", "momentum". */
bool state_is_finite(const struct state *state, const char **what);

/* Collective. Compares the weights and slots of all ranks, which must have the same bits. STATUS_INTERNAL:
 * they have not; names the rank, its host, and the first layer that differs. */
enum status state_compare(const struct state *state);
