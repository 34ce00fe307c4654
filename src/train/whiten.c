#include "train/whiten.h"

#include "core/whitening.h"
#include "dist/watch.h"

#include <stdlib.h>

static enum status whiten_layer(const struct job *job, const struct layer *layer, size_t *indices)
{
    const struct network *network = &job->network;
    const struct parameter *weight = &layer->parameters[0];
    struct whitening whitening;
    enum status status = whitening_create(&whitening, network->input,
                                          (struct pair){weight->dimensions[2], weight->dimensions[3]});
    if (status)
        return status;
    size_t count = whitening_images(&whitening, job->train.count), batch = network->batch;
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        for (size_t i = 0; i < n; i++)
            indices[i] = first + i;
        dataset_gather(&job->train, job_normalization(job), indices, n, network->x, NULL, NULL);
        whitening_add(&whitening, network->x, n, job->threads);
    }
    whitening_filters(&whitening, layer->whitening, network->parameters + weight->offset);
    whitening_destroy(&whitening);
    return STATUS_OK;
}

static enum status whiten_layers(const struct job *job)
{
    const struct network *network = &job->network;
    size_t *indices = malloc(network->batch * sizeof *indices);
    enum status status =
        indices ? STATUS_OK : status_no_memory("whitening", network->batch * sizeof *indices);
    for (size_t i = 0; i < network->layer_count && !status; i++)
        if (network->layers[i].whitening > 0)
            status = whiten_layer(job, &network->layers[i], indices);
    free(indices);
    return status;
}

enum status whiten_network(const struct job *job)
{
    const struct network *network = &job->network;
    size_t wanted = 0;
    for (size_t i = 0; i < network->layer_count; i++)
        wanted += network->layers[i].whitening > 0;
    if (!wanted)
        return STATUS_OK;
    watch_enter(job->comm->watch, WATCH_READ);
    enum status status = comm_agree(job->comm, job->comm->rank == 0 ? whiten_layers(job) : STATUS_OK);
    if (!status)
        comm_broadcast(job->comm, 0, network->parameters,
                       network->parameter_count * sizeof *network->parameters);
    return status;
}
