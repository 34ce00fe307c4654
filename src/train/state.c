#include "train/state.h"

#include "core/log.h"
#include "dist/replicas.h"
#include "io/digest.h"
#include "train/recipe.h"
#include "train/whiten.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arrays beside the weights as checkpoints want them. A file's /model is what is to be used: where
 * weights are averaged, these functions work between two average_exchange, and the trained weights are a
 * slot. */
static size_t list_slots(const struct state *s, struct checkpoint_slot slots[SAVER_SLOTS_MAX])
{
    size_t count = 0;
    const struct optimizer *optimizer = s->optimizer;
    const struct average *average = s->average;
    for (; count < optimizer->ops->slot_count; count++)
        slots[count] =
            (struct checkpoint_slot){optimizer->ops->slot_names[count], optimizer->slots[count], NULL};
    if (average->ema)
        slots[count++] = (struct checkpoint_slot){"trained", average->ema, NULL};
    if (average->slow)
        slots[count++] =
            (struct checkpoint_slot){average->ema ? "slow" : "trained", average->slow, average->slow_buffers};
    return count;
}

/* Rank 0's arrays and progress become everybody's, where it could read them. */
static enum status share(struct state *s, enum status status)
{
    const struct comm *comm = s->job->comm;
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    size_t bytes = s->network->parameter_count * sizeof(float),
           buffer_bytes = s->network->buffer_count * sizeof(float), slot_count = list_slots(s, slots);
    status = comm_agree(comm, status);
    if (status)
        return status;
    comm_broadcast(comm, 0, &s->progress, sizeof s->progress);
    comm_broadcast(comm, 0, s->network->parameters, bytes);
    comm_broadcast(comm, 0, s->network->buffers, buffer_bytes);
    for (size_t i = 0; i < slot_count; i++) {
        comm_broadcast(comm, 0, slots[i].values, bytes);
        if (slots[i].buffers)
            comm_broadcast(comm, 0, slots[i].buffers, buffer_bytes);
    }
    return STATUS_OK;
}

/* Adds a line to what the checkpoints tell of the run's changes. */
static enum status note(struct state *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum status note(struct state *s, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t used = s->changes ? strlen(s->changes) : 0, size = used + strlen(line) + 64;
    char *grown = realloc(s->changes, size);
    if (!grown)
        return status_no_memory("the notes of changes", size);
    s->changes = grown;
    snprintf(grown + used, size - used, "%sstep %llu: %s", used ? "\n" : "",
             (unsigned long long)s->progress.step, line);
    return STATUS_OK;
}

/* Other data has another order of samples, in which a begun epoch cannot go on, and other test results. */
static enum status change_data(struct state *s, const struct start *start, uint64_t digest)
{
    const struct dataset_split *train = &s->job->train;
    const char *file = s->job->config->data.file;
    char is[64], was[64];
    if (!start->allow_data)
        return status_set(STATUS_DATA,
                          "%s was trained on other data than %s holds now, and a run keeps it, unless "
                          "--allow-change=data says that this is meant",
                          start->checkpoint, file);
    if (start->input.h && !shape_equal(start->input, s->job->network.input))
        return status_set(STATUS_DATA, "%s: images are %s, but %s was trained with %s, and a run keeps that",
                          file, shape_text(is, s->job->network.input), start->checkpoint,
                          shape_text(was, start->input));
    struct progress *p = &s->progress;
    bool begun = p->epoch_sum.samples > 0;
    p->epoch_sum = (struct loss_sum){0};
    p->epoch_seconds = 0;
    p->best_metric = NAN;
    p->best_step = 0;
    log_print("other data than before: %s and the best test result start anew\n",
              begun ? "the epoch that was begun" : "the next epoch");
    return note(s, "data %016llx -> %016llx, epoch %llu begins anew", (unsigned long long)digest,
                (unsigned long long)train->digest, (unsigned long long)p->epoch + 1);
}

static enum status go_on(struct state *s, const struct start *start, struct checkpoint_info *info)
{
    enum status status = STATUS_OK;
    s->progress = info->progress;
    if (info->changes[0]) {
        s->changes = info->changes;
        info->changes = NULL;
    }
    s->progress.batch = s->job->config->train.batch;
    for (const char *line = start->asked; *line && !status; line = strchr(line, '\n') + 1)
        status = note(s, "%.*s", (int)strcspn(line, "\n"), line);
    if (!status && info->data_digest != s->job->train.digest)
        status = change_data(s, start, info->data_digest);
    if (!status && s->progress.epoch_sum.samples > s->job->train.count)
        status = status_set(STATUS_CHECKPOINT, "%s: epoch_samples is more than there are samples",
                            start->checkpoint);
    return status;
}

/* Rank 0 only. */
static enum status read_checkpoint(struct state *s, const struct start *start)
{
    const char *path = start->checkpoint;
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    struct checkpoint_info info;
    enum status status = checkpoint_read_info(path, &info);
    if (status)
        return status;
    status = go_on(s, start, &info);
    checkpoint_info_destroy(&info);
    if (!status)
        status = checkpoint_read_model(path, s->network);
    if (!status)
        status = checkpoint_read_slots(path, s->network, slots, list_slots(s, slots));
    return status;
}

static enum status restore(struct state *s, const struct start *start)
{
    uint64_t epochs = recipe_epochs(s->job);
    average_exchange(s->average, s->network);
    enum status status = share(s, s->job->comm->rank == 0 ? read_checkpoint(s, start) : STATUS_OK);
    average_exchange(s->average, s->network);
    if (status)
        return status;
    snprintf(s->checkpoint, sizeof s->checkpoint, "%s", start->checkpoint);
    if (s->progress.epoch < epochs)
        log_print("resuming from %s: step %llu, epoch %llu of %llu\n%s\n", start->checkpoint,
                  (unsigned long long)s->progress.step, (unsigned long long)s->progress.epoch + 1,
                  (unsigned long long)epochs, start->changes);
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
    enum status status = start->checkpoint[0] ? STATUS_OK : whiten_network(s->job);
    if (start->checkpoint[0])
        status = share(s, s->job->comm->rank == 0 ? checkpoint_read_model(start->checkpoint, s->network)
                                                  : STATUS_OK);
    average_begin(s->average, s->network);
    if (!status && start->checkpoint[0])
        log_print("starting with the weights of %s\n\n", start->checkpoint);
    return status;
}

enum status state_create(struct state *s, struct job *job, struct optimizer *optimizer,
                         struct average *average, struct start *start)
{
    const struct config *c = job->config;
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    *s = (struct state){.job = job,
                        .network = &job->network,
                        .optimizer = optimizer,
                        .average = average,
                        .claim = &start->claim};
    comm_library(s->library);
    enum status status = comm_agree(job->comm, allocate(s));
    if (!status)
        status = comm_hosts(job->comm, &s->hosts);
    if (!status)
        status = begin(s, start);
    if (!status && job->comm->rank == 0)
        status = saver_create(&s->saver, c->run.output, s->claim, s->network, slots, list_slots(s, slots),
                              c->checkpoint.keep, s->checkpoint);
    return comm_agree(job->comm, status);
}

enum status state_write(struct state *s, const char *config_text, const struct save *save)
{
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    const struct dataset_split *train = &s->job->train;
    enum status status = state_compare(s);
    if (!status)
        status = comm_agree(s->job->comm, s->job->comm->rank == 0 ? saver_check(&s->saver) : STATUS_OK);
    if (status || s->job->comm->rank > 0)
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
        .changes = s->changes,
        .threads = s->job->threads,
        .ranks = s->job->comm->size,
        .mpi = s->library,
        .hosts = s->hosts,
        .claim = s->claim,
    };
    saver_save(&s->saver, &content, save);
    average_exchange(s->average, s->network);
    return status;
}

