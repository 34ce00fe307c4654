#include "train/job.h"

#include "core/denormals.h"
#include "core/kernels/bf16.h"
#include "core/kernels/isa.h"
#include "core/log.h"
#include "core/text.h"
#include "dist/allreduce.h"
#include "dist/shard.h"
#include "dist/tree_sum.h"
#include "dist/watch.h"
#include "io/digest.h"
#include "train/alike.h"
#include "train/data_plan.h"
#include "train/reader.h"
#include "train/recipe.h"
#include "train/shared_data.h"
#include "train/summary.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* (3, 32, 32), as PyTorch's users have it, and not 3 rows of 32 pixels with 32 channels each. */
static bool looks_channels_first(struct shape shape)
{
    return shape.h <= 4 && shape.w > 4 && shape.c > 4;
}

/* Of this host; only who is to read the file needs it. */
static struct data_plan plan_data(const struct job *job)
{
    const struct config *c = job->config;
    bool share = c->data.share && job->node.size > 1;
    double bytes[2] = {0}, memory = c->data.memory ? (double)c->data.memory * 1048576 : data_plan_memory();
    if (!share || job->node.rank == 0) {
        bytes[0] = dataset_images_bytes(c->data.file, "train");
        bytes[1] = dataset_images_bytes(c->data.file, "test");
    }
    if (share)
        node_broadcast(&job->node, bytes, sizeof bytes);
    return data_plan_make(memory, bytes[0], bytes[1], job->node.size, c->data.share);
}

/* Collective. How the samples are shuffled, which all ranks must do alike: as wide as the one with the least
 * memory can. Of data that lie otherwise in their file the windows are others, though they be the same. */
static void find_window(struct job *job)
{
    int rank;
    bool streams = comm_first(job->comm, !job->train.images) >= 0;
    double cache = job->train.images ? INFINITY : (double)job->cache,
           bytes = (double)job->train.count * (double)dataset_image_bytes(&job->train);
    cache = -comm_largest(job->comm, -cache, &rank);
    job->window = job->config->data.window > 0 ? job->config->data.window
                  : streams                    ? data_plan_window(cache, bytes)
                                               : 1;
    job->window_runs = data_plan_window_runs(job->window, dataset_runs(&job->train));
    const uint64_t digests[] = {job->train.digest, job->train.run};
    if (job->window_runs)
        job->train.digest = digest_bytes(digests, sizeof digests);
}

