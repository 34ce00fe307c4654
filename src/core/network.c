#include "core/network.h"

#include "core/kernels/bf16.h"
#include "core/kernels/cut.h"
#include "core/kernels/gemm.h"
#include "core/kernels/sum.h"
#include "core/network_head.h"
#include "core/network_sum.h"

#include <stdlib.h>
#include <string.h>

/* Buffers for gradients of activations, of which few are alive at a time in backward: which one holds what is
 * found by going through the layers from the last to the first, once to count and once to bind. */
struct buffer {
    size_t floats;  /* per sample: the largest that it must hold */
    size_t holders; /* layers that still need it */
    float *memory;
};

struct gradient_plan {
    struct buffer *pool; /* room for one per layer, and for scratch */
    size_t count;
    size_t *owner; /* per layer: the buffer that holds the gradient of its output; SIZE_MAX: none yet */
    size_t *more;  /* per layer: the one of its dy_more; SIZE_MAX: none */
};

static size_t pool_take(struct gradient_plan *plan, size_t floats)
{
    size_t i = 0;
    while (i < plan->count && plan->pool[i].holders)
        i++;
    if (i == plan->count)
        plan->count++;
    plan->pool[i].holders = 1;
    if (plan->pool[i].floats < floats)
        plan->pool[i].floats = floats;
    return i;
}

enum { NO_BUFFER = -1 };

static bool is_read_by_earlier(const struct network *network, const struct layer *layer, size_t k)
{
    for (size_t i = layer->inputs[k] + 1; i < layer->index; i++)
        for (size_t j = 0; j < network->layers[i].input_count; j++)
            if (network->layers[i].inputs[j] == layer->inputs[k])
                return true;
    for (size_t j = k + 1; j < layer->input_count; j++)
        if (layer->inputs[j] == layer->inputs[k])
            return true;
    return false;
}

/* dx[k] where another reader's gradient is there already. The last of all gradients is left to the completer,
 * if there is one. Returns the buffer to give back when the layer is done, or NO_BUFFER. */
static long bind_further_gradient(struct network *network, struct layer *layer, size_t k,
                                  struct gradient_plan *plan)
{
    size_t own = plan->owner[layer->index], from = layer->inputs[k];
    size_t completer = network->layers[from].completer;
    layer->dx_sum[k] = plan->pool[plan->owner[from]].memory;
    if (layer->ops->takes_affine && own != SIZE_MAX) {
        layer->dx[k] = layer->dy;
        return NO_BUFFER;
    }
    size_t scratch = pool_take(plan, shape_count(layer->in[k]));
    layer->dx[k] = plan->pool[scratch].memory;
    if (completer == SIZE_MAX || is_read_by_earlier(network, layer, k))
        return (long)scratch;
    layer->dx_sum[k] = NULL;
    network->layers[completer].dy_more = layer->dx[k];
    plan->more[completer] = scratch;
    return NO_BUFFER;
}

/* dx[k], the first gradient of an input: in the layer's own buffer where that may be. */
static void bind_first_gradient(struct layer *layer, size_t k, struct gradient_plan *plan)
{
    size_t own = plan->owner[layer->index], from = layer->inputs[k];
    bool in_place = own != SIZE_MAX && (layer->shares_input || layer->shares_gradient[k] ||
                                        (layer->ops->gradient_in_place && plan->pool[own].holders == 1));
    if (in_place)
        plan->pool[own].holders++;
    plan->owner[from] = in_place ? own : pool_take(plan, shape_count(layer->in[k]));
    layer->dx[k] = plan->pool[plan->owner[from]].memory;
}

