#include "core/network.h"

#include "core/kernels/gemm.h"
#include "core/network_head.h"

#include <stdlib.h>
#include <string.h>

/* Buffers for gradients of activations, of which few are alive at a time in backward: which one holds what is
 * found by going through the layers from the last to the first, once to count and once to bind. */
struct buffer {
    size_t floats; /* per sample: the largest that it must hold */
    bool taken;
    float *memory;
};

struct gradient_plan {
    struct buffer *pool; /* room for one per layer, and for scratch */
    size_t count;
    size_t *owner; /* per layer: the buffer that holds the gradient of its output; SIZE_MAX: none yet */
};

static size_t pool_take(struct gradient_plan *plan, size_t floats)
{
    size_t i = 0;
    while (i < plan->count && plan->pool[i].taken)
        i++;
    if (i == plan->count)
        plan->count++;
    plan->pool[i].taken = true;
    if (plan->pool[i].floats < floats)
        plan->pool[i].floats = floats;
    return i;
}

enum { NO_BUFFER = -1 };

/* dx[k] and what it is added to, for an input that has a gradient. `scratch` gets the buffer to give back
 * when the layer is done, or NO_BUFFER. True where the layer's own buffer goes on as its input's. */
static bool bind_input_gradient(struct layer *layer, size_t k, struct gradient_plan *plan, long *scratch)
{
    size_t own = plan->owner[layer->index], from = layer->inputs[k], floats = shape_count(layer->in[k]);
    if (plan->owner[from] != SIZE_MAX) { /* another reader's gradient is there already */
        *scratch = (long)pool_take(plan, floats);
        layer->dx[k] = plan->pool[*scratch].memory;
        layer->dx_sum[k] = plan->pool[plan->owner[from]].memory;
        return false;
    }
    bool handed_on = layer->shares_input && own != SIZE_MAX;
    plan->owner[from] = handed_on ? own : pool_take(plan, floats);
    layer->dx[k] = plan->pool[plan->owner[from]].memory;
    return handed_on;
}

static void bind_layer_gradients(struct network *network, struct layer *layer, struct gradient_plan *plan)
{
    size_t own = plan->owner[layer->index];
    bool handed_on = false;
    long scratch[LAYER_INPUTS_MAX];
    layer->dy = own == SIZE_MAX ? NULL : plan->pool[own].memory;
    for (size_t k = 0; k < layer->input_count; k++) {
        scratch[k] = NO_BUFFER;
        if (layer->inputs[k] != LAYER_NETWORK_INPUT && network->layers[layer->inputs[k]].trainable)
            handed_on |= bind_input_gradient(layer, k, plan, &scratch[k]);
    }
    for (size_t k = 0; k < layer->input_count; k++)
        if (scratch[k] != NO_BUFFER)
            plan->pool[scratch[k]].taken = false;
    if (own != SIZE_MAX && !handed_on)
        plan->pool[own].taken = false;
}

/* The buffer that the last layer of the head has its gradient in, which is given back. */
static void bind_head_gradients(struct network *network, struct gradient_plan *plan)
{
    size_t last = network->head.layers - 1, own = plan->owner[last];
    network->layers[last].dy = own == SIZE_MAX ? NULL : plan->pool[own].memory;
    head_bind_gradients(network);
    if (own != SIZE_MAX)
        plan->pool[own].taken = false;
}

static void bind_gradients(struct network *network, struct gradient_plan *plan)
{
    for (size_t i = 0; i < network->layer_count; i++)
        plan->owner[i] = SIZE_MAX;
    for (size_t i = network->layer_count; i-- > network->head.layers;)
        bind_layer_gradients(network, &network->layers[i], plan);
    if (network->head.layers)
        bind_head_gradients(network, plan);
}

static float *take_floats(struct arena *arena, size_t count)
{
    return arena_alloc(arena, count * sizeof(float));
}

/* Slices the arena, or counts. */
static void bind_memory(struct network *network, size_t batch, int threads, struct arena *arena,
                        struct gradient_plan *plan)
{
    size_t workspace = 0;
    network->x = take_floats(arena, batch * shape_count(network->input));
    head_bind_memory(network, threads, plan != NULL, arena);
    for (size_t i = 0; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        for (size_t k = 0; k < layer->input_count; k++)
            layer->x[k] =
                layer->inputs[k] == LAYER_NETWORK_INPUT ? network->x : network->layers[layer->inputs[k]].y;
        if (i < network->head.layers)
            head_bind_output(network, layer, batch, arena);
        else
            layer->y = layer->shares_input ? network->layers[layer->inputs[0]].y
                                           : take_floats(arena, batch * shape_count(layer->out));
        layer->cache = arena_alloc(arena, layer->cache_fixed + batch * layer->cache_bytes);
        if (layer->ops->workspace && i >= network->head.layers) {
            size_t bytes = layer->ops->workspace(layer, batch, threads);
            workspace = bytes > workspace ? bytes : workspace;
        }
        layer->dy = NULL;
        memset(layer->dx, 0, sizeof layer->dx);
        memset(layer->dx_sum, 0, sizeof layer->dx_sum);
    }
    network->workspace = arena_alloc(arena, workspace);
    if (!plan)
        return;
    bind_gradients(network, plan);
    for (size_t i = 0; i < plan->count; i++)
        plan->pool[i].memory = take_floats(arena, batch * plan->pool[i].floats);
    bind_gradients(network, plan);
}

