#include "io/dataset.h"

#include "io/host_memory.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_CHANNELS_MAX = 16 }; /* 16 KiB of tables stay in the first cache */

enum status dataset_grow(struct dataset_split *split, size_t *capacity, size_t first)
{
    size_t wanted = *capacity ? 2 * *capacity : first, bytes = dataset_bytes(wanted, split->shape, 1);
    char shape[64];
    if (!bytes) { /* twice as many are too many */
        wanted = *capacity + *capacity / 8;
        bytes = dataset_bytes(wanted, split->shape, 1);
    }
    if (!bytes || wanted == *capacity)
        return status_set(STATUS_DATA, "more than %zu images of %s are more than this machine's memory",
                          *capacity, shape_text(shape, split->shape));
    void *images = realloc(split->images, bytes);
    if (images)
        split->images = images;
    int32_t *classes = images ? realloc(split->classes, wanted * sizeof *classes) : NULL;
    if (!classes)
        return status_no_memory("images", bytes);
    split->classes = classes;
    *capacity = wanted;
    return STATUS_OK;
}

void dataset_destroy(struct dataset_split *split)
{
    if (!split->borrowed) {
        free(split->images);
        free(split->classes);
        free(split->values);
        free(split->run_digests);
        for (size_t i = 0; split->class_names && i < split->outputs; i++)
            free(split->class_names[i]);
        normalization_destroy(&split->normalization);
    }
    free(split->class_names);
    *split = (struct dataset_split){0};
}

bool dataset_shape_possible(struct shape s)
{
    bool empty = s.h == 0 || s.w == 0 || s.c == 0;
    return !empty && s.c <= DATASET_CHANNELS_MAX && s.h <= INT32_MAX && s.w <= INT32_MAX &&
           s.h * s.w <= INT32_MAX / s.c;
}

size_t dataset_bytes(size_t count, struct shape shape, size_t element)
{
    double bytes = (double)count * (double)shape.h * (double)shape.w * (double)shape.c * (double)element;
    return bytes <= host_memory() && bytes < (double)SIZE_MAX / 2 ? count * shape_count(shape) * element : 0;
}

size_t dataset_image_bytes(const struct dataset_split *split)
{
    return shape_count(split->shape) * (split->is_float ? sizeof(float) : 1);
}

size_t dataset_runs(const struct dataset_split *split)
{
    return split->run ? (split->count + split->run - 1) / split->run : 0;
}

size_t dataset_run_count(const struct dataset_split *split, size_t run)
{
    size_t left = split->count - run * split->run;
    return left < split->run ? left : split->run;
}

enum status normalization_create(struct normalization *n, bool present, size_t channels)
{
    size_t bytes = channels * sizeof *n->mean;
    *n = (struct normalization){present, channels, calloc(channels, sizeof *n->mean), malloc(bytes)};
    if (!n->mean || !n->std) {
        normalization_destroy(n);
        return status_no_memory("the normalization", bytes);
    }
    for (size_t c = 0; c < channels; c++)
        n->std[c] = 1;
    return STATUS_OK;
}

enum status normalization_copy(struct normalization *to, const struct normalization *from)
{
    enum status status = normalization_create(to, from->present, from->channels);
    if (status)
        return status;
    memcpy(to->mean, from->mean, from->channels * sizeof *from->mean);
    memcpy(to->std, from->std, from->channels * sizeof *from->std);
    return STATUS_OK;
}

void normalization_destroy(struct normalization *normalization)
{
    free(normalization->mean);
    free(normalization->std);
    *normalization = (struct normalization){0};
}

static const char *type_text(const struct dataset_split *split)
{
    return split->is_float ? "float32" : "uint8";
}

enum status dataset_splits_match(const struct dataset_split *train, const struct dataset_split *test)
{
    char a[64], b[64];
    if (!shape_equal(train->shape, test->shape))
        return status_set(STATUS_DATA, "%s: /%s/images are %s, /%s/images %s", train->path, train->name,
                          shape_text(a, train->shape), test->name, shape_text(b, test->shape));
    if (train->is_float != test->is_float)
        return status_set(
            STATUS_DATA,
            "%s: /%s/images are %s, /%s/images %s: uint8 is divided by 255, floats are not, so that "
            "the network would see other values; store both alike",
            train->path, train->name, type_text(train), test->name, type_text(test));
    return STATUS_OK;
}

static enum status unfit(const struct dataset_split *split, const char *labels, const char *last,
                         const char *advice)
{
    return status_set(STATUS_DATA, "%s: /%s/labels are %s, which a last layer %s is not trained with: %s",
                      split->path, split->name, labels, last, advice);
}