static void bind_layer_gradients(struct network *network, struct layer *layer, struct gradient_plan *plan)
{
    size_t own = plan->owner[layer->index];
    long scratch[LAYER_INPUTS_MAX];
    layer->dy = own == SIZE_MAX ? NULL : plan->pool[own].memory;
    for (size_t k = 0; k < layer->input_count; k++) {
        scratch[k] = NO_BUFFER;
        size_t from = layer->inputs[k];
        if (from == LAYER_NETWORK_INPUT || !network->layers[from].trainable)
            continue;
        if (plan->owner[from] == SIZE_MAX)
            bind_first_gradient(layer, k, plan);
        else
            scratch[k] = bind_further_gradient(network, layer, k, plan);
    }
    for (size_t k = 0; k < layer->input_count; k++)
        if (scratch[k] != NO_BUFFER)
            plan->pool[scratch[k]].holders--;
    if (plan->more[layer->index] != SIZE_MAX)
        plan->pool[plan->more[layer->index]].holders--;
    if (own != SIZE_MAX)
        plan->pool[own].holders--;
}

/* The buffer that the last layer of the head has its gradient in, which is given back. */
static void bind_head_gradients(struct network *network, struct gradient_plan *plan)
{
    size_t last = network->head.layers - 1, own = plan->owner[last];
    network->layers[last].dy = own == SIZE_MAX ? NULL : plan->pool[own].memory;
    head_bind_gradients(network);
    if (own != SIZE_MAX)
        plan->pool[own].holders--;
}

/* Where another layer completes a sum's gradient, it applies the relu behind the sum too. */
static void bind_leader(struct network *network, const struct layer *sum)
{
    if (sum->ops->takes_affine && sum->skip_backward && sum->output_relu_backward)
        network->layers[sum->completer].dy_relu = sum->y;
}

static void bind_gradients(struct network *network, struct gradient_plan *plan)
{
    for (size_t i = 0; i < network->layer_count; i++)
        plan->owner[i] = plan->more[i] = SIZE_MAX;
    for (size_t i = network->layer_count; i-- > network->head.layers;) {
        bind_leader(network, &network->layers[i]);
        bind_layer_gradients(network, &network->layers[i], plan);
    }
    if (network->head.layers)
        bind_head_gradients(network, plan);
}

static float *take_floats(struct arena *arena, size_t count)
{
    return arena_alloc(arena, count * sizeof(float));
}

