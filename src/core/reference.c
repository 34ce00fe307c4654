#include "core/reference.h"

#include <stdlib.h>

enum status reference_create(struct reference *reference, const struct network *network, size_t n)
{
    size_t count = network->parameter_count + n * shape_count(network->input);
    for (size_t i = 0; i < network->layer_count; i++)
        count += n * shape_count(network->layers[i].out);
    *reference = (struct reference){.network = network, .n = n};
    reference->memory = calloc(count, sizeof *reference->memory);
    reference->y = calloc(network->layer_count, sizeof *reference->y);
    if (!reference->memory || !reference->y) {
        reference_destroy(reference);
        return status_no_memory("the network in double", count * sizeof(double));
    }
    reference->parameters = reference->memory;
    reference->x = reference->parameters + network->parameter_count;
    double *next = reference->x + n * shape_count(network->input);
    for (size_t i = 0; i < network->layer_count; i++) {
        reference->y[i] = next;
        next += n * shape_count(network->layers[i].out);
    }
    for (size_t i = 0; i < network->parameter_count; i++)
        reference->parameters[i] = network->parameters[i];
    return STATUS_OK;
}

void reference_destroy(struct reference *reference)
{
    free(reference->memory);
    free(reference->y);
    *reference = (struct reference){0};
}

static const double *output_of(const struct reference *reference, size_t layer)
{
    return layer == LAYER_NETWORK_INPUT ? reference->x : reference->y[layer];
}

void reference_forward(struct reference *reference, const struct pass *pass, size_t first)
{
    for (size_t i = first; i < reference->network->layer_count; i++) {
        const struct layer *layer = &reference->network->layers[i];
        const double *x[LAYER_INPUTS_MAX];
        for (size_t k = 0; k < layer->input_count; k++)
            x[k] = output_of(reference, layer->inputs[k]);
        layer->ops->reference(layer, pass, reference->parameters, x, reference->y[i]);
    }
}

double reference_loss(const struct reference *reference, struct labels labels)
{
    const struct layer *last = network_last(reference->network);
    double sum = loss_reference(last->ops->loss, reference->n, last->out.c,
                                output_of(reference, last->inputs[0]), labels);
    return sum / (double)reference->n;
}
