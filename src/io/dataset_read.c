#include "io/dataset_array.h"
#include "io/dataset_digest.h"
#include "io/digest.h"
#include "io/guard.h"
#include "io/h5.h"
#include "io/h5_lock.h"
#include "io/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum status check_layout(const struct dataset_split *split, const struct dataset_array *a)
{
    char *layout = NULL;
    if (!h5_has_attribute(a->id, "layout"))
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (!h5_read_text(a->id, "layout", &layout))
        status = dataset_array_wrong(split, a->name, ": attribute layout is not a text");
    else if (strcmp(layout, "NHWC"))
        status = dataset_array_wrong(
            split, a->name, ": layout is %.32s, NHWC (samples, rows, columns, channels) is needed", layout);
    free(layout);
    return status;
}

static enum status images_shape(struct dataset_split *split, const struct dataset_array *a)
{
    char type[32];
    if (a->rank != 3 && a->rank != 4)
        return dataset_array_wrong(split, a->name, ": has %d dimensions; (N, H, W, C) or (N, H, W) is needed",
                                   a->rank);
    bool byte = a->kind == H5T_INTEGER && H5Tget_size(a->type) == 1 && H5Tget_sign(a->type) == H5T_SGN_NONE;
    if (!byte && a->kind != H5T_FLOAT)
        return dataset_array_wrong(split, a->name, ": holds %s; uint8 or a float type is needed",
                                   dataset_array_type(type, a));
    split->is_float = !byte;
    if (a->dims[0] == 0)
        return dataset_array_wrong(split, a->name, ": holds no sample");
    split->count = a->dims[0];
    split->shape = (struct shape){a->dims[1], a->dims[2], a->rank == 4 ? a->dims[3] : 1};
    if (!dataset_shape_possible(split->shape))
        return dataset_array_wrong(
            split, a->name,
            ": images of %zux%zux%zu are empty or too large; (N, H, W, C) with at most %d "
            "channels is needed",
            split->shape.h, split->shape.w, split->shape.c, DATASET_CHANNELS_MAX);
    return check_layout(split, a);
}

/* Images number first .. first+count-1. */
static enum status images_finite(const struct dataset_split *split, const float *values, size_t first,
                                 size_t count)
{
    size_t item = shape_count(split->shape), row = split->shape.w * split->shape.c;
    for (size_t i = 0; i < count * item; i++)
        if (!isfinite(values[i]))
            return dataset_array_wrong(split, "images", "[%zu, %zu, %zu, %zu] is %g, not a finite float32",
                                       first + i / item, i % item / row, i % row / split->shape.c,
                                       i % split->shape.c, (double)values[i]);
    return STATUS_OK;
}

static enum status read_list(const struct dataset_split *split, const struct dataset_array *a,
                             const char *name, float **list)
{
    size_t count = 0, channels = split->shape.c;
    if (!h5_read_floats(a->id, name, list, &count))
        return dataset_array_wrong(
            split, a->name, ": attribute %s is missing or not numbers; mean and std go together", name);
    if (count != channels)
        return dataset_array_wrong(split, a->name,
                                   ": attribute %s has %zu values, the images have %zu channels", name, count,
                                   channels);
    for (size_t i = 0; i < count; i++)
        if (!isfinite((*list)[i]) || (!strcmp(name, "std") && !((*list)[i] > 0)))
            return dataset_array_wrong(
                split, a->name, ": attribute %s[%zu] is %g; %s", name, i, (double)(*list)[i],
                strcmp(name, "std") ? "a finite number is needed" : "a number above 0 is needed");
    return STATUS_OK;
}

static enum status read_normalization(struct dataset_split *split, const struct dataset_array *a)
{
    struct normalization *n = &split->normalization;
    n->channels = split->shape.c;
    n->present = h5_has_attribute(a->id, "mean") || h5_has_attribute(a->id, "std");
    if (n->present) {
        enum status status = read_list(split, a, "mean", &n->mean);
        return status ? status : read_list(split, a, "std", &n->std);
    }
    return normalization_create(n, false, n->channels);
}

static hid_t images_type(const struct dataset_split *split)
{
    return split->is_float ? H5T_NATIVE_FLOAT : H5T_NATIVE_UINT8;
}

