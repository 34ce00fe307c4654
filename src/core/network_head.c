#include "core/network_head.h"

#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

#include <string.h>

enum {
    HEAD_BYTES = 384 * 1024, /* of one layer's inputs and outputs of a group; caches have 1 MiB or more */
    HEAD_IMAGES = 16,        /* of a group, at most */
    HEAD_GROUPS = 8,         /* wanted: a small batch is cut into smaller groups */
    HEAD_PIXELS = 1024,      /* outputs of a group that pay for repacking a layer's weights */
    HEAD_PARTS = 16,
    SUM_BLOCK = 256, /* gradients that are added at a time */
};

static size_t layer_bytes(const struct layer *layer)
{
    return (shape_count(layer->in[0]) + (layer->shares_input ? 0 : shape_count(layer->out))) * sizeof(float);
}

/* Reads the layer before it and nothing else, which nobody else reads. */
static bool follows(const struct layer *layer, const size_t *readers)
{
    if (layer->input_count != 1)
        return false;
    if (layer->index == 0)
        return layer->inputs[0] == LAYER_NETWORK_INPUT;
    return layer->inputs[0] == layer->index - 1 && readers[layer->index - 1] == 1;
}

void head_plan(struct network *network, const size_t *readers)
{
    struct network_head *head = &network->head;
    size_t largest = 0, working = 0;
    *head = (struct network_head){0};
    for (size_t i = 0; i + 1 < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        if (!layer->ops->by_image || !follows(layer, readers))
            break;
        largest = size_max(largest, layer_bytes(layer));
        size_t images = size_min(size_max(HEAD_BYTES / largest, 1), HEAD_IMAGES);
        if (layer->parameter_count && layer->out.h * layer->out.w * images < HEAD_PIXELS)
            break;
        working += !layer->skip_forward;
        head->layers = i + 1;
        head->images = images;
        for (size_t p = 0; p < layer->parameter_count; p++)
            head->parameter_count += layer->parameters[p].count;
    }
    if (working < 2)
        *head = (struct network_head){0};
}

/* Backward reads the layer's y: itself, the next one, or whoever is behind that and shares its memory. */
static bool output_stays(const struct network *network, const struct layer *layer)
{
    if (layer->index + 1 == network->head.layers)
        return true;
    const struct layer *next = layer + 1;
    if (next->ops->input_needed || (layer->ops->output_needed && !layer->skip_backward))
        return true;
    return next->shares_input && output_stays(network, next);
}

/* Outputs and gradients within a group alternate between two buffers, in forward and again in backward. */
void head_bind_memory(struct network *network, int threads, bool training, struct arena *arena)
{
    struct network_head *head = &network->head;
    size_t buffer = 0, workspace = 0;
    for (size_t i = 0; i < head->layers; i++) {
        const struct layer *layer = &network->layers[i];
        if (i > 0)
            buffer = size_max(buffer, arena_round(head->images * shape_count(layer->in[0]) * sizeof(float)));
        if (layer->ops->workspace)
            workspace = size_max(workspace, arena_round(layer->ops->workspace(layer, head->images, 1)));
    }
    head->buffer_bytes = buffer;
    head->thread_bytes = 2 * buffer + workspace;
    head->memory = arena_alloc(arena, (size_t)threads * head->thread_bytes);
    head->part_stride = arena_round(head->parameter_count * sizeof(float)) / sizeof(float);
    head->gradients = training ? arena_alloc(arena, HEAD_PARTS * head->part_stride * sizeof(float)) : NULL;
    head->turn = 0;
}

static float *next_buffer(struct network_head *head)
{
    head->turn = !head->turn;
    return head->memory ? (float *)(head->memory + head->turn * head->buffer_bytes) : NULL;
}

void head_bind_output(struct network *network, struct layer *layer, size_t batch, struct arena *arena)
{
    if (layer->shares_input)
        layer->y = network->layers[layer->index - 1].y;
    else if (output_stays(network, layer))
        layer->y = arena_alloc(arena, batch * shape_count(layer->out) * sizeof(float));
    else
        layer->y = next_buffer(&network->head);
}

/* The last layer's dy is bound already. */
void head_bind_gradients(struct network *network)
{
    for (size_t i = network->head.layers; i-- > 1;) {
        struct layer *layer = &network->layers[i], *before = layer - 1;
        if (before->trainable)
            layer->dx[0] = layer->shares_input ? (float *)layer->dy : next_buffer(&network->head);
        before->dy = layer->dx[0];
    }
}