static void bind_inputs(const struct network *network, struct layer *layer)
{
    for (size_t k = 0; k < layer->input_count; k++) {
        size_t from = sums_source(network, layer, k);
        const struct layer *input = layer->input_affine[k] ? &network->layers[layer->inputs[k]] : NULL;
        layer->x[k] = from == LAYER_NETWORK_INPUT ? network->x : network->layers[from].y;
        layer->affine[k] = input ? input->ops->affine(input) : NULL;
    }
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
        bind_inputs(network, layer);
        if (i < network->head.layers)
            head_bind_output(network, layer, batch, arena);
        else
            layer->y = layer->hands_affine_on ? NULL
                       : layer->shares_input  ? network->layers[layer->inputs[0]].y
                                              : take_floats(arena, batch * shape_count(layer->out));
        layer->cache = arena_alloc(arena, layer->cache_fixed + batch * layer->cache_bytes);
        if (layer->ops->workspace && i >= network->head.layers) {
            size_t bytes = layer->ops->workspace(layer, batch, threads);
            workspace = bytes > workspace ? bytes : workspace;
        }
        layer->dy = NULL;
        layer->dy_more = layer->dy_relu = NULL;
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
                                 .owner = calloc(network->layer_count, sizeof *plan.owner),
                                 .more = calloc(network->layer_count, sizeof *plan.more)};
    if (!plan.pool || !plan.owner || !plan.more) {
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
    free(plan.more);
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

enum status network_twin(struct network *twin, const struct network *network)
{
    size_t bytes, layers = network->layer_count * sizeof *network->layers;
    *twin = *network;
    twin->parameters = twin->buffers = NULL;
    twin->parameter_arena = twin->activation_arena = (struct arena){0};
    twin->layers = malloc(layers);
    if (!twin->layers)
        return status_no_memory("layers", layers);
    memcpy(twin->layers, network->layers, layers);
    return measure_and_bind(twin, network->batch, true, network->threads, &bytes, true);
}

void network_twin_destroy(struct network *twin)
{
    free(twin->layers);
    arena_destroy(&twin->activation_arena);
    *twin = (struct network){0};
}

enum status network_memory(struct network *network, size_t batch, bool training, int threads, size_t *bytes)
{
    return measure_and_bind(network, batch, training, threads, bytes, false);
}

void network_set_bf16(struct network *network, bool bf16)
{
    for (size_t i = 0; i < network->layer_count; i++)
        network->layers[i].bf16 = bf16 ? bf16_kernel() : NULL;
}

void network_set_input(struct network *network, float *x)
{
    network->x = x;
    for (size_t i = 0; i < network->layer_count; i++)
        for (size_t k = 0; k < network->layers[i].input_count; k++)
            if (sums_source(network, &network->layers[i], k) == LAYER_NETWORK_INPUT)
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

void network_forward_part(const struct network *network, const struct pass *pass, size_t first, size_t end)
{
    if (first < network->head.layers)
        head_forward(network, pass);
    for (size_t i = size_max(first, network->head.layers); i < end; i++)
        if (!network->layers[i].skip_forward)
            network->layers[i].ops->forward(&network->layers[i], pass);
}

void network_forward(const struct network *network, const struct pass *pass)
{
    network_forward_part(network, pass, 0, network->layer_count);
}

void network_forward_sums(const struct network *network, const struct pass *pass, size_t i, double *sums)
{
    network->layers[i].ops->forward_sums(&network->layers[i], pass, sums);
}

size_t network_sums(const struct network *network, size_t i)
{
    return 2 * network->layers[i].out.c;
}

size_t network_parameters_from(const struct network *network, size_t i)
{
    while (i < network->layer_count && network->layers[i].parameter_count == 0)
        i++;
    return i < network->layer_count ? network->layers[i].parameters[0].offset : network->parameter_count;
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

static void add_gradients(const struct layer *layer, const struct pass *pass)
{
    for (size_t k = 0; k < layer->input_count; k++) {
        if (layer->dx_sum[k] && layer->inputs[k] >= pass->learns_from)
            sum_complete(pass->n * shape_count(layer->in[k]), layer->dx[k], NULL, layer->dx_sum[k],
                         pass->threads);
    }
}

/* Without the gradients of what comes before the first layer that still learns. */
static void layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct pass part = *pass;
    if (layer->frozen)
        part.gradients = NULL;
    if (pass->learns_from == 0) {
        layer->ops->backward(layer, &part);
        return;
    }
    struct layer first = *layer;
    for (size_t k = 0; k < layer->input_count; k++)
        if (layer->inputs[k] < pass->learns_from)
            first.dx[k] = NULL;
    layer->ops->backward(&first, &part);
}

void network_backward_sums(const struct network *network, const struct pass *pass, size_t i, double *sums)
{
    const struct layer *layer = &network->layers[i];
    struct pass part = *pass;
    if (layer->frozen)
        part.gradients = NULL;
    layer->ops->backward_sums(layer, &part, sums);
}

void network_backward(const struct network *network, const struct pass *pass, gradient_ready *on_ready,
                      void *user)
{
    network_backward_part(network, pass, 0, network->layer_count, on_ready, user);
}

void network_backward_part(const struct network *network, const struct pass *pass, size_t first, size_t end,
                           gradient_ready *on_ready, void *user)
{
    for (size_t i = size_min(end, network->layer_count - 1); i-- > size_max(first, network->head.layers);) {
        const struct layer *layer = &network->layers[i];
        if (!layer->trainable)
            continue;
        if (i >= pass->learns_from) {
            if (!layer->skip_backward)
                layer_backward(layer, pass);
            add_gradients(layer, pass);
        }
        bool told = layer->statistics_global && pass->sums; /* by who had it sum up */
        if (on_ready && layer->parameter_count && !told) {
            const struct parameter *lowest = &layer->parameters[0];
            const struct parameter *last = &layer->parameters[layer->parameter_count - 1];
            on_ready(user, lowest->offset, last->offset + last->count - lowest->offset);
        }
    }
    if (first >= network->head.layers)
        return;
    if (network->head.layers > pass->learns_from)
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
