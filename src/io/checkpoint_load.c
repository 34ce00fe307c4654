#include "core/text.h"
#include "io/checkpoint_format.h"
#include "io/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One array parallel to the network's parameters, and the group that has it: "/model", "/optimizer/momentum".
 */
struct target {
    char group[CHECKPOINT_NAME_MAX];
    float *values, *buffers; /* buffers: parallel to the network's; NULL: the group has none */
};

/* An opened file, the group that is read, and what it has: names below the group. */
struct source {
    const char *path, *group;
    hid_t file, digests;
    struct checkpoint_names have;
};

/* How many arrays a layer has in a target, and the i-th of them: parameters, then buffers. */
static size_t array_count(const struct layer *layer, const struct target *target)
{
    return layer->parameter_count + (target->buffers ? layer->buffer_count : 0);
}

static const struct parameter *array_of(const struct layer *layer, size_t i)
{
    return i < layer->parameter_count ? &layer->parameters[i] : &layer->buffers[i - layer->parameter_count];
}

/* What a network wants below the source's group. */
static enum status list_wanted(const struct source *s, const struct network *network,
                               const struct target *targets, size_t target_count,
                               struct checkpoint_names *wanted)
{
    size_t skip = strlen(s->group) + 1, capacity = 0;
    *wanted = (struct checkpoint_names){0};
    for (size_t l = 0; l < network->layer_count; l++)
        capacity += target_count * (network->layers[l].parameter_count + network->layers[l].buffer_count);
    wanted->names = calloc(capacity + 1, sizeof *wanted->names);
    if (!wanted->names)
        return status_no_memory("names of arrays", capacity * sizeof *wanted->names);
    for (size_t t = 0; t < target_count; t++)
        for (size_t l = 0; l < network->layer_count; l++)
            for (size_t i = 0; i < array_count(&network->layers[l], &targets[t]); i++) {
                char name[CHECKPOINT_NAME_MAX];
                const struct layer *layer = &network->layers[l];
                if (!checkpoint_array_name(name, targets[t].group, layer, array_of(layer, i)))
                    return status_set(STATUS_CHECKPOINT, "the name of layer %s is too long", layer->name);
                char *copy = strdup(name + skip);
                if (!copy)
                    return status_no_memory("names of arrays", sizeof name);
                wanted->names[wanted->count++] = copy;
            }
    return STATUS_OK;
}

static bool is_in(const char *name, const struct checkpoint_names *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->names[i], name))
            return true;
    return false;
}

/* Of the names that only `others` has, the one nearest to `name`; NULL where none is near. */
static const char *nearest_of(const char *name, const struct checkpoint_names *names,
                              const struct checkpoint_names *others)
{
    const char **candidates = calloc(others->count + 1, sizeof *candidates);
    size_t count = 0;
    for (size_t i = 0; i < others->count && candidates; i++)
        if (!is_in(others->names[i], names))
            candidates[count++] = others->names[i];
    const char *nearest = candidates ? text_nearest(name, candidates, count) : NULL;
    free(candidates);
    return nearest;
}

/* The first name that `others` lacks, or NULL. */
static const char *first_missing(const struct checkpoint_names *names, const struct checkpoint_names *others)
{
    for (size_t i = 0; i < names->count; i++)
        if (!is_in(names->names[i], others))
            return names->names[i];
    return NULL;
}

/* Every wanted array is there, and nothing else. */
static enum status check_names(const struct source *s, const struct checkpoint_names *wanted)
{
    const struct checkpoint_names *have = &s->have;
    if (wanted->count && !have->count)
        return status_set(STATUS_CHECKPOINT, "%s: there are no arrays in %s", s->path, s->group);
    const char *name = first_missing(wanted, have);
    if (name) {
        const char *nearest = nearest_of(name, wanted, have);
        return status_set(STATUS_CHECKPOINT, "%s: %s/%s is missing, which the network wants%s%s", s->path,
                          s->group, name, nearest ? "; the nearest there is " : "", nearest ? nearest : "");
    }
    name = first_missing(have, wanted);
    if (name) {
        const char *nearest = text_nearest(name, (const char *const *)wanted->names, wanted->count);
        return status_set(STATUS_CHECKPOINT, "%s: %s/%s is superfluous: the network has no such array%s%s",
                          s->path, s->group, name, nearest ? "; the nearest it has is " : "",
                          nearest ? nearest : "");
    }
    return STATUS_OK;
}

