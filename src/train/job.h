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
#include "io/stream.h"
#include "io/tta.h"
#include "train/order.h"
#include "train/reader.h"
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
    size_t cache;       /* bytes for training images of which job_bind keeps runs, where they are streamed */
    double window;      /* data.window, decided */
    size_t window_runs; /* of the order of samples; 0: all are shuffled together */
    struct stream train_stream, test_stream; /* where images are in the file, from job_bind on */
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

/* Tells where bfloat16 is asked for and has no instructions on this processor. */
void job_warn_bf16(const struct config *config);

/* Another batch than job_open found. Before job_bind. */
void job_set_batch(struct job *job, size_t batch);

/* Collective. Binds the network for shards of a batch, and opens what is streamed. STATUS_INTERNAL for want
 * of memory, STATUS_DATA for a file that cannot be opened any more; on all ranks. */
enum status job_bind(struct job *job, bool training);

/* What a step needs to know of the job. */
struct step_settings job_step_settings(const struct job *job);

/* Collective. Prints the tables of layers and run; before job_bind. STATUS_INTERNAL for want of memory. */
enum status job_print(struct job *job);

/* The order of training samples. */
struct order_settings job_order(const struct job *job);

/* Where images are read from; NULL: they are in memory. */
struct stream *job_train_stream(struct job *job);
struct stream *job_test_stream(struct job *job);

/* Takes the reader's memory for images from files, where there are any. */
enum status job_stage(const struct job *job, struct reader *reader);

/* What is done to training images. */
struct augment job_augment(const struct job *job);

/* From where evaluations look at images. */
enum tta job_tta(const struct job *job);

/* How the network is to see pixels: as the training data says. Not present where there is no data. */
const struct normalization *job_normalization(const struct job *job);
