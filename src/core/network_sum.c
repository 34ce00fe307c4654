#include "core/network_sum.h"

#include "core/kernels/cut.h"

static bool reads(const struct layer *layer, size_t from)
{
    for (size_t k = 0; k < layer->input_count; k++)
        if (layer->inputs[k] == from)
            return true;
    return false;
}

static void plan_affine(struct network *network, struct layer *sum, const size_t *readers)
{
    for (size_t k = 0; k < sum->input_count; k++) {
        if (sum->inputs[k] == LAYER_NETWORK_INPUT || readers[sum->inputs[k]] != 1)
            continue;
        struct layer *input = &network->layers[sum->inputs[k]];
        sum->input_affine[k] = input->hands_affine_on = input->ops->affine != NULL;
    }
}

static bool gradient_wanted(const struct network *network, const struct layer *sum, size_t k)
{
    return sum->inputs[k] != LAYER_NETWORK_INPUT && network->layers[sum->inputs[k]].trainable;
}

/* The sum's is the first gradient that input k gets, and the sum names it only once. */
static bool comes_first(const struct network *network, const struct layer *sum, size_t k)
{
    for (size_t j = 0; j < sum->input_count; j++)
        if (j != k && sum->inputs[j] == sum->inputs[k])
            return false;
    for (size_t i = sum->index + 1; i < network->layer_count; i++)
        if (reads(&network->layers[i], sum->inputs[k]))
            return false;
    return true;
}

/* Nobody else has a gradient for it, and it neither writes to its own nor gives it away. */
static bool only_reads(const struct layer *layer, const size_t *readers)
{
    bool passes_on = layer->shares_input;
    for (size_t k = 0; k < layer->input_count; k++)
        passes_on |= layer->shares_gradient[k];
    return readers[layer->index] == 1 && !passes_on;
}

/* From which layer on, backward, the gradient of an heir may be written to. */
static size_t written_from(const struct network *network, const struct layer *sum, size_t heir)
{
    size_t last = heir;
    for (size_t i = heir + 1; i < sum->index; i++)
        if (reads(&network->layers[i], heir))
            last = i;
    return last;
}

static void plan_sharing(const struct network *network, struct layer *sum, const size_t *readers)
{
    size_t heir = SIZE_MAX, written = 0; /* by nobody */
    for (size_t k = 0; k < sum->input_count; k++) {
        if (!gradient_wanted(network, sum, k) || !comes_first(network, sum, k) ||
            only_reads(&network->layers[sum->inputs[k]], readers))
            continue;
        size_t from = written_from(network, sum, sum->inputs[k]);
        if (heir == SIZE_MAX || from < written) {
            heir = k;
            written = from;
        }
    }
    for (size_t k = 0; k < sum->input_count; k++)
        sum->shares_gradient[k] =
            k == heir || (gradient_wanted(network, sum, k) && comes_first(network, sum, k) &&
                          only_reads(&network->layers[sum->inputs[k]], readers) &&
                          (heir == SIZE_MAX || sum->inputs[k] > written));
}

/* The input that backward comes to first, where it can do for all of them what the sum would. */
static size_t find_leader(const struct network *network, const struct layer *sum, const size_t *readers)
{
    size_t first = SIZE_MAX;
    for (size_t k = 0; k < sum->input_count; k++) {
        if (!gradient_wanted(network, sum, k))
            continue;
        if (!sum->shares_gradient[k])
            return SIZE_MAX;
        first = first == SIZE_MAX ? sum->inputs[k] : size_max(first, sum->inputs[k]);
    }
    if (first == SIZE_MAX)
        return SIZE_MAX;
    const struct layer *leader = &network->layers[first];
    return leader->ops->completes_gradient && only_reads(leader, readers) ? first : SIZE_MAX;
}

static size_t find_completer(const struct network *network, struct layer *layer, const size_t *readers)
{
    if (layer->ops->is_relu && layer->skip_backward && layer->shares_input) {
        const struct layer *before = &network->layers[layer->inputs[0]];
        return before->output_relu_backward ? before->completer : SIZE_MAX;
    }
    if (!layer->trainable || !layer->ops->completes_gradient)
        return SIZE_MAX;
    size_t leader = layer->ops->takes_affine ? find_leader(network, layer, readers) : SIZE_MAX;
    layer->skip_backward |= leader != SIZE_MAX;
    return leader == SIZE_MAX ? layer->index : leader;
}

void sums_plan(struct network *network, const size_t *readers)
{
    for (size_t i = 0; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        if (layer->ops->takes_affine) {
            plan_affine(network, layer, readers);
            plan_sharing(network, layer, readers);
        }
        layer->completer = find_completer(network, layer, readers);
    }
}

size_t sums_source(const struct network *network, const struct layer *layer, size_t k)
{
    return layer->input_affine[k] ? network->layers[layer->inputs[k]].inputs[0] : layer->inputs[k];
}
