#include "train/whiten.h"

#include "core/whitening.h"
#include "dist/watch.h"

#include <stdlib.h>

/* Memory for a batch: sample numbers, and their images as the file has them, where they are in the file. */
struct batch {
    size_t *indices;
    unsigned char *raw; /* NULL: in memory */
};

/* Images first .. first+n-1 into the network. */
static enum status gather(struct job *job, const struct batch *batch, size_t first, size_t n)
{
    struct dataset_split images = job->train;
    struct stream *stream = job_train_stream(job);
    size_t item = dataset_image_bytes(&images);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n; i++)
        batch->indices[i] = stream ? i : first + i;
    for (size_t i = 0; stream && i < n && !status; i++)
        status = stream_read(stream, first + i, 0, batch->raw + i * item);
    if (stream)
        images.images = batch->raw;
    if (!status)
        dataset_gather(&images, job_normalization(job), batch->indices, n, job->network.x, NULL, NULL);
    return status;
}

static enum status whiten_layer(struct job *job, const struct layer *layer, const struct batch *memory)
{
    const struct network *network = &job->network;
    const struct parameter *weight = &layer->parameters[0];
    struct whitening whitening;
    enum status status = whitening_create(&whitening, network->input,
                                          (struct pair){weight->dimensions[2], weight->dimensions[3]});
    if (status)
        return status;
    size_t count = whitening_images(&whitening, job->train.count), batch = network->batch;
    for (size_t first = 0; first < count && !status; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        status = gather(job, memory, first, n);
        if (!status)
            whitening_add(&whitening, network->x, n, job->threads);
    }
    if (!status)
        whitening_filters(&whitening, layer->whitening, network->parameters + weight->offset);
    whitening_destroy(&whitening);
    return status;
}

static enum status whiten_layers(struct job *job)
{
    const struct network *network = &job->network;
    bool streams = job_train_stream(job) != NULL;
    size_t bytes = network->batch * dataset_image_bytes(&job->train);
    struct batch batch = {.indices = malloc(network->batch * sizeof *batch.indices)};
    batch.raw = streams ? malloc(bytes) : NULL;
    enum status status =
        batch.indices && (batch.raw || !streams) ? STATUS_OK : status_no_memory("whitening", bytes);
    for (size_t i = 0; i < network->layer_count && !status; i++)
        if (network->layers[i].whitening > 0)
            status = whiten_layer(job, &network->layers[i], &batch);
    free(batch.indices);
    free(batch.raw);
    return status;
}

enum status whiten_network(struct job *job)
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
