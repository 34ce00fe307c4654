#include "io/image_list.h"

#include "core/random.h"
#include "io/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* What one folder holds: its images with the name of their class. */
struct found {
    char *path, *class_name;
};
struct findings {
    struct found *list;
    size_t count, capacity, others, loose;
    char *first_loose;
};

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static char *join(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static bool is_image_name(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (length > strlen(ends[i]) && !strcasecmp(name + length - strlen(ends[i]), ends[i]))
            return true;
    return false;
}

static enum status add(struct findings *f, const char *path, const char *class_name, size_t length)
{
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 1024;
        struct found *list = realloc(f->list, capacity * sizeof *list);
        if (!list)
            return status_no_memory("the list of images", capacity * sizeof *list);
        f->list = list;
        f->capacity = capacity;
    }
    struct found *found = &f->list[f->count];
    *found = (struct found){strdup(path), strndup(class_name, length)};
    if (!found->path || !found->class_name) {
        free(found->path);
        free(found->class_name);
        return status_no_memory("the list of images", strlen(path));
    }
    f->count++;
    return STATUS_OK;
}

static void findings_destroy(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->list[i].path);
        free(f->list[i].class_name);
    }
    free(f->list);
    free(f->first_loose);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum status add_file(struct findings *f, const FTSENT *entry, const char *class_name,
                            const char *separator)
{
    if (!is_image_name(entry->fts_name)) {
        f->others++;
        return STATUS_OK;
    }
    if (class_name)
        return add(f, entry->fts_path, class_name, strlen(class_name));
    const char *end = strstr(entry->fts_name, separator);
    if (!end || end == entry->fts_name)
        return status_set(STATUS_DATA,
                          "%s: the name has no label: it is what stands before the first `%s` (--separator)",
                          entry->fts_path, separator);
    return add(f, entry->fts_path, entry->fts_name, (size_t)(end - entry->fts_name));
}

