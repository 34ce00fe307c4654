#include "train/job.h"

#include "core/denormals.h"
#include "core/kernels/isa.h"
#include "core/log.h"
#include "core/text.h"
#include "dist/tree_sum.h"
#include "dist/watch.h"
#include "train/alike.h"
#include "train/recipe.h"
#include "train/shared_data.h"
#include "train/summary.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* (3, 32, 32), as PyTorch's users have it, and not 3 rows of 32 pixels with 32 channels each. */
static bool looks_channels_first(struct shape shape)
{
    return shape.h <= 4 && shape.w > 4 && shape.c > 4;
}

static enum status read_data(struct job *job)
{
    const char *path = job->config->data.file;
    struct data_source source = {job->comm, &job->node, path, job->config->data.share};
    watch_enter(job->comm->watch, WATCH_READ);
    enum status status = shared_data_read(&source, "train", &job->train, &job->train_memory, NULL);
    if (!status)
        status = shared_data_read(&source, "test", &job->test, &job->test_memory, &job->has_test);
    if (!status)
        status = status_prefix(alike_data(job->comm, &job->train, job->has_test ? &job->test : NULL),
                               "%s: ", path);
    job->has_data = !status;
    return status;
}

static enum status check_images(const struct job *job)
{
    const char *path = job->config->data.file;
    struct shape wanted = job->config->network.input;
    char a[64], b[64];
    enum status status = job->has_test ? dataset_splits_match(&job->train, &job->test) : STATUS_OK;
    if (status)
        return status;
    if (looks_channels_first(job->train.shape) && log_is_speaker())
        log_warn("%s: images of %s: if that is channels, rows, columns, put the channels last; rows are "
                 "expected first",
                 path, shape_text(a, job->train.shape));
    if (wanted.h && !shape_equal(wanted, job->train.shape))
        return status_set(STATUS_DATA, "%s: images are %s, but [network] input = %s", path,
                          shape_text(a, job->train.shape), shape_text(b, wanted));
    return STATUS_OK;
}

static enum status plan(struct job *job)
{
    const struct config *config = job->config;
    struct shape input = job->has_data ? job->train.shape : config->network.input;
    if (!input.h)
        return status_set(
            STATUS_USAGE,
            "%s: neither [data] file nor [network] input is given, so that the input's shape is unknown",
            config->path);
    enum status status =
        network_plan(&job->network, input, config->network.lines, config->network.line_count);
    if (status || !job->has_data)
        return status;
    enum loss_kind loss = network_last(&job->network)->ops->loss;
    size_t outputs = network_outputs(&job->network);
    status = dataset_fits(&job->train, loss, outputs);
    if (!status && job->has_test)
        status = dataset_fits(&job->test, loss, outputs);
    return status;
}

/* A process without launcher leaves its threads to OpenMP. */
static enum status place(struct job *job)
{
    const struct comm *comm = job->comm;
    int threads = omp_get_max_threads();
    job->placement = (struct placement){threads, threads, threads};
    enum status status = STATUS_OK;
    node_create(&job->node, comm);
    if (comm->world != MPI_COMM_NULL)
        status = placement_find(&job->placement, comm, &job->node);
    job->threads = job->placement.threads;
    omp_set_num_threads(job->threads);
    denormals_flush_team(job->threads);
    return status;
}

enum status job_open(struct job *job, const struct comm *comm, const struct config *config, size_t shards)
{
    *job = (struct job){.comm = comm, .config = config};
    job->shards = shards                       ? shards
                  : config->distributed.shards ? config->distributed.shards
                                               : (size_t)comm->size;
    enum status status = place(job);
    if (!status && config->data.file[0])
        status = read_data(job);
    bool smaller = job->has_data && job->train.count < config->train.batch;
    job_set_batch(job, smaller ? job->train.count : config->train.batch);
    if (!status && job->has_data)
        status = check_images(job);
    if (!status)
        status = plan(job);
    if (!status)
        status = recipe_class_weights(job, &job->class_weights);
    status = comm_agree(comm, status);
    if (status)
        job_close(job);
    else
        alike_instructions(comm, isa_choose()->name);
    return status;
}

void job_set_batch(struct job *job, size_t batch)
{
    job->batch = batch;
    job->shard_size = step_shard_size(batch, job->shards);
}

void job_close(struct job *job)
{
    network_destroy(&job->network);
    free(job->class_weights);
    shared_data_release(&job->train, &job->train_memory);
    shared_data_release(&job->test, &job->test_memory);
    node_destroy(&job->node);
    *job = (struct job){.node.comm = MPI_COMM_NULL};
}

enum status job_bind(struct job *job, bool training)
{
    return network_bind(&job->network, job->shard_size, training, job->threads);
}

struct step_settings job_step_settings(const struct job *job)
{
    const struct config *c = job->config;
    static const enum overlap overlaps[] = {[CONFIG_OVERLAP_AUTO] = OVERLAP_AUTO,
                                            [CONFIG_OVERLAP_YES] = OVERLAP_YES,
                                            [CONFIG_OVERLAP_NO] = OVERLAP_NO};
    return (struct step_settings){.shards = job->shards,
                                  .clip_norm = c->train.clip_norm,
                                  .seed = c->run.seed,
                                  .allreduce = &allreduce_list[c->distributed.allreduce],
                                  .bucket = c->distributed.bucket * 1024 / sizeof(float),
                                  .overlap = overlaps[c->distributed.overlap],
                                  .label_smoothing = (float)c->train.label_smoothing,
                                  .class_weights = job->class_weights};
}

enum status job_print(struct job *job)
{
    struct summary_run run = {
        .config = job->config,
        .comm = job->comm,
        .node = &job->node,
        .placement = &job->placement,
        .network = &job->network,
        .train = job->has_data ? &job->train : NULL,
        .test = job->has_test ? &job->test : NULL,
        .batch = job->batch,
        .shards = job->shards,
        .shard_size = job->shard_size,
        .gradient_arrays = tree_sum_levels(shard_owned(job->shards, (size_t)job->comm->size, 0).count),
    };
    enum status status = network_memory(&job->network, job->shard_size, true, job->threads, &run.memory);
    if (status)
        return status;
    summary_print_network(&job->network);
    summary_print_run(&run);
    return STATUS_OK;
}

const struct normalization *job_normalization(const struct job *job)
{
    return &job->train.normalization;
}
