#include "io/import_images.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

enum { WARNINGS_MAX = 20 };

struct work {
    const struct image_split *images;
    const struct import_images_options *options;
    struct dataset_split *split;
    struct shape shape;
    const char *model; /* the file that set size and channels; NULL: nobody did */
    char **failures;   /* (images->count): why a file cannot be used; NULL: it can; owned */
};

static enum status check_kind(const struct work *work, const struct image *image, const char *path)
{
    const struct import_images_options *o = work->options;
    char is[64], first[64];
    const char *model = work->model ? work->model : "the others";
    if (!o->h && (image->shape.h != work->shape.h || image->shape.w != work->shape.w))
        return status_set(STATUS_DATA, "%s: %s, but %s is %s: --size HxW makes them one size", path,
                          shape_text(is, image->shape), model, shape_text(first, work->shape));
    if (image->shape.c != work->shape.c)
        return status_set(STATUS_DATA, "%s: %s, but %s is %s: say --channels 1 or 3", path,
                          image->shape.c == 1 ? "grey" : "in colour", model,
                          work->shape.c == 1 ? "grey" : "in colour");
    return STATUS_OK;
}

/* Of any thread; `fatal`: all images must be like that, and this one is not. A failure's message goes to
 * work->failures, which has NULL where there is no memory for it. */
static enum status load(const struct work *work, size_t i, bool *fatal)
{
    const char *path = work->images->entries[i].path;
    unsigned char *to = (unsigned char *)work->split->images + i * shape_count(work->shape);
    struct image image;
    *fatal = work->options->strict;
    enum status status = image_read(&image, path, work->options->channels);
    if (!status) {
        status = check_kind(work, &image, path);
        *fatal = *fatal || status;
    }
    if (!status)
        status = image_resize(&image, work->shape.h, work->shape.w, work->options->fit, to);
    image_destroy(&image);
    if (status) {
        work->failures[i] = strdup(status_message());
        *fatal = *fatal || !work->failures[i];
    }
    return status;
}

/* The first failure that none of the threads may pass over; in the list's order, whichever thread met it. */
static enum status load_all(struct work *work)
{
    const struct import_images_options *o = work->options;
    size_t count = work->images->count, done = 0, worst = count;
#pragma omp parallel for schedule(dynamic, 16)
    for (size_t i = 0; i < count; i++) {
        size_t before, first;
        bool fatal;
#pragma omp atomic read
        first = worst;
        if (i > first)
            continue;
        if (load(work, i, &fatal) && fatal) {
#pragma omp critical
            worst = i < worst ? i : worst;
        }
#pragma omp atomic capture
        before = done++;
        if (o->progress && omp_get_thread_num() == 0)
            o->progress(o->user, before + 1, count);
    }
    if (o->progress)
        o->progress(o->user, count, count);
    if (worst == count)
        return STATUS_OK;
    return work->failures[worst] ? status_set(STATUS_DATA, "%s", work->failures[worst])
                                 : status_no_memory("a message", STATUS_MESSAGE_MAX);
}

/* Closes the gaps that unusable files left, and says which they were. */
static size_t close_gaps(struct work *work)
{
    struct dataset_split *split = work->split;
    size_t item = shape_count(work->shape), kept = 0, skipped = 0;
    unsigned char *images = split->images;
    for (size_t i = 0; i < work->images->count; i++) {
        if (work->failures[i]) {
            if (skipped++ < WARNINGS_MAX)
                log_warn("left out: %s", work->failures[i]);
            continue;
        }
        if (kept != i)
            memmove(images + kept * item, images + i * item, item);
        split->classes[kept++] = (int32_t)work->images->entries[i].class;
    }
    split->count = kept;
    if (skipped > WARNINGS_MAX)
        log_warn("left out: %zu more files", skipped - WARNINGS_MAX);
    return skipped;
}

static enum status check_classes(const struct dataset_split *split, const struct image_list *list)
{
    bool *seen = calloc(list->class_count, sizeof *seen);
    if (!seen)
        return status_no_memory("classes", list->class_count);
    for (size_t i = 0; i < split->count; i++)
        seen[split->classes[i]] = true;
    enum status status = STATUS_OK;
    for (size_t class = 0; class < list->class_count && !status; class ++)
        if (!seen[class] && !strcmp(split->name, "train"))
            status =
                status_set(STATUS_DATA, "class %s: none of its files can be used", list->class_names[class]);
    free(seen);
    if (!status && split->count == 0)
        status = status_set(STATUS_DATA, "none of the %s images can be used", split->name);
    return status;
}

/* Size and channels: the options', else those of `like`, else those of the first file that can be read. */
static enum status find_shape(struct work *work, const struct dataset_split *like)
{
    const struct import_images_options *o = work->options;
    if (like) {
        work->shape = like->shape;
        return STATUS_OK;
    }
    struct image image = {0};
    enum status status = STATUS_DATA;
    size_t i = 0;
    for (; i < work->images->count && status; i++) {
        status = image_read(&image, work->images->entries[i].path, o->channels);
        if (status && o->strict)
            return status;
    }
    if (status)
        return status_prefix(status, "none of the files can be used; the last: ");
    work->model = work->images->entries[i - 1].path;
    work->shape = image.shape;
    if (o->h) {
        work->shape.h = o->h;
        work->shape.w = o->w;
    }
    image_destroy(&image);
    return STATUS_OK;
}

static enum status allocate(struct work *work)
{
    size_t count = work->images->count, bytes = dataset_bytes(count, work->shape, 1);
    char shape[64];
    if (!bytes)
        return status_set(STATUS_DATA, "%zu images of %s are more than this machine's memory", count,
                          shape_text(shape, work->shape));
    work->split->shape = work->shape;
    work->split->images = malloc(bytes);
    work->split->classes = malloc(count * sizeof *work->split->classes);
    work->failures = calloc(count, sizeof *work->failures);
    return work->split->images && work->split->classes && work->failures ? STATUS_OK
                                                                         : status_no_memory("images", bytes);
}

enum status import_images(struct dataset_split *split, const char *name, const struct image_list *list,
                          const struct image_split *images, const struct import_images_options *options,
                          const struct dataset_split *like, size_t *skipped)
{
    struct work work = {.images = images, .options = options, .split = split};
    *split = (struct dataset_split){.outputs = list->class_count};
    *skipped = 0;
    snprintf(split->name, sizeof split->name, "%s", name);
    enum status status = find_shape(&work, like);
    if (!status)
        status = allocate(&work);
    if (!status)
        status = load_all(&work);
    if (!status) {
        *skipped = close_gaps(&work);
        status = check_classes(split, list);
    }
    for (size_t i = 0; work.failures && i < images->count; i++)
        free(work.failures[i]);
    free(work.failures);
    if (status)
        dataset_destroy(split);
    return status;
}
