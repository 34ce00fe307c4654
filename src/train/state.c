#include "train/state.h"

#include "core/log.h"
#include "dist/replicas.h"
#include "io/digest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = OPTIMIZER_SLOTS_MAX + 2 };

/* The arrays beside the weights as checkpoints want them. A file's /model is what is to be used: where
 * weights are averaged, these functions work between two average_exchange, and the trained weights are a
 * slot. */
static size_t list_slots(const struct state *s, struct checkpoint_slot slots[SLOTS_MAX])
{
    size_t count = 0;
    const struct optimizer *optimizer = s->optimizer;
    const struct average *average = s->average;
    for (; count < optimizer->ops->slot_count; count++)
        slots[count] = (struct checkpoint_slot){optimizer->ops->slot_names[count], optimizer->slots[count]};
    if (average->ema)
        slots[count++] = (struct checkpoint_slot){"trained", average->ema};
    if (average->slow)
        slots[count++] = (struct checkpoint_slot){average->ema ? "slow" : "trained", average->slow};
    return count;
}

/* Rank 0's arrays and progress become everybody's, where it could read them. */
static enum status share(struct state *s, enum status status)
{
    const struct comm *comm = s->job->comm;
    struct checkpoint_slot slots[SLOTS_MAX];
    size_t bytes = s->network->parameter_count * sizeof(float), slot_count = list_slots(s, slots);
    status = comm_agree(comm, status);
    if (status)
        return status;
    comm_broadcast(comm, 0, &s->progress, sizeof s->progress);
    comm_broadcast(comm, 0, s->network->parameters, bytes);
    for (size_t i = 0; i < slot_count; i++)
        comm_broadcast(comm, 0, slots[i].values, bytes);
    return STATUS_OK;
}

/* Rank 0 only. */
static enum status read_checkpoint(struct state *s, const char *path)
{
    struct checkpoint_slot slots[SLOTS_MAX];
    struct checkpoint_info info;
    enum status status = checkpoint_read_info(path, &info);
    if (status)
        return status;
    s->progress = info.progress;
    if (info.data_digest != s->job->train.digest)
        status = status_set(STATUS_DATA, "%s was trained on other data than %s holds now", path,
                            s->job->config->data.file);
    checkpoint_info_destroy(&info);
    if (!status)
        status = checkpoint_read_model(path, s->network);
    if (!status)
        status = checkpoint_read_slots(path, s->network, slots, list_slots(s, slots));
    return status;
}

static enum status restore(struct state *s, const struct start *start)
{
    size_t epochs = s->job->config->train.epochs;
    average_exchange(s->average, s->network);
    enum status status =
        share(s, s->job->comm->rank == 0 ? read_checkpoint(s, start->checkpoint) : STATUS_OK);
    average_exchange(s->average, s->network);
    if (status)
        return status;
    snprintf(s->checkpoint, sizeof s->checkpoint, "%s", start->checkpoint);
    if (s->progress.epoch < epochs)
        log_print("resuming from %s: step %llu, epoch %llu of %zu\n\n", start->checkpoint,
                  (unsigned long long)s->progress.step, (unsigned long long)s->progress.epoch + 1, epochs);
    return STATUS_OK;
}

static enum status allocate(struct state *s)
{
    size_t layers = s->network->layer_count;
    s->layer_digests = malloc(layers * sizeof *s->layer_digests);
    s->layer_names = malloc(layers * sizeof *s->layer_names);
    if (!s->layer_digests || !s->layer_names)
        return status_no_memory("the comparison of weights", layers * sizeof *s->layer_digests);
    for (size_t i = 0; i < layers; i++)
        s->layer_names[i] = s->network->layers[i].name;
    return STATUS_OK;
}

static enum status begin(struct state *s, const struct start *start)
{
    const struct config *c = s->job->config;
    if (start->resume)
        return restore(s, start);
    s->progress = (struct progress){
        .seed = c->run.seed, .shards = s->job->shards, .batch = c->train.batch, .best_metric = NAN};
    network_init(s->network, c->run.seed);
    enum status status = STATUS_OK;
    if (start->checkpoint[0])
        status = share(s, s->job->comm->rank == 0 ? checkpoint_read_model(start->checkpoint, s->network)
                                                  : STATUS_OK);
    average_begin(s->average, s->network);
    if (!status && start->checkpoint[0])
        log_print("starting with the weights of %s\n\n", start->checkpoint);
    return status;
}

