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
#include "train/trial.h"

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
    size_t places;      /* shards that a rank works on at a time */
    size_t memory;      /* bytes of activations and workspace, for all of them */
    size_t read_memory; /* bytes for samples that are read ahead */
    size_t window_runs; /* of the order of samples; 0: all are shuffled together */
    size_t train_slots; /* runs of training images that a rank keeps; 0: all images are in memory */
    size_t gradient_arrays;
};
void summary_print_run(const struct summary_run *run);

/* How gradients were summed, and how long a step waited for that. Nothing where there is one rank. */
void summary_print_communication(const struct reducer *reducer);

/* How long the network waited for its samples, on the rank where that was longest. */
struct summary_waiting {
    uint64_t steps;
    double seconds, waited; /* all steps took; of that */
    int rank;
    const struct trial *trial; /* of rank 0: first is to read ahead */
    double read;               /* bytes of images that each rank read from the file; 0: they were in memory */
};

/* That, and where it is a good part of a run that is long enough to tell, what can be done. Nothing where no
 * step was taken. */
void summary_print_waiting(const struct summary_waiting *waiting, int ranks);

/* How many checkpoints were written, and how long training stood still for them. Nothing where there was
 * none. */
void summary_print_checkpoints(const struct saver_times *times);