static enum status fits_classes(const struct dataset_split *split, size_t outputs)
{
    if (!split->classes)
        return split->binary ? unfit(split, "0 or 1 (N, K)", "softmax", "let the network end with sigmoid")
                             : unfit(split, "floats (N, K)", "softmax", "let the network end with linear");
    if (split->class_names && split->outputs != outputs)
        return status_set(STATUS_DATA, "%s: /%s/labels has %zu class_names, the network has %zu outputs",
                          split->path, split->name, split->outputs, outputs);
    for (size_t i = 0; i < split->count; i++)
        if ((size_t)split->classes[i] >= outputs)
            return status_set(STATUS_DATA,
                              "%s: /%s/labels[%zu] is class %d, the network has %zu outputs, 0 to %zu",
                              split->path, split->name, i, (int)split->classes[i], outputs, outputs - 1);
    return STATUS_OK;
}

static enum status fits_binary(const struct dataset_split *split)
{
    if (split->classes)
        return unfit(split, "class indices (N)", "sigmoid",
                     "let the network end with softmax, or give 0 or 1 (N, K)");
    for (size_t i = 0; !split->binary && i < split->count * split->outputs; i++)
        if (split->values[i] != 0 && split->values[i] != 1)
            return status_set(
                STATUS_DATA, "%s: /%s/labels[%zu, %zu] is %g, a last layer sigmoid is trained with 0 or 1",
                split->path, split->name, i / split->outputs, i % split->outputs, (double)split->values[i]);
    return STATUS_OK;
}

enum status dataset_fits(const struct dataset_split *split, enum loss_kind loss, size_t outputs)
{
    enum status status = STATUS_OK;
    if (!split->classes && !split->values)
        return status_set(STATUS_DATA, "%s: /%s/labels: no such dataset, and training needs labels",
                          split->path, split->name);
    if (loss == LOSS_CROSS_ENTROPY)
        return fits_classes(split, outputs);
    if (loss == LOSS_BINARY_CROSS_ENTROPY)
        status = fits_binary(split);
    else if (split->classes)
        status = unfit(split, "class indices (N)", "linear",
                       "let the network end with softmax, or give floats (N, K)");
    if (!status && split->outputs != outputs)
        status =
            status_set(STATUS_DATA, "%s: /%s/labels has %zu values per sample, the network has %zu outputs",
                       split->path, split->name, split->outputs, outputs);
    return status;
}

static float normalise_byte(unsigned pixel, const struct normalization *n, size_t channel)
{
    return (float)((pixel / 255.0 - (double)n->mean[channel]) / (double)n->std[channel]);
}

static void gather_bytes(const unsigned char *images, struct shape shape, const struct normalization *n,
                         const size_t *indices, size_t count, float *x)
{
    float table[TABLE_CHANNELS_MAX][256];
    size_t channels = shape.c, item = shape_count(shape);
    bool tabled = channels <= TABLE_CHANNELS_MAX;
    for (size_t c = 0; tabled && c < channels; c++)
        for (unsigned pixel = 0; pixel < 256; pixel++)
            table[c][pixel] = normalise_byte(pixel, n, c);

    for (size_t i = 0; i < count; i++) {
        const unsigned char *from = images + indices[i] * item;
        float *to = x + i * item;
        if (channels == 1) {
            for (size_t j = 0; j < item; j++)
                to[j] = table[0][from[j]];
        } else {
            for (size_t j = 0; j < item; j += channels)
                for (size_t c = 0; c < channels; c++)
                    to[j + c] = tabled ? table[c][from[j + c]] : normalise_byte(from[j + c], n, c);
        }
    }
}

static void gather_floats(const float *images, struct shape shape, const struct normalization *n,
                          const size_t *indices, size_t count, float *x)
{
    size_t channels = shape.c, item = shape_count(shape);
    for (size_t i = 0; i < count; i++) {
        const float *from = images + indices[i] * item;
        float *to = x + i * item;
        if (!n->present) {
            memcpy(to, from, item * sizeof *to);
            continue;
        }
        for (size_t j = 0; j < item; j += channels)
            for (size_t c = 0; c < channels; c++)
                to[j + c] = (from[j + c] - n->mean[c]) / n->std[c];
    }
}

void dataset_gather(const struct dataset_split *split, const struct normalization *normalization,
                    const size_t *indices, size_t n, float *x, int32_t *classes, float *values)
{
    if (x && split->is_float)
        gather_floats(split->images, split->shape, normalization, indices, n, x);
    else if (x)
        gather_bytes(split->images, split->shape, normalization, indices, n, x);
    for (size_t i = 0; classes && split->classes && i < n; i++)
        classes[i] = split->classes[indices[i]];
    for (size_t i = 0; values && split->values && i < n; i++)
        memcpy(values + i * split->outputs, split->values + indices[i] * split->outputs,
               split->outputs * sizeof *values);
}