enum status state_create(struct state *s, struct job *job, struct optimizer *optimizer,
                         struct average *average, const struct start *start)
{
    *s = (struct state){.job = job, .network = &job->network, .optimizer = optimizer, .average = average};
    enum status status = comm_agree(job->comm, allocate(s));
    return status ? status : begin(s, start);
}

enum status state_write(struct state *s, const char *config_text, bool best)
{
    struct checkpoint_slot slots[SLOTS_MAX];
    const struct dataset_split *train = &s->job->train;
    const struct config *c = s->job->config;
    enum status status = state_compare(s);
    if (status)
        return status;
    average_exchange(s->average, s->network);
    struct checkpoint_content content = {
        .network = s->network,
        .slots = slots,
        .slot_count = list_slots(s, slots),
        .progress = &s->progress,
        .normalization = job_normalization(s->job),
        .class_names = (const char *const *)train->class_names,
        .class_count = train->class_names ? train->outputs : 0,
        .data_digest = train->digest,
        .config_text = config_text,
        .threads = s->job->threads,
    };
    if (s->job->comm->rank == 0)
        status = checkpoint_write(c->run.output, &content, best, s->checkpoint);
    average_exchange(s->average, s->network);
    if (!status && s->job->comm->rank == 0)
        status = checkpoint_prune(c->run.output, c->checkpoint.keep, s->progress.step);
    status = comm_agree(s->job->comm, status);
    if (!status)
        comm_broadcast(s->job->comm, 0, s->checkpoint, sizeof s->checkpoint);
    return status;
}

/* Local. */
static enum status read_for_use(const char *path, struct network *network,
                                struct normalization *normalization)
{
    struct checkpoint_info info;
    enum status status = checkpoint_read_info(path, &info);
    if (status)
        return status;
    status = normalization_copy(normalization, &info.normalization);
    checkpoint_info_destroy(&info);
    return status ? status : checkpoint_read_model(path, network);
}

enum status state_load(const struct comm *comm, const char *path, struct network *network,
                       struct normalization *normalization)
{
    *normalization = (struct normalization){0};
    enum status status =
        comm_agree(comm, comm->rank == 0 ? read_for_use(path, network, normalization) : STATUS_OK);
    if (status)
        return status;
    struct normalization shared = *normalization;
    comm_broadcast(comm, 0, &shared, sizeof shared);
    if (comm->rank > 0)
        status = normalization_create(normalization, shared.present, shared.channels);
    status = comm_agree(comm, status);
    if (status)
        return status;
    comm_broadcast(comm, 0, normalization->mean, normalization->channels * sizeof *normalization->mean);
    comm_broadcast(comm, 0, normalization->std, normalization->channels * sizeof *normalization->std);
    comm_broadcast(comm, 0, network->parameters, network->parameter_count * sizeof *network->parameters);
    return STATUS_OK;
}

/* Of a layer's parameters, which lie side by side, and of the optimizer's slots for them. */
static uint64_t layer_digest(const struct state *s, const struct layer *layer)
{
    struct checkpoint_slot slots[SLOTS_MAX];
    uint64_t digests[1 + SLOTS_MAX];
    size_t floats = 0, slot_count = list_slots(s, slots);
    for (size_t p = 0; p < layer->parameter_count; p++)
        floats += layer->parameters[p].count;
    if (floats == 0)
        return 0;
    for (size_t i = 0; i <= slot_count; i++) {
        const float *array = i == 0 ? s->network->parameters : slots[i - 1].values;
        digests[i] = digest_bytes(array + layer->parameters[0].offset, floats * sizeof *array);
    }
    return digest_bytes(digests, (1 + slot_count) * sizeof *digests);
}

enum status state_compare(const struct state *s)
{
    const struct network *network = s->network;
    char what[64];
    if (s->job->comm->size == 1)
        return STATUS_OK;
    for (size_t i = 0; i < network->layer_count; i++)
        s->layer_digests[i] = layer_digest(s, &network->layers[i]);
    snprintf(what, sizeof what, "weights after step %llu", (unsigned long long)s->progress.step);
    return replicas_compare(s->job->comm, what, s->layer_digests, s->layer_names, network->layer_count);
}

void state_destroy(struct state *s)
{
    free(s->layer_digests);
    free(s->layer_names);
    *s = (struct state){0};
}