/* Whole chunks of the file, so that none is unpacked twice. */
static size_t images_run(const struct dataset_split *split, const struct dataset_array *a)
{
    hsize_t chunk[H5S_MAX_RANK] = {1};
    size_t item = dataset_image_bytes(split);
    hid_t properties = H5Dget_create_plist(a->id);
    if (properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED)
        H5Pget_chunk(properties, H5S_MAX_RANK, chunk);
    if (properties >= 0)
        H5Pclose(properties);
    size_t samples = chunk[0] < split->count ? (size_t)chunk[0] : split->count;
    size_t chunks = samples ? DATASET_RUN_BYTES / item / samples : 0;
    samples = (samples ? samples : 1) * (chunks ? chunks : 1);
    return samples < split->count ? samples : split->count;
}

/* All but the images themselves. */
static enum status open_images(struct dataset_split *split, hid_t file, struct dataset_array *a)
{
    enum status status = dataset_array_open(split, file, "images", a);
    if (!status)
        status = images_shape(split, a);
    if (!status)
        status = read_normalization(split, a);
    if (!status)
        split->run = images_run(split, a);
    return status;
}

static enum status read_images(struct dataset_split *split, const struct dataset_array *a)
{
    enum status status = STATUS_OK;
    split->images =
        dataset_array_memory(split, a, split->shape, split->is_float ? sizeof(float) : 1, &status);
    if (!status)
        status = dataset_array_read(split, a, images_type(split), split->images);
    if (!status && split->is_float)
        status = images_finite(split, split->images, 0, split->count);
    return status;
}

/* One run after the other through `memory`. */
static enum status scan_runs(struct dataset_split *split, const struct dataset_array *a, void *memory,
                             struct dataset_digest *digest)
{
    enum status status = dataset_array_check(split, a);
    for (size_t run = 0; !status && run < dataset_runs(split); run++) {
        size_t first = run * split->run, count = dataset_run_count(split, run);
        size_t bytes = count * dataset_image_bytes(split);
        if (!h5_read_rows(a->id, images_type(split), first, count, memory))
            return dataset_array_unreadable(split, a);
        if (split->is_float)
            status = images_finite(split, memory, first, count);
        dataset_digest_images(digest, memory, bytes);
        split->run_digests[run] = digest_bytes(memory, bytes);
    }
    return status;
}

/* Behind the labels, which the digest begins with. */
static enum status scan_images(struct dataset_split *split, const struct dataset_array *a, size_t limit)
{
    size_t bytes = split->run * dataset_image_bytes(split);
    if (2 * bytes > limit)
        return dataset_array_wrong(
            split, a->name,
            ": %zu images lie in one chunk of the file, of %zu MiB, and two of these are more than the %zu "
            "MiB that there are for them: raise data.memory, or have h5repack make smaller chunks",
            split->run, bytes >> 20, limit >> 20);
    void *memory = malloc(bytes);
    struct dataset_digest *digest = dataset_digest_begin(split);
    split->run_digests = malloc(dataset_runs(split) * sizeof *split->run_digests);
    enum status status = memory && digest && split->run_digests
                             ? scan_runs(split, a, memory, digest)
                             : status_no_memory("reading the dataset", bytes);
    if (digest)
        split->digest = dataset_digest_end(digest, split);
    free(memory);
    return status;
}

/* Class indices; outputs is the number of class names, or 0 where there are none. */
static enum status read_classes(struct dataset_split *split, const struct dataset_array *a)
{
    enum status status = STATUS_OK;
    const struct shape one = {1, 1, 1};
    int64_t *wide = dataset_array_memory(split, a, one, sizeof *wide, &status);
    split->classes = dataset_array_memory(split, a, one, sizeof *split->classes, &status);
    if (!status)
        status = dataset_array_read(split, a, H5T_NATIVE_INT64, wide);
    size_t limit = split->class_names ? split->outputs : DATASET_CLASSES_MAX, highest = 0;
    for (size_t i = 0; !status && i < split->count; i++) {
        if (wide[i] < 0 || (uint64_t)wide[i] >= limit) {
            status = dataset_array_wrong(split, a->name,
                                         "[%zu] is %" PRId64 ", class indices go from 0 to %zu%s", i, wide[i],
                                         limit - 1, split->class_names ? " (as many as class_names)" : "");
            break;
        }
        split->classes[i] = (int32_t)wide[i];
        highest = (size_t)wide[i] > highest ? (size_t)wide[i] : highest;
    }
    if (!split->class_names)
        split->outputs = highest + 1;
    free(wide);
    return status;
}