/* Binds with a counting arena, then, if that is wanted, with a real one. */
static enum status measure_and_bind(struct network *network, size_t batch, bool training, int threads,
                                    size_t *bytes, bool bind)
{
    enum status status = STATUS_OK;
    struct arena arena = arena_counter();
    struct gradient_plan plan = {.pool = calloc(network->layer_count + LAYER_INPUTS_MAX, sizeof *plan.pool),
                                 .owner = calloc(network->layer_count, sizeof *plan.owner)};
    if (!plan.pool || !plan.owner) {
        status =
            status_no_memory("the plan of the network's memory", network->layer_count * sizeof *plan.pool);
        goto done;
    }
    bind_memory(network, batch, threads, &arena, training ? &plan : NULL);
    *bytes = arena.used;
    if (!bind)
        goto done;
    status = arena_create(&network->activation_arena, arena.used, "activations");
    if (!status)
        bind_memory(network, batch, threads, &network->activation_arena, training ? &plan : NULL);
done:
    free(plan.pool);
    free(plan.owner);
    return status;
}

enum status network_bind(struct network *network, size_t batch, bool training, int threads)
{
    enum status status = STATUS_OK;
    size_t bytes;
    gemm_prepare();
    arena_destroy(&network->activation_arena);
    if (!network->parameters)
        status = arena_create(&network->parameter_arena,
                              arena_round(network->parameter_count * sizeof(float)) +
                                  arena_round(network->buffer_count * sizeof(float)),
                              "parameters");
    if (status)
        return status;
    if (!network->parameters) {
        network->parameters = take_floats(&network->parameter_arena, network->parameter_count);
        network->buffers = take_floats(&network->parameter_arena, network->buffer_count);
    }
    network->batch = batch;
    network->threads = threads;
    return measure_and_bind(network, batch, training, threads, &bytes, true);
}

enum status network_memory(struct network *network, size_t batch, bool training, int threads, size_t *bytes)
{
    return measure_and_bind(network, batch, training, threads, bytes, false);
}

void network_set_input(struct network *network, float *x)
{
    network->x = x;
    for (size_t i = 0; i < network->layer_count; i++)
        for (size_t k = 0; k < network->layers[i].input_count; k++)
            if (network->layers[i].inputs[k] == LAYER_NETWORK_INPUT)
                network->layers[i].x[k] = x;
}

void network_init(struct network *network, uint64_t seed)
{
    memset(network->parameters, 0, network->parameter_count * sizeof *network->parameters);
    if (network->buffer_count)
        memset(network->buffers, 0, network->buffer_count * sizeof *network->buffers);
    for (size_t i = 0; i < network->layer_count; i++)
        if (network->layers[i].ops->init)
            network->layers[i].ops->init(&network->layers[i], seed, network->parameters, network->buffers);
}

void network_update_buffers(struct network *network, const float *statistics, size_t shards)
{
    for (size_t i = 0; i < network->layer_count; i++)
        if (network->layers[i].buffer_count)
            network->layers[i].ops->update(&network->layers[i], statistics, shards, network->buffers);
}

struct pass network_pass(const struct network *network, size_t n)
{
    return (struct pass){.n = n,
                         .parameters = network->parameters,
                         .buffers = network->buffers,
                         .workspace = network->workspace,
                         .threads = network->threads};
}

void network_forward(const struct network *network, const struct pass *pass)
{
    if (network->head.layers)
        head_forward(network, pass);
    for (size_t i = network->head.layers; i < network->layer_count; i++)
        if (!network->layers[i].skip_forward)
            network->layers[i].ops->forward(&network->layers[i], pass);
}

float *network_logits(const struct network *network)
{
    return network->layers[network_last(network)->inputs[0]].y;
}

void network_output(const struct network *network, const struct pass *pass)
{
    network_last(network)->ops->forward(network_last(network), pass);
}

struct loss_sum network_loss(const struct network *network, const struct pass *pass, struct labels labels,
                             float scale)
{
    const struct layer *last = network_last(network);
    return loss_compute(last->ops->loss, pass->n, last->out.c, last->x[0], last->y, labels, scale,
                        pass->gradients ? last->dx[0] : NULL);
}

static void add_gradients(const struct layer *layer, size_t n)
{
    for (size_t k = 0; k < layer->input_count; k++) {
        if (!layer->dx_sum[k])
            continue;
        float *sum = layer->dx_sum[k];
        const float *dx = layer->dx[k];
        for (size_t i = 0; i < n * shape_count(layer->in[k]); i++)
            sum[i] += dx[i];
    }
}

void network_backward(const struct network *network, const struct pass *pass, gradient_ready *on_ready,
                      void *user)
{
    struct pass without = *pass;
    without.gradients = NULL;
    for (size_t i = network->layer_count - 1; i-- > network->head.layers;) {
        const struct layer *layer = &network->layers[i];
        if (!layer->trainable)
            continue;
        if (!layer->skip_backward)
            layer->ops->backward(layer, layer->frozen ? &without : pass);
        add_gradients(layer, pass->n);
        if (on_ready && layer->parameter_count) {
            const struct parameter *first = &layer->parameters[0];
            const struct parameter *last = &layer->parameters[layer->parameter_count - 1];
            on_ready(user, first->offset, last->offset + last->count - first->offset);
        }
    }
    if (network->head.layers == 0)
        return;
    head_backward(network, pass);
    if (on_ready && network->head.parameter_count)
        on_ready(user, 0, network->head.parameter_count);
}

const struct layer *network_last(const struct network *network)
{
    return &network->layers[network->layer_count - 1];
}

size_t network_outputs(const struct network *network)
{
    return network_last(network)->out.c;
}

const struct layer *network_find(const struct network *network, const char *name)
{
    for (size_t i = 0; i < network->layer_count; i++)
        if (!strcmp(network->layers[i].name, name))
            return &network->layers[i];
    return NULL;
}
