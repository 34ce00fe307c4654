#pragma once
/* What a configuration comes to on this machine: data in memory, a network planned for it, shards and
 * threads. Everything that cnn-train does starts from one. */
#include "core/network.h"
#include "dist/comm.h"
#include "dist/node.h"
#include "dist/placement.h"
#include "io/augment.h"
#include "io/config.h"
#include "io/dataset.h"
#include "io/tta.h"
#include "train/step.h"

struct job {
    const struct comm *comm;     /* borrowed */
    const struct config *config; /* borrowed */
    struct node node;            /* the ranks of this host */
    struct placement placement;  /* threads of this rank and of the others */
    bool has_data,
        has_test; /* else the input's shape comes from [network] input, and there is nothing to evaluate */
    struct dataset_split train, test; /* to be read only: the host's ranks may share them */
    struct node_memory train_memory, test_memory;
    struct network network;
    float *class_weights; /* (outputs), of the loss; NULL: all 1 */
    size_t batch; /* samples of a full step: the configuration's, or all there are where that is fewer */
    size_t shards, shard_size; /* the largest of a full batch */
    int threads;
};

/* Collective. Finds the number of threads, and has OpenMP use them, without denormals; reads the data, if the
 * configuration names a file, and plans the network for it. `shards` 0: the configuration's, or as many as
 * ranks. Every check of the configuration against the data is made here, and that all ranks have the same.
 * job_close, collective too, frees. */
enum status job_open(struct job *job, const struct comm *comm, const struct config *config, size_t shards);
void job_close(struct job *job);

/* Another batch than job_open found. Before job_bind. */
void job_set_batch(struct job *job, size_t batch);

/* Binds the network for shards of a batch. */
enum status job_bind(struct job *job, bool training);

/* What a step needs to know of the job. */
struct step_settings job_step_settings(const struct job *job);

/* Prints the tables of layers and run; before job_bind. */
enum status job_print(struct job *job);

/* What is done to training images. */
struct augment job_augment(const struct job *job);

/* From where evaluations look at images. */
enum tta job_tta(const struct job *job);

/* How the network is to see pixels: as the training data says. Not present where there is no data. */
const struct normalization *job_normalization(const struct job *job);
