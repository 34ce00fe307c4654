#include "core/log.h"
#include "io/checkpoint_format.h"
#include "io/file.h"
#include "io/seal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that is called step-N.h5; its step is what its content says, UINT64_MAX where it says nothing. */
struct candidate {
    char name[NAME_MAX + 1];
    uint64_t step;
};

struct candidates {
    struct candidate *list;
    size_t count;
};

static bool join(const char *folder, const char *name, char path[FILE_PATH_MAX])
{
    int length = snprintf(path, FILE_PATH_MAX, "%s/%s", folder, name);
    return length > 0 && length < FILE_PATH_MAX;
}

static bool is_checkpoint_name(const char *name)
{
    size_t digits = strncmp(name, "step-", 5) ? 0 : strspn(name + 5, "0123456789");
    return digits && !strcmp(name + 5 + digits, ".h5");
}

/* Links and folders are none. */
static bool is_candidate(const char *folder, const char *name, char path[FILE_PATH_MAX])
{
    struct stat info;
    return is_checkpoint_name(name) && join(folder, name, path) && !lstat(path, &info) &&
           S_ISREG(info.st_mode);
}

static int newest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? 1 : -1;
    return strcmp(y->name, x->name);
}

static enum status append(struct candidates *found, const char *name, const char *path)
{
    struct candidate *list = realloc(found->list, (found->count + 1) * sizeof *list);
    if (!list)
        return status_no_memory("the list of checkpoints", found->count * sizeof *list);
    found->list = list;
    struct candidate *c = &list[found->count++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->step = UINT64_MAX;
    seal_step(path, &c->step);
    return STATUS_OK;
}

/* Newest first, those without a step before all others. */
static enum status find(const char *folder, struct candidates *found)
{
    char path[FILE_PATH_MAX];
    *found = (struct candidates){0};
    DIR *stream = opendir(folder);
    if (!stream)
        return errno == ENOENT ? status_set(STATUS_CHECKPOINT, "%s: no such folder", folder)
                               : file_failure(STATUS_CHECKPOINT, errno, "look for checkpoints in", folder);
    enum status status = STATUS_OK;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(stream));)
        if (is_candidate(folder, entry->d_name, path))
            status = append(found, entry->d_name, path);
    closedir(stream);
    if (found->count)
        qsort(found->list, found->count, sizeof *found->list, newest_first);
    if (status != STATUS_OK)
        free(found->list);
    return status;
}

/* A link that cannot be made is no reason to stop a run: --resume goes by what the files hold. */
static void point(const char *folder, const char *link, const char *name)
{
    char path[FILE_PATH_MAX];
    if (!join(folder, link, path))
        log_warn("the link %s/%s is not made: the path is too long", folder, link);
    else if (file_link(name, path, STATUS_CHECKPOINT) != STATUS_OK)
        log_warn("%s", status_message());
}

enum status checkpoint_write(const char *folder, const struct checkpoint_content *content, bool best,
                             char path[1024])
{
    char name[64];
    snprintf(name, sizeof name, "step-%08" PRIu64 ".h5", content->progress->step);
    if (!join(folder, name, path))
        return status_set(STATUS_CHECKPOINT, "the path of the output folder %s is too long", folder);
    enum status status = checkpoint_write_file(path, content);
    if (status != STATUS_OK)
        return status;
    point(folder, "latest.h5", name);
    if (best)
        point(folder, "best.h5", name);
    return STATUS_OK;
}

/* The name that best.h5 points to; "" where there is no such link. */
static void read_best(const char *folder, char name[NAME_MAX + 1])
{
    char path[FILE_PATH_MAX];
    ssize_t length = join(folder, "best.h5", path) ? readlink(path, name, NAME_MAX) : -1;
    name[length > 0 ? length : 0] = 0;
}

enum status checkpoint_prune(const char *folder, size_t keep)
{
    char path[FILE_PATH_MAX], best[NAME_MAX + 1];
    struct candidates found;
    if (keep == 0)
        return STATUS_OK;
    enum status status = find(folder, &found);
    if (status != STATUS_OK)
        return status;
    read_best(folder, best);
    size_t seen = 0;
    for (size_t i = 0; i < found.count; i++) {
        const struct candidate *c = &found.list[i];
        bool spare = c->step == UINT64_MAX || seen++ < keep || !strcmp(c->name, best);
        if (!spare && join(folder, c->name, path) && unlink(path) && errno != ENOENT)
            status = file_failure(STATUS_CHECKPOINT, errno, "remove the old checkpoint", path);
    }
    free(found.list);
    return status;
}

static bool belongs_to_run(const char *name)
{
    return is_checkpoint_name(name) || !strcmp(name, "latest.h5") || !strcmp(name, "best.h5") ||
           !strcmp(name, "metrics.csv");
}

enum status checkpoint_remove_all(const char *folder)
{
    char path[FILE_PATH_MAX];
    enum status status = STATUS_OK;
    DIR *stream = opendir(folder);
    if (!stream)
        return file_failure(STATUS_CHECKPOINT, errno, "look for checkpoints in", folder);
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(stream));)
        if (belongs_to_run(entry->d_name) && join(folder, entry->d_name, path) && unlink(path))
            status = file_failure(STATUS_CHECKPOINT, errno, "remove", path);
    closedir(stream);
    return status;
}

enum status checkpoint_newest(const char *folder, char path[1024])
{
    struct candidates found;
    enum status status = find(folder, &found);
    if (status != STATUS_OK)
        return status;
    status = STATUS_CHECKPOINT;
    for (size_t i = 0; i < found.count && status != STATUS_OK; i++) {
        join(folder, found.list[i].name, path);
        status = checkpoint_verify(path);
        if (status != STATUS_OK)
            log_warn("passed over: %s", status_message());
    }
    if (found.count == 0)
        status_set(status, "%s: no checkpoint (step-NUMBER.h5) in this folder", folder);
    else if (status != STATUS_OK)
        status_set(status, "%s: none of the checkpoints in this folder can be used (%zu)", folder,
                   found.count);
    free(found.list);
    return status;
}

bool checkpoint_folder_used(const char *folder)
{
    DIR *stream = opendir(folder);
    bool used = false;
    for (struct dirent *entry; stream && !used && (entry = readdir(stream));)
        used = is_checkpoint_name(entry->d_name) || !strcmp(entry->d_name, "metrics.csv");
    if (stream)
        closedir(stream);
    return used;
}