/* All images of a folder, of that class or, where it is NULL, of the class that their names begin with. */
static enum status walk(struct findings *f, const char *folder, const char *class_name, const char *separator)
{
    char *const roots[] = {(char *)(uintptr_t)folder, NULL};
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    enum status status = tree ? STATUS_OK : status_set(STATUS_DATA, "%s: %s", folder, strerror(errno));
    for (FTSENT *entry; !status && (entry = fts_read(tree));) {
        int kind = entry->fts_info;
        if (entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(tree, entry, FTS_SKIP);
        else if (kind == FTS_DNR || kind == FTS_ERR || kind == FTS_NS)
            status = status_set(STATUS_DATA, "%s: cannot be read: %s", entry->fts_path,
                                strerror(entry->fts_errno));
        else if (kind == FTS_DC)
            status = status_set(STATUS_DATA, "%s: a link to a folder that it lies in", entry->fts_path);
        else if (kind == FTS_F)
            status = add_file(f, entry, class_name, separator);
    }
    if (tree)
        fts_close(tree);
    return status;
}

/* The class folders of a split's folder. */
static enum status walk_classes(struct findings *f, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0)
        return status_set(STATUS_DATA, "%s: cannot be read: %s", folder, strerror(errno));
    size_t classes = 0, loose = 0;
    enum status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        bool seen = name[0] != '.' && !status;
        char *path = seen ? join(folder, name) : NULL;
        size_t before = f->count;
        if (seen && !path)
            status = status_no_memory("a path", strlen(folder) + strlen(name) + 2);
        if (path && is_folder(path)) {
            classes++;
            status = walk(f, path, name, NULL);
            if (!status && f->count == before)
                status = status_set(STATUS_DATA, "%s: an empty class: no JPEG or PNG file is in it", path);
        } else if (path && is_image_name(name)) {
            loose++;
            if (!f->loose++) {
                f->first_loose = path;
                path = NULL;
            }
        } else if (path) {
            f->others++;
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (!status && !classes)
        status = status_set(STATUS_DATA, "%s: no folder per class in it%s", folder,
                            loose ? "; where the file names begin with the class, say --labels name" : "");
    return status;
}

static enum status search(struct findings *f, const char *folder, const struct image_list_options *o)
{
    if (!o->labels_in_names)
        return walk_classes(f, folder);
    enum status status = walk(f, folder, NULL, o->separator);
    return status || f->count ? status : status_set(STATUS_DATA, "%s: no JPEG or PNG file in it", folder);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The different classes of the findings, sorted. */
static enum status name_classes(struct image_list *list, const struct findings *f)
{
    char **names = malloc(f->count * sizeof *names);
    if (!names)
        return status_no_memory("class names", f->count * sizeof *names);
    for (size_t i = 0; i < f->count; i++)
        names[i] = f->list[i].class_name;
    qsort(names, f->count, sizeof *names, compare_names);
    size_t classes = 0;
    for (size_t i = 0; i < f->count; i++)
        if (i == 0 || strcmp(names[i], names[classes - 1]))
            names[classes++] = names[i];
    list->class_names = calloc(classes, sizeof *list->class_names);
    enum status status = list->class_names ? STATUS_OK : status_no_memory("class names", classes);
    for (; !status && list->class_count < classes; list->class_count++) {
        list->class_names[list->class_count] = strdup(names[list->class_count]);
        if (!list->class_names[list->class_count])
            status = status_no_memory("class names", classes);
    }
    free(names);
    if (!status && classes > DATASET_CLASSES_MAX)
        status = status_set(STATUS_DATA, "%zu classes; at most %d can be told apart", classes,
                            DATASET_CLASSES_MAX);
    return status;
}

/* The findings as a split; takes their paths. */
static enum status fill(struct image_split *split, const struct image_list *list, struct findings *f)
{
    split->entries = calloc(f->count, sizeof *split->entries);
    if (!split->entries)
        return status_no_memory("the list of images", f->count * sizeof *split->entries);
    for (size_t i = 0; i < f->count; i++) {
        const char *name = f->list[i].class_name;
        char **at = bsearch(&name, list->class_names, list->class_count, sizeof *at, compare_names);
        if (!at)
            return status_set(STATUS_DATA, "%s: the class %s has no image to be trained with",
                              f->list[i].path, name);
        split->entries[split->count++] =
            (struct image_entry){f->list[i].path, (size_t)(at - list->class_names)};
        f->list[i].path = NULL;
    }
    return STATUS_OK;
}

static enum status read_split(struct image_list *list, struct image_split *split, const char *folder,
                              const struct image_list_options *options)
{
    struct findings findings = {0};
    enum status status = search(&findings, folder, options);
    if (!status && !list->class_names)
        status = name_classes(list, &findings);
    if (!status)
        status = fill(split, list, &findings);
    list->others += findings.others;
    list->loose += findings.loose;
    if (!list->first_loose) {
        list->first_loose = findings.first_loose;
        findings.first_loose = NULL;
    }
    findings_destroy(&findings);
    return status;
}

/* Marks `fraction` of the class's entries, rounded, by a permutation of them. */
static enum status draw(const struct image_list *list, size_t class, const struct image_list_options *o,
                        bool *drawn)
{
    size_t members = 0, *places = malloc(2 * list->train.count * sizeof *places);
    if (!places)
        return status_no_memory("the drawing of test images", 2 * list->train.count * sizeof *places);
    for (size_t i = 0; i < list->train.count; i++)
        if (list->train.entries[i].class == class)
            places[members++] = i;
    struct random_stream stream = random_stream(o->seed, RANDOM_SHUFFLE, (uint32_t) class, 0, 0);
    size_t *order = places + members, wanted = (size_t)lround(o->test_fraction * (double)members);
    random_permutation(&stream, members, order);
    for (size_t i = 0; i < wanted; i++)
        drawn[places[order[i]]] = true;
    free(places);
    return wanted < members ? STATUS_OK
                            : status_set(STATUS_USAGE,
                                         "--test-fraction %g leaves class %s (%zu images) nothing to be "
                                         "trained with",
                                         o->test_fraction, list->class_names[class], members);
}

static enum status cut_test(struct image_list *list, const struct image_list_options *options)
{
    struct image_split *train = &list->train, *test = &list->test;
    bool *drawn = calloc(train->count, sizeof *drawn);
    test->entries = calloc(train->count, sizeof *test->entries);
    enum status status =
        drawn && test->entries ? STATUS_OK : status_no_memory("the list of images", train->count);
    for (size_t class = 0; !status && class < list->class_count; class ++)
        status = draw(list, class, options, drawn);
    size_t kept = 0;
    for (size_t i = 0; !status && i < train->count; i++)
        if (drawn[i])
            test->entries[test->count++] = train->entries[i];
        else
            train->entries[kept++] = train->entries[i];
    train->count = status ? train->count : kept;
    free(drawn);
    return status;
}

static enum status read_splits(struct image_list *list, const char *folder,
                               const struct image_list_options *options)
{
    char *train = join(folder, "train"), *test = join(folder, "test");
    bool has_train = train && is_folder(train), has_test = has_train && test && is_folder(test);
    enum status status = train && test ? STATUS_OK : status_no_memory("a path", strlen(folder));
    if (!status && has_test && options->test_fraction > 0)
        status = status_set(STATUS_USAGE, "%s is there to be tested on; leave out --test-fraction", test);
    if (!status)
        status = read_split(list, &list->train, has_train ? train : folder, options);
    if (!status && has_test)
        status = read_split(list, &list->test, test, options);
    else if (!status)
        status = cut_test(list, options);
    free(train);
    free(test);
    return status;
}

enum status image_list_read(struct image_list *list, const char *folder,
                            const struct image_list_options *options)
{
    *list = (struct image_list){0};
    enum status status = is_folder(folder) ? read_splits(list, folder, options)
                                           : status_set(STATUS_DATA, "%s: no such folder", folder);
    if (status)
        image_list_destroy(list);
    return status;
}

static void split_destroy(struct image_split *split)
{
    for (size_t i = 0; i < split->count; i++)
        free(split->entries[i].path);
    free(split->entries);
}

void image_list_destroy(struct image_list *list)
{
    split_destroy(&list->train);
    split_destroy(&list->test);
    for (size_t i = 0; i < list->class_count; i++)
        free(list->class_names[i]);
    free(list->class_names);
    free(list->first_loose);
    *list = (struct image_list){0};
}
