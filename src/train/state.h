#pragma once
/* What a run is made of and a checkpoint keeps: weights, optimizer slots and progress, the same on every
 * rank. Rank 0 reads and writes files, the others get what it read. */
#include "core/average.h"
#include "core/optimizer.h"
#include "io/checkpoint.h"
#include "train/job.h"
#include "train/start.h"

struct state {
    const struct job *job;       /* borrowed, bound; its network has the weights */
    struct network *network;     /* the job's */
    struct optimizer *optimizer; /* borrowed */
    struct average *average;     /* borrowed */
    struct progress progress;
    char checkpoint[1024];    /* the last one that was written or read; "": none yet */
    uint64_t *layer_digests;  /* (layers), for state_compare; owned */
    const char **layer_names; /* (layers), owned */
};

/* Collective. The state that the start asks for: new weights, those of --init, or all of a checkpoint. `job`
 * must be bound; it, the optimizer and the average are borrowed. state_destroy frees what the state owns; it
 * may be called on a failure, and on a zeroed one. */
enum status state_create(struct state *state, struct job *job, struct optimizer *optimizer,
                         struct average *average, const struct start *start);
void state_destroy(struct state *state);

/* Collective. The weights of a checkpoint into the network, and how it wants to see pixels;
 * normalization_destroy frees that. */
enum status state_load(const struct comm *comm, const char *path, struct network *network,
                       struct normalization *normalization);

/* Collective. Compares the ranks, then writes a checkpoint into the output folder and removes those that are
 * too many. `best`: the link best.h5 is to point to it. */
enum status state_write(struct state *state, const char *config_text, bool best);

/* Collective. Compares the weights and slots of all ranks, which must have the same bits. STATUS_INTERNAL:
 * they have not; names the rank, its host, and the first layer that differs. */
enum status state_compare(const struct state *state);
