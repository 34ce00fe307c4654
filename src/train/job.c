#include "train/job.h"

#include "core/log.h"
#include "core/text.h"
#include "dist/tree_sum.h"
#include "train/summary.h"

#include <omp.h>
#include <string.h>

/* (3, 32, 32), as PyTorch's users have it, and not 3 rows of 32 pixels with 32 channels each. */
static bool looks_channels_first(struct shape shape)
{
    return shape.h <= 4 && shape.w > 4 && shape.c > 4;
}

static enum status read_data(struct job *job)
{
    const struct config *config = job->config;
    enum status status = dataset_read(&job->train, config->data.file, "train", true);
    if (status)
        return status;
    job->has_data = true;
    if (dataset_exists(config->data.file, "test")) {
        status = dataset_read(&job->test, config->data.file, "test", true);
        job->has_test = !status;
    }
    char a[64], b[64];
    if (!status && job->has_test && !shape_equal(job->train.shape, job->test.shape))
        return status_set(STATUS_DATA, "%s: /train/images are %s, /test/images %s", config->data.file,
                          shape_text(a, job->train.shape), shape_text(b, job->test.shape));
    if (!status && looks_channels_first(job->train.shape))
        log_warn("%s: images of %s: if that is channels, rows, columns, put the channels last; rows are "
                 "expected first",
                 config->data.file, shape_text(a, job->train.shape));
    struct shape wanted = config->network.input;
    if (!status && wanted.h && !shape_equal(wanted, job->train.shape))
        return status_set(STATUS_DATA, "%s: images are %s, but [network] input = %s", config->data.file,
                          shape_text(a, job->train.shape), shape_text(b, wanted));
    return status;
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

enum status job_open(struct job *job, const struct comm *comm, const struct config *config, size_t shards)
{
    *job = (struct job){.comm = comm, .config = config, .threads = omp_get_max_threads()};
    job->shards = shards                       ? shards
                  : config->distributed.shards ? config->distributed.shards
                                               : (size_t)comm->size;
    enum status status = config->data.file[0] ? read_data(job) : STATUS_OK;
    bool smaller = job->has_data && job->train.count < config->train.batch;
    job_set_batch(job, smaller ? job->train.count : config->train.batch);
    if (!status)
        status = plan(job);
    status = comm_agree(comm, status);
    if (status)
        job_close(job);
    return status;
}

void job_set_batch(struct job *job, size_t batch)
{
    job->batch = batch;
    job->shard_size = step_shard_size(batch, job->shards);
}

void job_close(struct job *job)
{
    dataset_destroy(&job->train);
    dataset_destroy(&job->test);
    network_destroy(&job->network);
    *job = (struct job){0};
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
                                  .overlap = overlaps[c->distributed.overlap]};
}

enum status job_print(struct job *job)
{
    struct summary_run run = {
        .config = job->config,
        .comm = job->comm,
        .network = &job->network,
        .train = job->has_data ? &job->train : NULL,
        .test = job->has_test ? &job->test : NULL,
        .batch = job->batch,
        .shards = job->shards,
        .shard_size = job->shard_size,
        .threads = job->threads,
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
