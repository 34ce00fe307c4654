#include "io/dataset.h"
#include "io/dataset_digest.h"
#include "io/digest.h"
#include "io/guard.h"
#include "io/h5.h"
#include "io/h5_chunks.h"
#include "io/h5_header.h"
#include "io/h5_lock.h"
#include "io/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A dataset of the file, opened. */
struct array {
    const char *name; /* "images", "labels" */
    hid_t id, type;
    H5T_class_t kind;
    int rank;
    hsize_t dims[H5S_MAX_RANK];
};

/* STATUS_DATA with "FILE: /train/images" in front of the words. */
static enum status __attribute__((format(printf, 3, 4)))
wrong(const struct dataset_split *split, const char *array, const char *format, ...)
{
    char words[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return status_set(STATUS_DATA, "%s: /%s/%s%s", split->path, split->name, array, words);
}

static void array_close(struct array *a)
{
    if (a->type >= 0)
        H5Tclose(a->type);
    if (a->id >= 0)
        H5Dclose(a->id);
}

static bool array_exists(hid_t file, const char *split, const char *array)
{
    char path[64];
    snprintf(path, sizeof path, "/%s/%s", split, array);
    return H5Lexists(file, split, H5P_DEFAULT) > 0 && H5Lexists(file, path, H5P_DEFAULT) > 0;
}

static enum status array_open(const struct dataset_split *split, hid_t file, const char *name,
                              struct array *a)
{
    char path[64], cause[H5_FAILURE_MAX];
    *a = (struct array){.name = name, .id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    if (!array_exists(file, split->name, name))
        return wrong(split, name, ": no such dataset; cnn-data import makes files that have it");
    snprintf(path, sizeof path, "/%s/%s", split->name, name);
    hid_t space = H5I_INVALID_HID;
    if ((a->id = H5Dopen2(file, path, H5P_DEFAULT)) < 0 || (a->type = H5Dget_type(a->id)) < 0 ||
        (space = H5Dget_space(a->id)) < 0)
        return wrong(split, name, ": cannot be opened as a dataset: %s", h5_failure(cause));
    if (!h5_header_is_sound(a->id)) {
        H5Sclose(space);
        return wrong(split, name, ": damaged: an attribute is larger than its place in the file");
    }
    a->kind = H5Tget_class(a->type);
    if (a->kind == H5T_ENUM)
        a->kind = H5T_INTEGER;
    a->rank = H5Sget_simple_extent_dims(space, a->dims, NULL);
    H5Sclose(space);
    return a->rank < 0 ? wrong(split, name, ": damaged: its size cannot be read") : STATUS_OK;
}

static const char *type_text(char out[32], const struct array *a)
{
    unsigned bits = (unsigned)H5Tget_size(a->type) * 8;
    if (a->kind == H5T_FLOAT)
        snprintf(out, 32, "float%u", bits);
    else if (a->kind == H5T_INTEGER)
        snprintf(out, 32, "%sint%u", H5Tget_sign(a->type) == H5T_SGN_NONE ? "u" : "", bits);
    else
        snprintf(out, 32, "%s", a->kind == H5T_STRING ? "text" : "a compound or other type");
    return out;
}

/* Memory for so many numbers, where this machine can have so much; NULL where `status` is not OK, before or
 * after. */
static void *array_memory(const struct dataset_split *split, const struct array *a, struct shape shape,
                          size_t element, enum status *status)
{
    size_t bytes = dataset_bytes(split->count, shape, element);
    if (!*status && bytes == 0)
        *status =
            wrong(split, a->name, ": more than this machine's memory: %zu samples of %zux%zux%zu numbers",
                  split->count, shape.h, shape.w, shape.c);
    void *memory = *status ? NULL : malloc(bytes);
    if (!*status && !memory)
        *status = status_no_memory("the dataset", bytes);
    return memory;
}

/* Chunks that the array is laid out in; 1 where it is not chunked. */
static double chunk_count(const struct array *a)
{
    hsize_t chunk[H5S_MAX_RANK];
    double count = 1;
    hid_t properties = H5Dget_create_plist(a->id);
    if (properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED &&
        H5Pget_chunk(properties, H5S_MAX_RANK, chunk) == a->rank)
        for (int i = 0; i < a->rank; i++)
            count *= ceil((double)a->dims[i] / (double)chunk[i]);
    if (properties >= 0)
        H5Pclose(properties);
    return count;
}

/* A damaged chunk size can mean more chunks than the file has bytes, which HDF5 would look for one by one,
 * for hours. */
static enum status check_chunks(const struct dataset_split *split, const struct array *a)
{
    struct stat info;
    double chunks = chunk_count(a);
    if (stat(split->path, &info) == 0 && chunks > 1 && chunks > (double)info.st_size)
        return wrong(split, a->name, ": %.0f chunks in a file of %lld bytes: the file is damaged", chunks,
                     (long long)info.st_size);
    return STATUS_OK;
}

/* Before any of it is read. */
static enum status check_stored(const struct dataset_split *split, const struct array *a)
{
    enum status status = check_chunks(split, a);
    if (status)
        return status;
    if (!h5_is_stored(a->id) || (!split->sealed && !h5_chunks_are_whole(a->id)))
        return wrong(split, a->name,
                     ": not all of it is in the file: it was not written to the end, or the "
                     "file is damaged");
    return STATUS_OK;
}

static enum status cannot_read(const struct dataset_split *split, const struct array *a)
{
    char cause[H5_FAILURE_MAX];
    return wrong(split, a->name, ": cannot be read, the file is damaged or needs a filter: %s",
                 h5_failure(cause));
}

static enum status array_read(const struct dataset_split *split, const struct array *a, hid_t type,
                              void *memory)
{
    enum status status = check_stored(split, a);
    if (!status && H5Dread(a->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) < 0)
        status = cannot_read(split, a);
    return status;
}

static enum status check_layout(const struct dataset_split *split, const struct array *a)
{
    char *layout = NULL;
    if (!h5_has_attribute(a->id, "layout"))
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (!h5_read_text(a->id, "layout", &layout))
        status = wrong(split, a->name, ": attribute layout is not a text");
    else if (strcmp(layout, "NHWC"))
        status = wrong(split, a->name, ": layout is %.32s, NHWC (samples, rows, columns, channels) is needed",
                       layout);
    free(layout);
    return status;
}

static enum status images_shape(struct dataset_split *split, const struct array *a)
{
    char type[32];
    if (a->rank != 3 && a->rank != 4)
        return wrong(split, a->name, ": has %d dimensions; (N, H, W, C) or (N, H, W) is needed", a->rank);
    bool byte = a->kind == H5T_INTEGER && H5Tget_size(a->type) == 1 && H5Tget_sign(a->type) == H5T_SGN_NONE;
    if (!byte && a->kind != H5T_FLOAT)
        return wrong(split, a->name, ": holds %s; uint8 or a float type is needed", type_text(type, a));
    split->is_float = !byte;
    if (a->dims[0] == 0)
        return wrong(split, a->name, ": holds no sample");
    split->count = a->dims[0];
    split->shape = (struct shape){a->dims[1], a->dims[2], a->rank == 4 ? a->dims[3] : 1};
    if (!dataset_shape_possible(split->shape))
        return wrong(split, a->name,
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
            return wrong(split, "images", "[%zu, %zu, %zu, %zu] is %g, not a finite float32",
                         first + i / item, i % item / row, i % row / split->shape.c, i % split->shape.c,
                         (double)values[i]);
    return STATUS_OK;
}

static enum status read_list(const struct dataset_split *split, const struct array *a, const char *name,
                             float **list)
{
    size_t count = 0, channels = split->shape.c;
    if (!h5_read_floats(a->id, name, list, &count))
        return wrong(split, a->name, ": attribute %s is missing or not numbers; mean and std go together",
                     name);
    if (count != channels)
        return wrong(split, a->name, ": attribute %s has %zu values, the images have %zu channels", name,
                     count, channels);
    for (size_t i = 0; i < count; i++)
        if (!isfinite((*list)[i]) || (!strcmp(name, "std") && !((*list)[i] > 0)))
            return wrong(split, a->name, ": attribute %s[%zu] is %g; %s", name, i, (double)(*list)[i],
                         strcmp(name, "std") ? "a finite number is needed" : "a number above 0 is needed");
    return STATUS_OK;
}

static enum status read_normalization(struct dataset_split *split, const struct array *a)
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
static size_t images_run(const struct dataset_split *split, const struct array *a)
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
static enum status open_images(struct dataset_split *split, hid_t file, struct array *a)
{
    enum status status = array_open(split, file, "images", a);
    if (!status)
        status = images_shape(split, a);
    if (!status)
        status = read_normalization(split, a);
    if (!status)
        split->run = images_run(split, a);
    return status;
}

static enum status read_images(struct dataset_split *split, const struct array *a)
{
    enum status status = STATUS_OK;
    split->images = array_memory(split, a, split->shape, split->is_float ? sizeof(float) : 1, &status);
    if (!status)
        status = array_read(split, a, images_type(split), split->images);
    if (!status && split->is_float)
        status = images_finite(split, split->images, 0, split->count);
    return status;
}

/* One run after the other through `memory`. */
static enum status scan_runs(struct dataset_split *split, const struct array *a, void *memory,
                             struct dataset_digest *digest)
{
    enum status status = check_stored(split, a);
    for (size_t run = 0; !status && run < dataset_runs(split); run++) {
        size_t first = run * split->run, count = dataset_run_count(split, run);
        size_t bytes = count * dataset_image_bytes(split);
        if (!h5_read_rows(a->id, images_type(split), first, count, memory))
            return cannot_read(split, a);
        if (split->is_float)
            status = images_finite(split, memory, first, count);
        dataset_digest_images(digest, memory, bytes);
        split->run_digests[run] = digest_bytes(memory, bytes);
    }
    return status;
}

/* Behind the labels, which the digest begins with. */
static enum status scan_images(struct dataset_split *split, const struct array *a, size_t limit)
{
    size_t bytes = split->run * dataset_image_bytes(split);
    if (2 * bytes > limit)
        return wrong(
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
static enum status read_classes(struct dataset_split *split, const struct array *a)
{
    enum status status = STATUS_OK;
    const struct shape one = {1, 1, 1};
    int64_t *wide = array_memory(split, a, one, sizeof *wide, &status);
    split->classes = array_memory(split, a, one, sizeof *split->classes, &status);
    if (!status)
        status = array_read(split, a, H5T_NATIVE_INT64, wide);
    size_t limit = split->class_names ? split->outputs : DATASET_CLASSES_MAX, highest = 0;
    for (size_t i = 0; !status && i < split->count; i++) {
        if (wide[i] < 0 || (uint64_t)wide[i] >= limit) {
            status = wrong(split, a->name, "[%zu] is %" PRId64 ", class indices go from 0 to %zu%s", i,
                           wide[i], limit - 1, split->class_names ? " (as many as class_names)" : "");
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

static enum status read_values(struct dataset_split *split, const struct array *a)
{
    size_t k = a->rank == 2 ? (size_t)a->dims[1] : 1;
    if (k == 0)
        return wrong(split, a->name, ": holds no value per sample");
    if (split->class_names && split->outputs != k)
        return wrong(split, a->name, ": has %zu values per sample and %zu class_names", k, split->outputs);
    split->outputs = k;
    enum status status = STATUS_OK;
    split->values = array_memory(split, a, (struct shape){1, 1, k}, sizeof(float), &status);
    if (!status)
        status = array_read(split, a, H5T_NATIVE_FLOAT, split->values);
    split->binary = true;
    for (size_t i = 0; !status && i < split->count * k; i++) {
        float value = split->values[i];
        bool binary = value == 0 || value == 1;
        if (!isfinite(value))
            status =
                wrong(split, a->name, "[%zu, %zu] is %g, not a finite float32", i / k, i % k, (double)value);
        else if (!binary && a->kind == H5T_INTEGER)
            status = wrong(split, a->name,
                           "[%zu, %zu] is %g; whole numbers in (N, K) labels are 0 or 1, class "
                           "indices are a list (N)",
                           i / k, i % k, (double)value);
        split->binary = split->binary && binary;
    }
    return status;
}

static enum status labels_shape(const struct dataset_split *split, const struct array *a)
{
    char type[32];
    if (a->rank != 1 && a->rank != 2)
        return wrong(split, a->name, ": has %d dimensions; (N) or (N, K) is needed", a->rank);
    if (a->kind != H5T_INTEGER && a->kind != H5T_FLOAT)
        return wrong(split, a->name, ": holds %s; integers or floats are needed", type_text(type, a));
    if (a->dims[0] != split->count)
        return wrong(split, a->name, ": has %" PRIu64 " samples, /%s/images has %zu", (uint64_t)a->dims[0],
                     split->name, split->count);
    return STATUS_OK;
}

static enum status read_class_names(struct dataset_split *split, const struct array *a)
{
    if (!h5_has_attribute(a->id, "class_names"))
        return STATUS_OK;
    if (!h5_read_texts(a->id, "class_names", &split->class_names, &split->outputs))
        return wrong(split, a->name, ": attribute class_names is not a list of texts");
    if (split->outputs == 0 || split->outputs > DATASET_CLASSES_MAX)
        return wrong(split, a->name, ": attribute class_names has %zu names, 1 to %d are possible",
                     split->outputs, DATASET_CLASSES_MAX);
    return STATUS_OK;
}

static enum status read_labels(struct dataset_split *split, hid_t file)
{
    struct array a;
    enum status status = array_open(split, file, "labels", &a);
    if (!status)
        status = labels_shape(split, &a);
    if (!status)
        status = read_class_names(split, &a);
    if (!status)
        status = a.rank == 1 && a.kind == H5T_INTEGER ? read_classes(split, &a) : read_values(split, &a);
    array_close(&a);
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
    struct array images = {.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    enum status status = h5_open(split->path, STATUS_DATA, &file);
    if (status)
        return status;
    status = open_images(split, file, &images);
    bool streams = (double)split->count * (double)dataset_image_bytes(split) > (double)limit;
    if (!status && !streams)
        status = read_images(split, &images);
    if (!status && (labels_needed || array_exists(file, split->name, "labels")))
        status = read_labels(split, file);
    if (!status && streams)
        status = scan_images(split, &images, limit);
    array_close(&images);
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
static double look_into(const char *path, const char *name,
                        double (*look)(struct dataset_split *split, hid_t file))
{
    hid_t file;
    struct dataset_split split = {0};
    double found = 0;
    snprintf(split.path, sizeof split.path, "%s", path);
    snprintf(split.name, sizeof split.name, "%s", name);
    if (check_file(path, &split.sealed))
        return 0;
    h5_lock();
    guard_begin(path, STATUS_DATA);
    if (!h5_open(path, STATUS_DATA, &file)) {
        found = look(&split, file);
        H5Fclose(file);
    }
    guard_end();
    h5_unlock();
    dataset_destroy(&split);
    return found;
}

static double look_for_images(struct dataset_split *split, hid_t file)
{
    return array_exists(file, split->name, "images");
}

static double look_at_size(struct dataset_split *split, hid_t file)
{
    struct array images = {.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    enum status status =
        array_exists(file, split->name, "images") ? open_images(split, file, &images) : STATUS_DATA;
    array_close(&images);
    return status ? 0 : (double)split->count * (double)dataset_image_bytes(split);
}

bool dataset_exists(const char *path, const char *name)
{
    return look_into(path, name, look_for_images) > 0;
}

double dataset_images_bytes(const char *path, const char *name)
{
    return look_into(path, name, look_at_size);
}
