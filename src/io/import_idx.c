#include "io/import_idx.h"

#include "io/gz_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { UNSIGNED_BYTES = 0x08, DIMENSIONS_MAX = 4 };

struct header {
    size_t rank, dims[DIMENSIONS_MAX];
};

static enum status check_magic(const char *path, const unsigned char magic[4], const char *what,
                               size_t rank_min, size_t rank_max)
{
    bool swapped = magic[3] == 1 || magic[3] == 3;
    if (magic[0] || magic[1] || magic[3] == 0)
        return status_set(STATUS_DATA,
                          "%s: not an IDX file: starts with %02x %02x %02x %02x instead of 00 00 08 %02zx",
                          path, magic[0], magic[1], magic[2], magic[3], rank_min);
    if (magic[2] != UNSIGNED_BYTES)
        return status_set(STATUS_DATA,
                          "%s: IDX file of element type 0x%02x; unsigned bytes (0x08) are needed", path,
                          magic[2]);
    if (magic[3] < rank_min || magic[3] > rank_max)
        return status_set(STATUS_DATA, "%s: IDX file of %d dimensions, %s have %zu%s", path, magic[3], what,
                          rank_min, swapped ? ": are images and labels swapped?" : "");
    return STATUS_OK;
}

static enum status read_header(struct gz_file *file, const char *what, size_t rank_min, size_t rank_max,
                               struct header *header)
{
    unsigned char magic[4] = {0}, dims[4 * DIMENSIONS_MAX];
    enum status status = gz_read(file, magic, sizeof magic, "header");
    if (!status)
        status = check_magic(file->path, magic, what, rank_min, rank_max);
    header->rank = magic[3];
    if (!status)
        status = gz_read(file, dims, 4 * header->rank, "header");
    for (size_t i = 0; !status && i < header->rank; i++) {
        const unsigned char *d = dims + 4 * i;
        header->dims[i] = (size_t)d[0] << 24 | (size_t)d[1] << 16 | (size_t)d[2] << 8 | d[3];
        if (header->dims[i] == 0)
            status = status_set(STATUS_DATA, "%s: holds no sample: dimension %zu is 0", file->path, i);
    }
    return status;
}

static enum status read_elements(struct gz_file *file, size_t count, size_t item, const char *what,
                                 void *memory)
{
    enum status status = memory ? STATUS_OK : status_no_memory(what, count * item);
    if (!status)
        status = gz_read(file, memory, count * item, what);
    return status ? status : gz_expect_end(file);
}

static enum status size_images(struct dataset_split *split, struct gz_file *file, const struct header *header)
{
    struct shape shape = {header->dims[1], header->dims[2], header->rank == 4 ? header->dims[3] : 1};
    split->shape = shape;
    split->count = header->dims[0];
    if (!dataset_shape_possible(shape) || !dataset_bytes(split->count, shape, 1))
        return status_set(STATUS_DATA,
                          "%s: damaged, or more than this machine's memory: %zu images of %zux%zux%zu",
                          file->path, split->count, shape.h, shape.w, shape.c);
    enum status status = gz_expect_room(file, split->count * shape_count(shape), "images");
    split->images = status ? NULL : malloc(split->count * shape_count(shape));
    return status;
}

static enum status read_images(struct dataset_split *split, const char *path)
{
    struct gz_file file;
    struct header header;
    enum status status = gz_open(&file, path);
    if (!status)
        status = read_header(&file, "images", 3, 4, &header);
    if (!status)
        status = size_images(split, &file, &header);
    if (!status)
        status = read_elements(&file, split->count, shape_count(split->shape), "images", split->images);
    gz_close(&file);
    return status;
}

static enum status read_labels(struct dataset_split *split, const char *path, const char *images_path)
{
    struct gz_file file;
    struct header header;
    enum status status = gz_open(&file, path);
    if (!status)
        status = read_header(&file, "labels", 1, 1, &header);
    if (!status && header.dims[0] != split->count)
        status = status_set(STATUS_DATA, "%s: has %zu labels, %s has %zu images", path, header.dims[0],
                            images_path, split->count);
    unsigned char *bytes = status ? NULL : malloc(split->count);
    split->classes = status ? NULL : malloc(split->count * sizeof *split->classes);
    if (!status)
        status = split->classes ? read_elements(&file, split->count, 1, "labels", bytes)
                                : status_no_memory("labels", split->count * sizeof *split->classes);
    for (size_t i = 0; !status && i < split->count; i++) {
        split->classes[i] = bytes[i];
        split->outputs = bytes[i] >= split->outputs ? bytes[i] + 1u : split->outputs;
    }
    free(bytes);
    gz_close(&file);
    return status;
}

enum status import_idx(struct dataset_split *split, const char *name, const char *images_path,
                       const char *labels_path)
{
    *split = (struct dataset_split){0};
    snprintf(split->name, sizeof split->name, "%s", name);
    snprintf(split->path, sizeof split->path, "%s", images_path);
    enum status status = read_images(split, images_path);
    if (!status)
        status = read_labels(split, labels_path, images_path);
    if (status)
        dataset_destroy(split);
    return status;
}