/* Where the group's part of an array of all samples is, or the thread's own of the group's memory. */
static void *slice(const struct network *network, const void *array, size_t sample_bytes, size_t first,
                   size_t thread)
{
    const struct network_head *head = &network->head;
    char *base = (char *)array;
    if (!base)
        return NULL;
    bool own = base >= head->memory && base < head->memory + head->thread_bytes;
    return base + (own ? thread * head->thread_bytes : first * sample_bytes);
}

struct layer head_layer(const struct network *network, size_t i, size_t first, size_t thread)
{
    struct layer layer = network->layers[i];
    size_t in = shape_count(layer.in[0]) * sizeof(float), out = shape_count(layer.out) * sizeof(float);
    layer.x[0] = slice(network, layer.x[0], in, first, thread);
    layer.y = slice(network, layer.y, out, first, thread);
    layer.dy = slice(network, layer.dy, out, first, thread);
    layer.dx[0] = slice(network, layer.dx[0], in, first, thread);
    layer.cache = slice(network, layer.cache, layer.cache_bytes, first, thread);
    return layer;
}

struct pass head_pass(const struct network *network, const struct pass *pass, size_t first, size_t thread)
{
    const struct network_head *head = &network->head;
    struct pass group = *pass;
    group.first = pass->first + first;
    group.n = size_min(head_group(network, pass->n), pass->n - first);
    group.threads = 1;
    group.is_group = true;
    group.workspace =
        head->memory ? head->memory + thread * head->thread_bytes + 2 * head->buffer_bytes : NULL;
    return group;
}

size_t head_group(const struct network *network, size_t n)
{
    return size_min(network->head.images, size_divide_up(n, HEAD_GROUPS));
}

/* What the head's tasks share. */
struct head_work {
    const struct network *network;
    const struct pass *pass;
    size_t group, part_samples,
        parts; /* samples that go through together; that add into one array; such arrays */
};

static void forward_task(const void *work, size_t task, size_t thread)
{
    const struct head_work *w = work;
    size_t first = task * w->group;
    struct pass part = head_pass(w->network, w->pass, first, thread);
    for (size_t i = 0; i < w->network->head.layers; i++) {
        struct layer layer = head_layer(w->network, i, first, thread);
        if (!layer.skip_forward)
            layer.ops->forward(&layer, &part);
    }
}

void head_forward(const struct network *network, const struct pass *pass)
{
    struct head_work work = {.network = network, .pass = pass, .group = head_group(network, pass->n)};
    parallel_for(size_divide_up(pass->n, work.group), pass->threads, forward_task, &work);
}

static void group_backward(const struct network *network, const struct pass *pass, float *gradients,
                           size_t first, size_t thread)
{
    struct pass part = head_pass(network, pass, first, thread);
    for (size_t i = network->head.layers; i-- > pass->learns_from;) {
        struct layer layer = head_layer(network, i, first, thread);
        if (i == pass->learns_from && i > 0)
            layer.dx[0] = NULL;
        part.gradients = layer.frozen ? NULL : gradients;
        if (layer.trainable && !layer.skip_backward)
            layer.ops->backward(&layer, &part);
    }
}

static void backward_task(const void *work, size_t part, size_t thread)
{
    const struct head_work *w = work;
    const struct network_head *head = &w->network->head;
    float *gradients = w->pass->gradients ? head->gradients + part * head->part_stride : NULL;
    if (gradients)
        memset(gradients, 0, head->parameter_count * sizeof *gradients);
    for (size_t first = part * w->part_samples; first < size_min((part + 1) * w->part_samples, w->pass->n);
         first += w->group)
        group_backward(w->network, w->pass, gradients, first, thread);
}

/* A block of the parts' gradients. The head's parameters are the first of all. */
static void add_parts(const void *work, size_t block, size_t thread)
{
    const struct head_work *w = work;
    const struct network_head *head = &w->network->head;
    size_t first = block * SUM_BLOCK, last = size_min(first + SUM_BLOCK, head->parameter_count);
    (void)thread;
    for (size_t part = 0; part < w->parts; part++) {
        const float *from = head->gradients + part * head->part_stride;
        for (size_t i = first; i < last; i++)
            w->pass->gradients[i] += from[i];
    }
}

void head_backward(const struct network *network, const struct pass *pass)
{
    struct head_work work = {.network = network, .pass = pass, .group = head_group(network, pass->n)};
    work.part_samples = size_divide_up(size_divide_up(pass->n, work.group), HEAD_PARTS) * work.group;
    work.parts = size_divide_up(pass->n, work.part_samples);
    parallel_for(work.parts, pass->threads, backward_task, &work);
    if (pass->gradients)
        parallel_for(size_divide_up(network->head.parameter_count, SUM_BLOCK), pass->threads, add_parts,
                     &work);
}
