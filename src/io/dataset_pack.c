#include "io/dataset_pack.h"

#include <stdlib.h>
#include <string.h>

/* A block begins with this head. What the split does not have takes no bytes. */
struct head {
    struct dataset_split split; /* with pointers that are NULL */
    bool has_images, has_classes, has_values, has_names;
    size_t images, runs, classes, values, mean, std, names, end; /* from the block's begin */
};

static size_t align(size_t offset)
{
    return (offset + DATASET_PACK_ALIGNMENT - 1) / DATASET_PACK_ALIGNMENT * DATASET_PACK_ALIGNMENT;
}

static size_t images_size(const struct dataset_split *s)
{
    return s->images ? s->count * dataset_image_bytes(s) : 0;
}

static size_t runs_size(const struct dataset_split *s)
{
    return s->run_digests ? dataset_runs(s) * sizeof *s->run_digests : 0;
}

static size_t classes_size(const struct dataset_split *s)
{
    return s->classes ? s->count * sizeof *s->classes : 0;
}

static size_t values_size(const struct dataset_split *s)
{
    return s->values ? s->count * s->outputs * sizeof *s->values : 0;
}

static size_t channels_size(const struct dataset_split *s)
{
    return s->normalization.channels * sizeof *s->normalization.mean;
}

/* The names follow one another, each with its zero. */
static size_t names_size(const struct dataset_split *s)
{
    size_t size = 0;
    for (size_t i = 0; s->class_names && i < s->outputs; i++)
        size += strlen(s->class_names[i]) + 1;
    return size;
}

static struct head lay_out(const struct dataset_split *s)
{
    struct head h = {.split = *s,
                     .has_images = s->images != NULL,
                     .has_classes = s->classes != NULL,
                     .has_values = s->values != NULL,
                     .has_names = s->class_names != NULL};
    h.images = align(sizeof h);
    h.runs = align(h.images + images_size(s));
    h.classes = align(h.runs + runs_size(s));
    h.values = align(h.classes + classes_size(s));
    h.mean = align(h.values + values_size(s));
    h.std = align(h.mean + channels_size(s));
    h.names = align(h.std + channels_size(s));
    h.end = align(h.names + names_size(s));
    h.split.borrowed = true;
    h.split.images = NULL;
    h.split.run_digests = NULL;
    h.split.classes = NULL;
    h.split.values = h.split.normalization.mean = h.split.normalization.std = NULL;
    h.split.class_names = NULL;
    return h;
}

size_t dataset_packed_size(const struct dataset_split *split)
{
    return lay_out(split).end;
}

static void copy(char *to, const void *from, size_t size)
{
    if (size)
        memcpy(to, from, size);
}

void dataset_pack(const struct dataset_split *s, void *block)
{
    struct head *head = block;
    *head = lay_out(s);
    char *base = block, *name = base + head->names;
    copy(base + head->images, s->images, images_size(s));
    copy(base + head->runs, s->run_digests, runs_size(s));
    copy(base + head->classes, s->classes, classes_size(s));
    copy(base + head->values, s->values, values_size(s));
    copy(base + head->mean, s->normalization.mean, channels_size(s));
    copy(base + head->std, s->normalization.std, channels_size(s));
    for (size_t i = 0; s->class_names && i < s->outputs; i++)
        name = stpcpy(name, s->class_names[i]) + 1;
}

enum status dataset_view(struct dataset_split *view, const void *block)
{
    const struct head *head = block;
    char *base = (char *)block, *name = base + head->names;
    size_t outputs = head->split.outputs;
    char **names = head->has_names ? malloc(outputs * sizeof *names) : NULL;
    *view = (struct dataset_split){0};
    if (head->has_names && !names)
        return status_no_memory("class names", outputs * sizeof *names);
    for (size_t i = 0; names && i < outputs; i++) {
        names[i] = name;
        name += strlen(name) + 1;
    }
    *view = head->split;
    view->images = head->has_images ? base + head->images : NULL;
    view->run_digests = head->has_images ? NULL : (uint64_t *)(base + head->runs);
    view->classes = head->has_classes ? (int32_t *)(base + head->classes) : NULL;
    view->values = head->has_values ? (float *)(base + head->values) : NULL;
    view->class_names = names;
    view->normalization.mean = (float *)(base + head->mean);
    view->normalization.std = (float *)(base + head->std);
    return STATUS_OK;
}