/* "64x1x3x3"; "a single number" without dimensions. */
static void shape_of(char *out, size_t size, const size_t *dimensions, size_t rank)
{
    size_t used = 0;
    snprintf(out, size, "a single number");
    for (size_t i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%zu", i ? "x" : "", dimensions[i]);
}

static enum status check_shape(const struct source *s, const char *name, const struct layer *layer,
                               const struct parameter *p, const struct checkpoint_array *array)
{
    char is[256], wanted[256];
    if (array->rank == p->dimension_count &&
        !memcmp(array->dimensions, p->dimensions, array->rank * sizeof *array->dimensions))
        return STATUS_OK;
    shape_of(is, sizeof is, array->dimensions, array->rank);
    shape_of(wanted, sizeof wanted, p->dimensions, p->dimension_count);
    return status_set(STATUS_CHECKPOINT, "%s is %s in %s, the network wants %s (layer %s)", name, is, s->path,
                      wanted, layer->name);
}

static enum status read_parameter(const struct source *s, const char *group, const struct layer *layer,
                                  const struct parameter *p, float *values)
{
    char name[CHECKPOINT_NAME_MAX];
    struct checkpoint_array array;
    checkpoint_array_name(name, group, layer, p);
    enum status status = checkpoint_array_open(s->path, s->file, name, &array);
    if (status != STATUS_OK)
        return status;
    status = check_shape(s, name, layer, p, &array);
    if (status == STATUS_OK)
        status = checkpoint_array_read(s->path, s->digests, name, &array, false, values);
    checkpoint_array_close(&array);
    return status;
}

/* All targets into `values`, one after the other, each with its buffers behind its parameters. */
static enum status read_targets(const struct source *s, const struct network *network,
                                const struct target *targets, size_t target_count, float *values)
{
    size_t count = network->parameter_count + network->buffer_count;
    enum status status = STATUS_OK;
    for (size_t t = 0; t < target_count; t++)
        for (size_t l = 0; l < network->layer_count; l++) {
            const struct layer *layer = &network->layers[l];
            for (size_t i = 0; i < array_count(layer, &targets[t]) && status == STATUS_OK; i++) {
                float *array =
                    values + t * count + (i < layer->parameter_count ? 0 : network->parameter_count);
                status = read_parameter(s, targets[t].group, layer, array_of(layer, i),
                                        array + array_of(layer, i)->offset);
            }
        }
    return status;
}

/* PyTorch's batch normalisation counts its batches, for a kind of running statistics that we do not have. */
static void drop_counters(struct checkpoint_names *names)
{
    static const char counter[] = "/num_batches_tracked";
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        size_t length = strlen(names->names[i]);
        if (length >= sizeof counter && !strcmp(names->names[i] + length + 1 - sizeof counter, counter))
            free(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    }
    names->count = kept;
}

/* Reads everything, checks everything, and only then changes the targets. */
static enum status load_unguarded(const char *path, const char *group, const struct network *network,
                                  const struct target *targets, size_t target_count)
{
    struct source s = {.path = path, .group = group, .digests = H5I_INVALID_HID};
    struct checkpoint_names wanted = {0};
    size_t count = network->parameter_count, buffer_count = network->buffer_count;
    size_t bytes = target_count * (count + buffer_count) * sizeof(float);
    float *values = NULL;
    enum status status = checkpoint_open(path, false, &s.file);
    if (status != STATUS_OK)
        return status;
    s.digests = checkpoint_group_open(s.file, "/digest");
    status = checkpoint_list(path, s.file, group, &s.have);
    drop_counters(&s.have);
    if (status != STATUS_OK ||
        (status = list_wanted(&s, network, targets, target_count, &wanted)) != STATUS_OK ||
        (status = check_names(&s, &wanted)) != STATUS_OK)
        goto done;
    values = malloc(bytes + 1);
    if (!values) {
        status = status_no_memory("reading a checkpoint", bytes);
        goto done;
    }
    status = read_targets(&s, network, targets, target_count, values);
    for (size_t t = 0; t < target_count && status == STATUS_OK; t++) {
        const float *from = values + t * (count + buffer_count);
        memcpy(targets[t].values, from, count * sizeof *from);
        if (targets[t].buffers)
            memcpy(targets[t].buffers, from + count, buffer_count * sizeof *from);
    }
done:
    free(values);
    checkpoint_names_free(&wanted);
    checkpoint_names_free(&s.have);
    checkpoint_group_close(s.digests);
    H5Fclose(s.file);
    return status;
}

static enum status load(const char *path, const char *group, const struct network *network,
                        const struct target *targets, size_t target_count)
{
    guard_begin(path, STATUS_CHECKPOINT);
    enum status status = load_unguarded(path, group, network, targets, target_count);
    guard_end();
    return status;
}

enum status checkpoint_read_model(const char *path, struct network *network)
{
    struct target target = {.group = "/model", .values = network->parameters, .buffers = network->buffers};
    return load(path, target.group, network, &target, 1);
}

enum status checkpoint_read_slots(const char *path, const struct network *network,
                                  const struct checkpoint_slot *slots, size_t slot_count)
{
    struct target *targets = calloc(slot_count + 1, sizeof *targets);
    if (!targets)
        return status_no_memory("reading a checkpoint", slot_count * sizeof *targets);
    for (size_t i = 0; i < slot_count; i++) {
        snprintf(targets[i].group, sizeof targets[i].group, "/optimizer/%s", slots[i].name);
        targets[i].values = slots[i].values;
        targets[i].buffers = slots[i].buffers;
    }
    enum status status = load(path, "/optimizer", network, targets, slot_count);
    free(targets);
    return status;
}