static enum status read_data(struct job *job)
{
    const char *path = job->config->data.file;
    struct data_plan plan = plan_data(job);
    struct data_source source = {job->comm, &job->node, path, job->config->data.share, plan.train_limit};
    watch_enter(job->comm->watch, WATCH_READ);
    enum status status = shared_data_read(&source, "train", &job->train, &job->train_memory, NULL);
    source.limit = plan.test_limit;
    if (!status)
        status = shared_data_read(&source, "test", &job->test, &job->test_memory, &job->has_test);
    job->cache = plan.cache;
    if (!status)
        find_window(job);
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

/* Statistics are of a shard, or of the batch: what a layer asks for that these cannot give. */
static enum status check_statistics(const struct job *job)
{
    for (size_t i = 0; i < job->network.layer_count; i++) {
        const struct layer *layer = &job->network.layers[i];
        const char *where = job->config->network.lines[i].where;
        size_t samples = layer->statistics_global ? job->batch : job->shard_size;
        if (layer->statistics_over && layer->statistics_over * samples < 2)
            return status_set(STATUS_USAGE,
                              "%s: layer `%s`: a %s has one value per channel, of which there are no "
                              "statistics: take a larger train.batch%s",
                              where, layer->name, layer->statistics_global ? "batch" : "shard",
                              layer->statistics_global ? "" : ", or fewer distributed.shards");
    }
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
    if (!status)
        network_set_bf16(&job->network, config->train.precision == CONFIG_BF16);
    if (!status)
        status = check_statistics(job);
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

void job_warn_bf16(const struct config *config)
{
    if (config->train.precision == CONFIG_BF16 && !bf16_is_fast() && log_is_speaker())
        log_warn("train.precision = bf16, but this processor, or what CNN_ISA names, has no instructions for "
                 "bfloat16 (AVX512-BF16): they are imitated, which is slower than float32");
}

/* Ranks without a sample in a full batch wait for the others, step by step. */
static void warn_idle(const struct job *job)
{
    size_t ranks = (size_t)job->comm->size, idle = 0;
    for (size_t rank = 0; rank < ranks; rank++) {
        struct range own = shard_owned(job->shards, ranks, rank);
        size_t samples = 0;
        for (size_t s = own.first; s < own.first + own.count; s++)
            samples += shard_samples(job->batch, job->shards, s).count;
        idle += samples == 0;
    }
    if (idle && log_is_speaker())
        log_warn("%zu of %zu ranks have nothing to do, since a batch of %zu is cut into %zu shards: start "
                 "fewer, or "
                 "raise %s",
                 idle, ranks, job->batch, job->shards,
                 job->shards < ranks ? "distributed.shards" : "train.batch");
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
    const struct augment augment = job_augment(job);
    if (!status)
        status = status_prefix(augment_check(&augment, job->network.input), "%s: ", config->path);
    if (!status)
        status = status_prefix(tta_check(job_tta(job), job->network.input), "%s: ", config->path);
    if (!status)
        status = allreduce_check(&allreduce_list[config->distributed.allreduce], comm->size, job->shards);
    status = comm_agree(comm, status);
    if (status) {
        job_close(job);
        return status;
    }
    alike_instructions(comm, isa_choose()->name);
    if (config->train.precision == CONFIG_BF16)
        alike_instructions(comm, bf16_kernel()->name);
    job_warn_bf16(config);
    warn_idle(job);
    return STATUS_OK;
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
    stream_destroy(&job->train_stream);
    stream_destroy(&job->test_stream);
    shared_data_release(&job->train, &job->train_memory);
    shared_data_release(&job->test, &job->test_memory);
    node_destroy(&job->node);
    *job = (struct job){.node.comm = MPI_COMM_NULL};
}

/* Of training images, as planned; test images are read one after the other. */
static size_t train_slots(const struct job *job)
{
    size_t wanted = data_plan_slots(job->window_runs, dataset_runs(&job->train)),
           fit = stream_slots(&job->train, job->cache);
    return fit < wanted ? fit : wanted;
}

enum { TEST_SLOTS = 2 };

enum status job_bind(struct job *job, bool training)
{
    enum status status = network_bind(&job->network, job->shard_size, training, job->threads);
    if (!status && training && job->has_data && !job->train.images)
        status = stream_create(&job->train_stream, &job->train, train_slots(job));
    if (!status && job->has_test && !job->test.images)
        status = stream_create(&job->test_stream, &job->test, TEST_SLOTS);
    return status;
}

struct stream *job_train_stream(struct job *job)
{
    return job->train_stream.split ? &job->train_stream : NULL;
}

struct stream *job_test_stream(struct job *job)
{
    return job->test_stream.split ? &job->test_stream : NULL;
}

enum status job_stage(const struct job *job, struct reader *reader)
{
    bool train = job->train_stream.split, test = job->test_stream.split;
    return train || test
               ? reader_stage(reader, dataset_image_bytes(&job->train), train ? 2 * job->window_runs : 0)
               : STATUS_OK;
}

struct order_settings job_order(const struct job *job)
{
    const struct config *c = job->config;
    return (struct order_settings){c->run.seed, c->data.shuffle, job->train.run, job->window_runs};
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
                                  .mixup = c->augment.mixup,
                                  .label_smoothing = (float)c->train.label_smoothing,
                                  .class_weights = job->class_weights};
}

struct augment job_augment(const struct job *job)
{
    const struct config *c = job->config;
    return (struct augment){.flip = (enum augment_flip)c->augment.flip,
                            .pad = c->augment.pad,
                            .padding = (enum augment_padding)c->augment.padding,
                            .cutout = c->augment.cutout,
                            .brightness = c->augment.brightness,
                            .contrast = c->augment.contrast,
                            .seed = c->run.seed};
}

enum tta job_tta(const struct job *job)
{
    return (enum tta)job->config->evaluate.tta;
}

enum status job_print(struct job *job)
{
    size_t owned = shard_most(job->shards, (size_t)job->comm->size);
    struct summary_run run = {
        .config = job->config,
        .comm = job->comm,
        .node = &job->node,
        .placement = &job->placement,
        .network = &job->network,
        .train = job->has_data ? &job->train : NULL,
        .test = job->has_test ? &job->test : NULL,
        .steps = job->has_data ? recipe_steps(job) : 0,
        .batch = job->batch,
        .shards = job->shards,
        .shard_size = job->shard_size,
        .places = step_places(&job->network, job->shards, owned),
        .gradient_arrays = tree_sum_levels(owned),
    };
    enum status status = network_memory(&job->network, job->shard_size, true, job->threads, &run.memory);
    if (status)
        return status;
    run.memory *= run.places;
    run.read_memory = reader_memory(&job->network, job->shard_size);
    run.window_runs = job->window_runs;
    if (job->has_data && !job->train.images) {
        run.train_slots = train_slots(job);
        run.read_memory += stream_memory(&job->train, run.train_slots);
    }
    if (job->has_test && !job->test.images)
        run.read_memory += stream_memory(&job->test, TEST_SLOTS);
    if (job->has_data && (!job->train.images || (job->has_test && !job->test.images)))
        run.read_memory +=
            reader_stage_memory(job->shard_size, dataset_image_bytes(&job->train), 2 * job->window_runs);
    summary_print_network(&job->network);
    summary_print_run(&run);
    return STATUS_OK;
}

const struct normalization *job_normalization(const struct job *job)
{
    return &job->train.normalization;
}