static enum status read_values(struct dataset_split *split, const struct dataset_array *a)
{
    size_t k = a->rank == 2 ? (size_t)a->dims[1] : 1;
    if (k == 0)
        return dataset_array_wrong(split, a->name, ": holds no value per sample");
    if (split->class_names && split->outputs != k)
        return dataset_array_wrong(split, a->name, ": has %zu values per sample and %zu class_names", k,
                                   split->outputs);
    split->outputs = k;
    enum status status = STATUS_OK;
    split->values = dataset_array_memory(split, a, (struct shape){1, 1, k}, sizeof(float), &status);
    if (!status)
        status = dataset_array_read(split, a, H5T_NATIVE_FLOAT, split->values);
    split->binary = true;
    for (size_t i = 0; !status && i < split->count * k; i++) {
        float value = split->values[i];
        bool binary = value == 0 || value == 1;
        if (!isfinite(value))
            status = dataset_array_wrong(split, a->name, "[%zu, %zu] is %g, not a finite float32", i / k,
                                         i % k, (double)value);
        else if (!binary && a->kind == H5T_INTEGER)
            status = dataset_array_wrong(split, a->name,
                                         "[%zu, %zu] is %g; whole numbers in (N, K) labels are 0 or 1, class "
                                         "indices are a list (N)",
                                         i / k, i % k, (double)value);
        split->binary = split->binary && binary;
    }
    return status;
}

static enum status labels_shape(const struct dataset_split *split, const struct dataset_array *a)
{
    char type[32];
    if (a->rank != 1 && a->rank != 2)
        return dataset_array_wrong(split, a->name, ": has %d dimensions; (N) or (N, K) is needed", a->rank);
    if (a->kind != H5T_INTEGER && a->kind != H5T_FLOAT)
        return dataset_array_wrong(split, a->name, ": holds %s; integers or floats are needed",
                                   dataset_array_type(type, a));
    if (a->dims[0] != split->count)
        return dataset_array_wrong(split, a->name, ": has %" PRIu64 " samples, /%s/images has %zu",
                                   (uint64_t)a->dims[0], split->name, split->count);
    return STATUS_OK;
}

static enum status read_class_names(struct dataset_split *split, const struct dataset_array *a)
{
    if (!h5_has_attribute(a->id, "class_names"))
        return STATUS_OK;
    if (!h5_read_texts(a->id, "class_names", &split->class_names, &split->outputs))
        return dataset_array_wrong(split, a->name, ": attribute class_names is not a list of texts");
    if (split->outputs == 0 || split->outputs > DATASET_CLASSES_MAX)
        return dataset_array_wrong(split, a->name,
                                   ": attribute class_names has %zu names, 1 to %d are possible",
                                   split->outputs, DATASET_CLASSES_MAX);
    return STATUS_OK;
}