enum status state_finish(struct state *s)
{
    const struct comm *comm = s->job->comm;
    enum status status = comm->rank == 0 ? saver_finish(&s->saver, s->checkpoint) : STATUS_OK;
    comm_broadcast(comm, 0, s->checkpoint, sizeof s->checkpoint);
    return comm_agree(comm, status);
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
    comm_broadcast(comm, 0, network->buffers, network->buffer_count * sizeof *network->buffers);
    return STATUS_OK;
}

/* Of a layer's parameters, which lie side by side, of the optimizer's slots for them, and of its buffers. */
static uint64_t layer_digest(const struct state *s, const struct layer *layer)
{
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    uint64_t digests[2 + 2 * SAVER_SLOTS_MAX];
    size_t floats = 0, buffered = 0, slot_count = list_slots(s, slots), count = 0;
    for (size_t p = 0; p < layer->parameter_count; p++)
        floats += layer->parameters[p].count;
    for (size_t b = 0; b < layer->buffer_count; b++)
        buffered += layer->buffers[b].count;
    if (floats + buffered == 0)
        return 0;
    for (size_t i = 0; floats && i <= slot_count; i++) {
        const float *array = i == 0 ? s->network->parameters : slots[i - 1].values;
        digests[count++] = digest_bytes(array + layer->parameters[0].offset, floats * sizeof *array);
    }
    for (size_t i = 0; buffered && i <= slot_count; i++) {
        const float *array = i == 0 ? s->network->buffers : slots[i - 1].buffers;
        if (array)
            digests[count++] = digest_bytes(array + layer->buffers[0].offset, buffered * sizeof *array);
    }
    return digest_bytes(digests, count * sizeof *digests);
}

bool state_is_finite(const struct state *s, const char **what)
{
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    const struct network *network = s->network;
    size_t count = list_slots(s, slots);
    for (size_t i = 0; i <= count; i++) {
        const float *values = i == 0 ? network->parameters : slots[i - 1].values,
                    *buffers = i == 0 ? network->buffers : slots[i - 1].buffers;
        *what = i == 0 ? "weights" : slots[i - 1].name;
        if (!isfinite(optimizer_norm(values, network->parameter_count, network->threads)) ||
            (buffers && !isfinite(optimizer_norm(buffers, network->buffer_count, network->threads))))
            return false;
    }
    return true;
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
    saver_destroy(&s->saver);
    free(s->layer_digests);
    free(s->layer_names);
    free(s->changes);
    free(s->hosts);
    *s = (struct state){0};
}
