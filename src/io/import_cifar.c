#include "io/import_cifar.h"

#include "io/gz_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, NAME_MAX_BYTES = 1024 };

/* Where the records of one version are. */
struct version {
    const char *train[5], *test[1]; /* NULL: no more */
    const char *names, *coarse_names;
    size_t labels; /* bytes before the pixels */
};
static const struct version versions[] = {
    {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
     {"test_batch.bin"},
     "batches.meta.txt",
     NULL,
     1},
    {{"train.bin"}, {"test.bin"}, "fine_label_names.txt", "coarse_label_names.txt", 2},
};

/* FOLDER/NAME, or FOLDER/NAME.gz where only that is there. */
static void find(char path[NAME_MAX_BYTES], const char *folder, const char *name)
{
    snprintf(path, NAME_MAX_BYTES, "%s/%s", folder, name);
    if (!access(path, F_OK))
        return;
    snprintf(path, NAME_MAX_BYTES, "%s/%s.gz", folder, name);
    if (access(path, F_OK))
        snprintf(path, NAME_MAX_BYTES, "%s/%s", folder, name);
}

/* Planes side by side become pixels side by side. */
static void interleave(const unsigned char *planes, unsigned char *pixels)
{
    for (size_t i = 0; i < PLANE; i++)
        for (size_t c = 0; c < 3; c++)
            pixels[3 * i + c] = planes[c * PLANE + i];
}

static enum status read_record(struct dataset_split *split, struct gz_file *file, size_t labels, size_t label,
                               size_t *capacity)
{
    unsigned char record[2 + PIXELS];
    enum status status = split->count < *capacity ? STATUS_OK : dataset_grow(split, capacity, 16384);
    if (!status)
        status = gz_read(file, record, labels + PIXELS, "record");
    if (status)
        return status;
    if (record[label] >= split->outputs)
        return status_set(STATUS_DATA, "%s: image %zu is of class %d, there are names for %zu", file->path,
                          split->count, record[label], split->outputs);
    interleave(record + labels, (unsigned char *)split->images + split->count * PIXELS);
    split->classes[split->count++] = record[label];
    return STATUS_OK;
}

static enum status read_file(struct dataset_split *split, const char *path, size_t labels, size_t label,
                             size_t *capacity)
{
    struct gz_file file;
    bool end = false;
    size_t before = split->count;
    enum status status = gz_open(&file, path);
    while (!status && !(status = gz_at_end(&file, &end)) && !end)
        status = read_record(split, &file, labels, label, capacity);
    if (!status && split->count == before)
        status = status_set(STATUS_DATA, "%s: the file is empty", path);
    gz_close(&file);
    return status;
}

static enum status read_split(struct dataset_split *split, const char *name, size_t classes,
                              const char *folder, const char *const *files, size_t count, size_t labels,
                              size_t label)
{
    size_t capacity = 0;
    char path[NAME_MAX_BYTES];
    *split = (struct dataset_split){.shape = {SIDE, SIDE, 3}, .outputs = classes};
    snprintf(split->name, sizeof split->name, "%s", name);
    snprintf(split->path, sizeof split->path, "%s", folder);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && files[i] && !status; i++) {
        find(path, folder, files[i]);
        status = read_file(split, path, labels, label, &capacity);
    }
    return status;
}

/* A name per line; the files end with a blank one. */
static enum status read_names(struct class_names *names, const char *folder, const char *name)
{
    struct gz_file file;
    char path[NAME_MAX_BYTES], *line = NULL;
    find(path, folder, name);
    enum status status = gz_open(&file, path);
    for (size_t i = 1; !status && !(status = gz_line(&file, i, &line)) && line; i++)
        if (line[0])
            status = class_names_append(names, line, strlen(line));
    if (!status && names->count == 0)
        status = status_set(STATUS_DATA, "%s: no class name in it", path);
    gz_close(&file);
    return status;
}

static const struct version *find_version(const char *folder)
{
    char path[NAME_MAX_BYTES];
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        find(path, folder, versions[i].train[0]);
        if (!access(path, F_OK))
            return &versions[i];
    }
    return NULL;
}

enum status import_cifar(struct dataset_split *train, struct dataset_split *test, struct class_names *names,
                         const char *folder, bool coarse)
{
    const struct version *v = find_version(folder);
    *train = *test = (struct dataset_split){0};
    *names = (struct class_names){0};
    if (!v)
        return status_set(STATUS_DATA,
                          "%s: neither %s (CIFAR-10) nor %s (CIFAR-100) is there: the binary version is "
                          "wanted, unpacked",
                          folder, versions[0].train[0], versions[1].train[0]);
    if (coarse && !v->coarse_names)
        return status_set(STATUS_USAGE, "%s: CIFAR-10 has no coarse labels", folder);
    size_t label = coarse ? 0 : v->labels - 1;
    enum status status = read_names(names, folder, coarse ? v->coarse_names : v->names);
    if (!status)
        status = read_split(train, "train", names->count, folder, v->train, 5, v->labels, label);
    if (!status)
        status = read_split(test, "test", names->count, folder, v->test, 1, v->labels, label);
    if (status) {
        dataset_destroy(train);
        dataset_destroy(test);
        class_names_destroy(names);
    }
    return status;
}