static enum status read_labels(struct dataset_split *split, hid_t file)
{
    struct dataset_array a;
    enum status status = dataset_array_open(split, file, "labels", &a);
    if (!status)
        status = labels_shape(split, &a);
    if (!status)
        status = read_class_names(split, &a);
    if (!status)
        status = a.rank == 1 && a.kind == H5T_INTEGER ? read_classes(split, &a) : read_values(split, &a);
    dataset_array_close(&a);
    return status;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Both splits are of one file, which may be large: it is not checked twice. */
static enum status check_seal(const char *path, const struct stat *info, bool *sealed)
{
    static _Thread_local struct stat last;
    static _Thread_local bool last_sealed;
    enum status status = STATUS_OK;
    if (!same_file(info, &last)) {
        last = (struct stat){0};
        status = seal_check(path, STATUS_DATA, &last_sealed);
        if (!status)
            last = *info;
    }
    *sealed = !status && last_sealed;
    return status;
}

/* Before HDF5 sees it: the file is there, and matches its seal where it has one. */
static enum status check_file(const char *path, bool *sealed)
{
    struct stat info;
    *sealed = false;
    if (stat(path, &info))
        return errno == ENOENT
                   ? status_set(STATUS_DATA,
                                "%s: no such file; cnn-data import --help tells how such files are made",
                                path)
                   : STATUS_OK; /* which h5_open tells */
    return check_seal(path, &info, sealed);
}

/* Also where a file is sealed: whoever sealed it may have sealed a damaged one. */
static enum status read_file(struct dataset_split *split, bool labels_needed, size_t limit)
{
    hid_t file;
    struct dataset_array images = {.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    enum status status = h5_open(split->path, STATUS_DATA, &file);
    if (status)
        return status;
    status = open_images(split, file, &images);
    bool streams = (double)split->count * (double)dataset_image_bytes(split) > (double)limit;
    if (!status && !streams)
        status = read_images(split, &images);
    if (!status && (labels_needed || dataset_array_exists(file, split->name, "labels")))
        status = read_labels(split, file);
    if (!status && streams)
        status = scan_images(split, &images, limit);
    dataset_array_close(&images);
    H5Fclose(file);
    return status;
}

static enum status find_digest(struct dataset_split *split)
{
    struct dataset_digest *digest = dataset_digest_begin(split);
    if (!digest)
        return status_no_memory("a digest", 0);
    dataset_digest_images(digest, split->images, split->count * dataset_image_bytes(split));
    split->digest = dataset_digest_end(digest, split);
    return STATUS_OK;
}

enum status dataset_scan(struct dataset_split *split, const char *path, const char *name, bool labels_needed,
                         size_t limit)
{
    *split = (struct dataset_split){0};
    snprintf(split->path, sizeof split->path, "%s", path);
    snprintf(split->name, sizeof split->name, "%s", name);
    enum status status = check_file(path, &split->sealed);
    if (status)
        return status;
    h5_lock();
    guard_begin(path, STATUS_DATA);
    status = read_file(split, labels_needed, limit);
    guard_end();
    h5_unlock();
    if (!status && split->images)
        status = find_digest(split);
    if (status)
        dataset_destroy(split);
    return status;
}

enum status dataset_read(struct dataset_split *split, const char *path, const char *name, bool labels_needed)
{
    return dataset_scan(split, path, name, labels_needed, SIZE_MAX);
}

/* What `look` finds in the file, which is there and sound as far as can be told. */
static enum status look_into(const char *path, const char *name,
                             double (*look)(struct dataset_split *split, hid_t file), double *found)
{
    hid_t file;
    struct dataset_split split = {0};
    *found = 0;
    snprintf(split.path, sizeof split.path, "%s", path);
    snprintf(split.name, sizeof split.name, "%s", name);
    enum status status = check_file(path, &split.sealed);
    if (status)
        return status;
    h5_lock();
    guard_begin(path, STATUS_DATA);
    status = h5_open(path, STATUS_DATA, &file);
    if (!status) {
        *found = look(&split, file);
        H5Fclose(file);
    }
    guard_end();
    h5_unlock();
    dataset_destroy(&split);
    return status;
}

static double look_for_images(struct dataset_split *split, hid_t file)
{
    return dataset_array_exists(file, split->name, "images");
}

static double look_at_size(struct dataset_split *split, hid_t file)
{
    struct dataset_array images = {.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    enum status status =
        dataset_array_exists(file, split->name, "images") ? open_images(split, file, &images) : STATUS_DATA;
    dataset_array_close(&images);
    return status ? 0 : (double)split->count * (double)dataset_image_bytes(split);
}

enum status dataset_exists(const char *path, const char *name, bool *exists)
{
    double found;
    enum status status = look_into(path, name, look_for_images, &found);
    *exists = found > 0;
    return status;
}

double dataset_images_bytes(const char *path, const char *name)
{
    double bytes;
    look_into(path, name, look_at_size, &bytes);
    return bytes;
}
