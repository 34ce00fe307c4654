#pragma once
/* The tables before the start. */
#include "core/network.h"
#include "dist/comm.h"
#include "dist/node.h"
#include "dist/placement.h"
#include "dist/reducer.h"
#include "io/config.h"
#include "io/dataset.h"
#include "train/saver.h"

/* One line per layer: name, type, output, parameters, multiply-adds and memory per sample. */
void summary_print_network(const struct network *network);

/* What a run is about. */
struct summary_run {
    const struct config *config;
    const struct comm *comm;
    const struct node *node;
    const struct placement *placement;
    const struct network *network;
    const struct dataset_split *train, *test; /* NULL: none */
    uint64_t steps;                           /* of the run, where there is data */
    size_t batch, shards, shard_size;
    size_t memory; /* bytes of activations and workspace */
    size_t gradient_arrays;
};
void summary_print_run(const struct summary_run *run);

/* How gradients were summed, and how long a step waited for that. Nothing where there is one rank. */
void summary_print_communication(const struct reducer *reducer);

/* How many checkpoints were written, and how long training stood still for them. Nothing where there was
 * none. */
void summary_print_checkpoints(const struct saver_times *times);
