/* From the configuration's lines to layers with shapes. */
#include "core/layer_rates.h"
#include "core/network_head.h"
#include "core/network_sum.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parameters in all, and numbers per sample that a layer gives: more is a slip of the pen. */
enum { NUMBERS_MAX = 1 << 30 };

static enum status unknown(const char *what, const char *word, const char *const *known, size_t count)
{
    const char *nearest = text_nearest(word, known, count);
    if (nearest)
        return status_set(STATUS_USAGE, "unknown %s `%s`, did you mean `%s`?", what, word, nearest);
    char list[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
    return status_set(STATUS_USAGE, "unknown %s `%s`%s%s", what, word,
                      count ? "; there are: " : "; it has none", list);
}

static enum status find_type(struct layer *layer, const char *type)
{
    layer->ops = layer_type_find(type);
    if (layer->ops)
        return STATUS_OK;
    const char *known[64];
    for (size_t i = 0; i < layer_type_count; i++)
        known[i] = layer_types[i]->type;
    return unknown("layer type", type, known, layer_type_count);
}

/* Names of layers before `layer`, and "input". To be freed by the caller. */
static const char **names_before(const struct network *network, const struct layer *layer)
{
    const char **names = malloc((layer->index + 1) * sizeof *names);
    for (size_t i = 0; names && i < layer->index; i++)
        names[i] = network->layers[i].name;
    if (names)
        names[layer->index] = "input";
    return names;
}

static enum status find_input(const struct network *network, struct layer *layer, const char *name)
{
    if (layer->input_count == LAYER_INPUTS_MAX)
        return status_set(STATUS_USAGE, "from names more than %d layers", LAYER_INPUTS_MAX);
    size_t found = LAYER_NETWORK_INPUT;
    for (size_t i = 0; i < layer->index; i++)
        if (!strcmp(network->layers[i].name, name))
            found = i;
    if (found == LAYER_NETWORK_INPUT && strcmp(name, "input")) {
        const char **names = names_before(network, layer);
        if (!names)
            return status_no_memory("layer names", 0);
        enum status status = unknown("layer above in from:", name, names, layer->index + 1);
        free(names);
        return status;
    }
    layer->inputs[layer->input_count++] = found;
    return STATUS_OK;
}

static enum status parse_from(const struct network *network, struct layer *layer, char *value)
{
    char *rest;
    if (layer->input_count)
        return status_set(STATUS_USAGE, "from is given twice");
    for (char *name = strtok_r(value, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        enum status status = find_input(network, layer, name);
        if (status)
            return status;
    }
    return layer->input_count ? STATUS_OK : status_set(STATUS_USAGE, "from= names no layer");
}

/* Rows of the type's table, then of the one that all layers have. */
enum { OPTIONS_MAX = 32 };

static enum status unknown_option(const struct layer_ops *ops, const char *name)
{
    const char *known[OPTIONS_MAX + 1];
    size_t count = 0;
    for (; count < ops->option_count; count++)
        known[count] = ops->options[count].name;
    for (size_t i = 0; i < layer_rates_option_count; i++)
        known[count++] = layer_rates_options[i].name;
    known[count++] = "from";
    char what[64];
    snprintf(what, sizeof what, "option of %s", ops->type);
    return unknown(what, name, known, count);
}

static enum status parse_option(struct layer *layer, const char *name, const char *value,
                                bool given[OPTIONS_MAX])
{
    const struct layer_ops *ops = layer->ops;
    const struct option *own = option_find(ops->options, ops->option_count, NULL, name);
    const struct option *common = option_find(layer_rates_options, layer_rates_option_count, NULL, name);
    if (!own && !common)
        return unknown_option(ops, name);
    size_t row =
        own ? (size_t)(own - ops->options) : ops->option_count + (size_t)(common - layer_rates_options);
    if (given[row])
        return status_set(STATUS_USAGE, "%s is given twice", name);
    given[row] = true;
    if (!own)
        layer->rates.given = common->name;
    return own ? option_parse(own, value, layer->options) : option_parse(common, value, &layer->rates);
}

/* "TYPE option=value ..." in `text`, which it cuts up. */
static enum status parse_line(const struct network *network, struct layer *layer, char *text)
{
    char *rest, *word = strtok_r(text, " \t", &rest);
    if (!word)
        return status_set(STATUS_USAGE, "no layer type; write: NAME = TYPE option=value ...");
    enum status status = find_type(layer, word);
    if (status)
        return status;
    const struct layer_ops *ops = layer->ops;
    bool given[OPTIONS_MAX] = {false};
    layer->options = calloc(1, ops->options_size + 1);
    if (!layer->options)
        return status_no_memory("a layer's options", ops->options_size);
    status = option_defaults(ops->options, ops->option_count, layer->options);
    if (!status)
        status = option_defaults(layer_rates_options, layer_rates_option_count, &layer->rates);
    for (word = strtok_r(NULL, " \t", &rest); word && !status; word = strtok_r(NULL, " \t", &rest)) {
        char *value = strchr(word, '=');
        if (!value)
            return status_set(STATUS_USAGE, "`%s` is not of the form option=value (no blanks around the =)",
                              word);
        *value++ = 0;
        status = strcmp(word, "from") ? parse_option(layer, word, value, given)
                                      : parse_from(network, layer, value);
    }
    for (size_t i = 0; i < ops->option_count && !status; i++)
        if (!ops->options[i].fallback && !given[i])
            status = status_set(STATUS_USAGE, "%s needs %s=", ops->type, ops->options[i].name);
    return status;
}

static enum status check_inputs(const struct network *network, struct layer *layer, bool last)
{
    const struct layer_ops *ops = layer->ops;
    if (layer->input_count == 0) {
        layer->inputs[0] = layer->index ? layer->index - 1 : LAYER_NETWORK_INPUT;
        layer->input_count = 1;
    }
    if (layer->input_count < ops->input_min)
        return status_set(STATUS_USAGE, "%s takes at least %zu inputs: from=NAME,NAME", ops->type,
                          ops->input_min);
    if (layer->input_count > ops->input_max)
        return status_set(STATUS_USAGE, "%s takes one input", ops->type);
    for (size_t k = 0; k < layer->input_count; k++) {
        size_t from = layer->inputs[k];
        layer->in[k] = from == LAYER_NETWORK_INPUT ? network->input : network->layers[from].out;
    }
    char text[64];
    if ((ops->flat_input || last) && !shape_is_flat(layer->in[0]))
        return status_set(STATUS_USAGE,
                          "%s takes a flat row, not an image of %s: put a flatten layer before it", ops->type,
                          shape_text(text, layer->in[0]));
    if (ops->last_only && !last)
        return status_set(STATUS_USAGE, "%s can only be the last layer", ops->type);
    if (last && ops->loss == LOSS_NONE)
        return status_set(
            STATUS_USAGE,
            "the last layer must be softmax, sigmoid or linear, which fixes the loss; %s is none of them",
            ops->type);
    return STATUS_OK;
}

static bool too_large(struct shape shape)
{
    return (double)shape.h * (double)shape.w * (double)shape.c > NUMBERS_MAX;
}

static enum status plan_shapes(struct layer *layer)
{
    char text[64];
    layer->out = layer->in[0];
    enum status status = layer->ops->plan ? layer->ops->plan(layer) : STATUS_OK;
    if (!status && shape_count(layer->out) == 0)
        status =
            status_set(STATUS_USAGE, "the output would be empty: the window does not fit the input of %s",
                       shape_text(text, layer->in[0]));
    if (!status && too_large(layer->out))
        status = status_set(STATUS_USAGE, "an output of %s numbers per sample is too large",
                            shape_text(text, layer->out));
    return status;
}

/* Names are what files and `from` go by: whole, and each only once. */
static enum status check_name(const struct network *network, const struct layer *layer, const char *name)
{
    if (strlen(name) >= LAYER_NAME_MAX)
        return status_set(STATUS_USAGE, "a layer's name has at most %d letters", LAYER_NAME_MAX - 1);
    if (!strcmp(name, "input"))
        return status_set(STATUS_USAGE, "the name stands for what the network is fed with");
    for (size_t i = 0; i < layer->index; i++)
        if (!strcmp(network->layers[i].name, name))
            return status_set(STATUS_USAGE, "there is a layer of that name above");
    return STATUS_OK;
}

static enum status plan_layer(struct network *network, size_t i, const struct layer_line *line, bool last)
{
    struct layer *layer = &network->layers[i];
    layer->index = i;
    network->layer_count = i + 1;
    snprintf(layer->name, sizeof layer->name, "%s", line->name);
    char *text = strdup(line->text);
    if (!text)
        return status_no_memory("a layer's line", strlen(line->text));
    enum status status = check_name(network, layer, line->name);
    if (!status)
        status = parse_line(network, layer, text);
    free(text);
    if (!status)
        status = check_inputs(network, layer, last);
    if (!status)
        status = plan_shapes(layer);
    for (size_t b = 0; b < layer->buffer_count && !status; b++) {
        layer->buffers[b].offset = network->buffer_count;
        network->buffer_count += layer->buffers[b].count;
    }
    if (!status)
        status = layer_rates_apply(layer);
    for (size_t p = 0; p < layer->parameter_count && !status; p++) {
        layer->parameters[p].offset = network->parameter_count;
        double count = 1;
        for (size_t d = 0; d < layer->parameters[p].dimension_count; d++)
            count *= (double)layer->parameters[p].dimensions[d];
        if (count + (double)network->parameter_count > NUMBERS_MAX)
            status = status_set(STATUS_USAGE, "more than %d parameters", NUMBERS_MAX);
        network->parameter_count += layer->parameters[p].count;
    }
    return status_prefix(status, "%s: layer `%s`: ", line->where, line->name);
}

/* A relu that works in place is done in passing: by the pooling that alone reads it, on fewer numbers; else
 * forward by the layer that it alone reads, and backward by the one that alone reads it. */
static void hand_relus_over(struct network *network, const size_t *readers)
{
    for (size_t i = 1; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        if (!layer->ops->takes_input_relu || layer->inputs[0] == LAYER_NETWORK_INPUT)
            continue;
        struct layer *before = &network->layers[layer->inputs[0]];
        if (!before->ops->is_relu || !before->shares_input || readers[before->index] != 1)
            continue;
        layer->input_relu = before->skip_backward = true;
        before->skip_forward = layer->ops->takes_input_relu == LAYER_RELU_BOTH;
    }
    for (size_t i = 1; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        if (!layer->ops->is_relu || !layer->shares_input || layer->skip_forward)
            continue;
        struct layer *before = &network->layers[layer->inputs[0]];
        if (!before->ops->takes_output_relu)
            continue;
        before->output_relu = layer->skip_forward = true;
        if (before->ops->takes_output_relu_backward && !layer->skip_backward)
            before->output_relu_backward = layer->skip_backward = true;
    }
}

/* Who reads whom: in place where nobody else needs what is overwritten; gradients where something can be
 * trained. */
static enum status connect(struct network *network, const struct layer_line *lines)
{
    size_t *readers = calloc(network->layer_count, sizeof *readers);
    if (!readers)
        return status_no_memory("the network's plan", network->layer_count);
    for (size_t i = 0; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        layer->frozen = layer_rates_frozen(layer);
        layer->trainable = !layer->frozen;
        for (size_t k = 0; k < layer->input_count; k++) {
            if (layer->inputs[k] == LAYER_NETWORK_INPUT)
                continue;
            readers[layer->inputs[k]]++;
            layer->trainable |= network->layers[layer->inputs[k]].trainable;
        }
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i + 1 < network->layer_count && !status; i++)
        if (readers[i] == 0)
            status = status_set(STATUS_USAGE, "%s: layer `%s`: no layer reads its output", lines[i].where,
                                lines[i].name);
    for (size_t i = 0; i + 1 < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        size_t from = layer->inputs[0];
        layer->shares_input = layer->ops->in_place && from != LAYER_NETWORK_INPUT && readers[from] == 1 &&
                              !network->layers[from].ops->output_needed;
    }
    if (!status) {
        hand_relus_over(network, readers);
        sums_plan(network, readers);
        head_plan(network, readers);
    }
    free(readers);
    return status;
}

enum status network_plan(struct network *network, struct shape input, const struct layer_line *lines,
                         size_t count)
{
    *network = (struct network){.input = input};
    enum status status = STATUS_OK;
    if (count == 0)
        return status_set(STATUS_USAGE, "the network has no layers");
    char text[64];
    if (too_large(input))
        return status_set(STATUS_USAGE, "%s: an input of %s numbers per sample is too large", lines[0].where,
                          shape_text(text, input));
    network->layers = calloc(count, sizeof *network->layers);
    if (!network->layers)
        return status_no_memory("layers", count * sizeof *network->layers);
    for (size_t i = 0; i < count && !status; i++)
        status = plan_layer(network, i, &lines[i], i + 1 == count);
    if (!status)
        status = connect(network, lines);
    if (!status && !network_last(network)->trainable)
        status = status_set(STATUS_USAGE, "%s: the network has nothing to train: %s", lines[0].where,
                            network->parameter_count ? "every layer is frozen" : "no conv2d or dense layer");
    if (status)
        network_destroy(network);
    return status;
}

void network_destroy(struct network *network)
{
    for (size_t i = 0; i < network->layer_count; i++)
        free(network->layers[i].options);
    free(network->layers);
    arena_destroy(&network->parameter_arena);
    arena_destroy(&network->activation_arena);
    *network = (struct network){0};
}
