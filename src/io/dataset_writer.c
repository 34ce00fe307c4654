#include "io/dataset_writer.h"

#include "io/file.h"
#include "io/h5.h"
#include "io/output.h"
#include "io/seal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 32 << 10, CHUNK_BYTES_MAX = 1 << 20 };

enum status dataset_statistics(const struct dataset_split *split, struct normalization *normalization)
{
    size_t channels = split->shape.c, total = split->count * shape_count(split->shape);
    const unsigned char *bytes = split->images;
    uint64_t(*histogram)[256] = calloc(channels, sizeof *histogram);
    *normalization = (struct normalization){true, channels, calloc(channels, sizeof(float)),
                                            calloc(channels, sizeof(float))};
    if (!histogram || !normalization->mean || !normalization->std) {
        free(histogram);
        normalization_destroy(normalization);
        return status_no_memory("the pixels' statistics", channels * sizeof *histogram);
    }
    for (size_t i = 0; i < total; i += channels)
        for (size_t c = 0; c < channels; c++)
            histogram[c][bytes[i + c]]++;
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0, n = (double)(total / channels);
        for (size_t v = 0; v < 256; v++)
            sum += (double)histogram[c][v] * (double)v / 255;
        for (size_t v = 0; v < 256; v++)
            squares += (double)histogram[c][v] * ((double)v / 255 - sum / n) * ((double)v / 255 - sum / n);
        normalization->mean[c] = (float)(sum / n);
        normalization->std[c] = (float)sqrt(squares / n) > 0 ? (float)sqrt(squares / n) : 1;
    }
    free(histogram);
    return STATUS_OK;
}

/* One or a few whole samples; parts of one that is larger than CHUNK_BYTES_MAX. */
static void chunk_shape(const struct dataset_split *split, hsize_t chunk[4])
{
    const struct shape s = split->shape;
    size_t item = shape_count(s), samples = CHUNK_BYTES / item, rows = CHUNK_BYTES_MAX / (s.w * s.c);
    chunk[0] = samples == 0 ? 1 : samples < split->count ? samples : split->count;
    chunk[1] = item <= CHUNK_BYTES_MAX ? s.h : rows ? rows : 1;
    chunk[2] = s.w * s.c <= CHUNK_BYTES_MAX ? s.w : CHUNK_BYTES_MAX / s.c;
    chunk[3] = s.c;
}

static bool write_images(hid_t group, const struct dataset_split *split, const struct normalization *n)
{
    hsize_t chunk[4], dims[4] = {split->count, split->shape.h, split->shape.w, split->shape.c};
    chunk_shape(split, chunk);
    hid_t array = h5_write_array(group, "images", H5T_STD_U8LE, 4, dims, chunk, split->images);
    bool ok = array >= 0 && h5_write_text(array, "layout", "NHWC") &&
              h5_write_floats(array, "mean", n->mean, n->channels) &&
              h5_write_floats(array, "std", n->std, n->channels);
    return h5_close(array) && ok;
}

static bool write_labels(hid_t group, const struct dataset_split *split,
                         const struct dataset_content *content)
{
    hsize_t dims[1] = {split->count}, chunk[1] = {split->count < CHUNK_BYTES ? split->count : CHUNK_BYTES};
    hid_t array = h5_write_array(group, "labels", H5T_STD_I32LE, 1, dims, chunk, split->classes);
    bool ok =
        array >= 0 && (!content->class_names ||
                       h5_write_texts(array, "class_names", content->class_names, content->class_count));
    return h5_close(array) && ok;
}

static bool write_split(hid_t file, const struct dataset_split *split, const struct dataset_content *content,
                        const struct normalization *n, const char *name)
{
    hid_t group = h5_create_group(file, name);
    bool ok = group >= 0 && write_images(group, split, n) && write_labels(group, split, content);
    return h5_close(group) && ok;
}

static enum status write_file(const char *path, const struct dataset_content *content,
                              const struct normalization *n)
{
    char cause[H5_FAILURE_MAX];
    unsigned char *bytes;
    size_t size;
    enum status status;
    hid_t file = h5_create(SEAL_SIZE);
    if (file >= 0 && write_split(file, content->train, content, n, "train") &&
        (!content->test || write_split(file, content->test, content, n, "test")) &&
        h5_image(file, &bytes, &size)) {
        seal_write_dataset(bytes, size);
        status = file_put(path, bytes, size, STATUS_DATA);
    } else {
        status = status_set(STATUS_DATA, "%s: cannot be made: %s", path, h5_failure(cause));
    }
    if (file >= 0)
        H5Fclose(file);
    return status;
}

static enum status check_labels(const struct dataset_split *split, size_t class_count)
{
    for (size_t i = 0; i < split->count; i++)
        if ((size_t)split->classes[i] >= class_count)
            return status_set(STATUS_DATA,
                              "%s: label of sample %zu of %s is %d, but there are %zu class names",
                              split->path, i, split->name, (int)split->classes[i], class_count);
    return STATUS_OK;
}

static enum status check_content(const struct dataset_content *content)
{
    const struct dataset_split *train = content->train, *test = content->test;
    enum status status = STATUS_OK;
    char a[64], b[64];
    if (test && !shape_equal(train->shape, test->shape))
        return status_set(STATUS_DATA, "%s: images are %s, those of %s are %s", test->path,
                          shape_text(a, test->shape), train->path, shape_text(b, train->shape));
    if (content->class_names)
        status = check_labels(train, content->class_count);
    if (!status && content->class_names && test)
        status = check_labels(test, content->class_count);
    return status;
}

enum status dataset_write(const char *path, const struct dataset_content *content, bool overwrite)
{
    struct normalization normalization = {0};
    enum status status = output_allowed(path, overwrite, NULL, 0);
    if (!status)
        status = check_content(content);
    if (!status)
        status = dataset_statistics(content->train, &normalization);
    if (!status)
        status = write_file(path, content, &normalization);
    normalization_destroy(&normalization);
    return status;
}
