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

/* The next entry; NULL at the end, and after a failure, which `status` then tells. */
static struct dirent *next_entry(DIR *stream, const char *folder, enum status *status)
{
    errno = 0;
    struct dirent *entry = *status ? NULL : readdir(stream);
    if (!entry && !*status && errno)
        *status = file_failure(STATUS_CHECKPOINT, errno, "look for checkpoints in", folder);
    return entry;
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
    for (struct dirent *entry; (entry = next_entry(stream, folder, &status));)
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

static bool belongs_to_run(const char *name)
{
    return is_checkpoint_name(name) || !strcmp(name, "latest.h5") || !strcmp(name, "best.h5") ||
           !strcmp(name, "metrics.csv");
}

/* What killed runs left of the files that they were writing. The token is among them, but never goes with
 * the run: whoever removes that has put its own there. */
static void sweep(const char *folder)
{
    char path[FILE_PATH_MAX], name[FILE_PATH_MAX];
    DIR *stream = opendir(folder);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        if (join(folder, entry->d_name, path) && file_left_behind(path, name) &&
            (belongs_to_run(name) || !strcmp(name, ".owner")))
            unlink(path);
    if (stream)
        closedir(stream);
}

enum status checkpoint_write(const char *folder, const struct checkpoint_content *content, bool best,
                             char path[1024])
{
    char name[64];
    snprintf(name, sizeof name, "step-%08" PRIu64 ".h5", content->progress->step);
    if (!join(folder, name, path))
        return status_set(STATUS_CHECKPOINT, "the path of the output folder %s is too long", folder);
    enum status status = claim_check(content->claim);
    if (status != STATUS_OK)
        return status;
    sweep(folder);
    status = checkpoint_write_file(path, content);
    if (status == STATUS_OK)
        status = claim_check(content->claim);
    if (status != STATUS_OK)
        return status;
    point(folder, "latest.h5", name);
    if (best)
        point(folder, "best.h5", name);
    return STATUS_OK;
}

/* The name that a link of the folder points to; "" where there is no such link. */
static void read_link(const char *folder, const char *link, char name[NAME_MAX + 1])
{
    char path[FILE_PATH_MAX];
    ssize_t length = join(folder, link, path) ? readlink(path, name, NAME_MAX) : -1;
    name[length > 0 ? length : 0] = 0;
}

static enum status remove_entry(const char *folder, const char *name)
{
    char path[FILE_PATH_MAX];
    if (join(folder, name, path) && unlink(path) && errno != ENOENT)
        return file_failure(STATUS_CHECKPOINT, errno, "remove", path);
    return STATUS_OK;
}

enum status checkpoint_prune(const char *folder, size_t keep, uint64_t step)
{
    char best[NAME_MAX + 1];
    struct candidates found;
    if (keep == 0)
        return STATUS_OK;
    enum status status = find(folder, &found);
    if (status != STATUS_OK)
        return status;
    read_link(folder, "best.h5", best);
    size_t seen = 0;
    for (size_t i = 0; i < found.count && status == STATUS_OK; i++) {
        const struct candidate *c = &found.list[i];
        if (c->step <= step && seen++ >= keep && c->step != step && strcmp(c->name, best))
            status = remove_entry(folder, c->name);
    }
    free(found.list);
    return status;
}

static bool is_beyond(const struct candidate *c, uint64_t step)
{
    return c->step != UINT64_MAX && c->step > step;
}

static bool points_beyond(const char *folder, const char *link, const struct candidates *found, uint64_t step)
{
    char name[NAME_MAX + 1];
    read_link(folder, link, name);
    for (size_t i = 0; i < found->count; i++)
        if (is_beyond(&found->list[i], step) && !strcmp(found->list[i].name, name))
            return true;
    return false;
}

/* Before the files go, so that no link ever points to nothing. */
static enum status turn_links(const char *folder, const struct candidates *found, uint64_t step)
{
    const char *of_step = NULL;
    for (size_t i = 0; i < found->count; i++)
        if (found->list[i].step == step)
            of_step = found->list[i].name;
    enum status status = STATUS_OK;
    if (points_beyond(folder, "best.h5", found, step))
        status = remove_entry(folder, "best.h5");
    if (status != STATUS_OK || !points_beyond(folder, "latest.h5", found, step))
        return status;
    if (!of_step)
        return remove_entry(folder, "latest.h5");
    point(folder, "latest.h5", of_step);
    return STATUS_OK;
}

enum status checkpoint_remove_after(const char *folder, uint64_t step)
{
    struct candidates found;
    enum status status = find(folder, &found);
    if (status != STATUS_OK)
        return status;
    status = turn_links(folder, &found, step);
    for (size_t i = 0; i < found.count && status == STATUS_OK; i++)
        if (is_beyond(&found.list[i], step))
            status = remove_entry(folder, found.list[i].name);
    free(found.list);
    return status;
}

bool checkpoint_newer(const char *folder, uint64_t step, char path[1024])
{
    struct candidates found;
    bool newer = false;
    if (find(folder, &found) != STATUS_OK)
        return false;
    for (size_t i = 0; i < found.count && !newer; i++)
        newer = is_beyond(&found.list[i], step) && join(folder, found.list[i].name, path) &&
                checkpoint_verify(path) == STATUS_OK;
    free(found.list);
    return newer;
}

enum status checkpoint_remove_all(const char *folder)
{
    enum status status = STATUS_OK;
    DIR *stream = opendir(folder);
    if (!stream)
        return file_failure(STATUS_CHECKPOINT, errno, "look for checkpoints in", folder);
    for (struct dirent *entry; (entry = next_entry(stream, folder, &status));)
        if (belongs_to_run(entry->d_name))
            status = remove_entry(folder, entry->d_name);
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
        status_set(
            status,
            "%s: no checkpoint (step-NUMBER.h5) in this folder, and so nothing to resume: start without "
            "--resume, or let run.output name the run's folder",
            folder);
    else if (status != STATUS_OK)
        status_set(status,
                   "%s: none of the checkpoints in this folder can be used (%zu): --overwrite starts anew",
                   folder, found.count);
    free(found.list);
    return status;
}

/* Whether there is more than the line of names, "epoch,...". What is no regular file is taken for somebody's.
 */
static enum status has_rows(const char *path, bool *rows)
{
    struct stat info;
    char *line = NULL;
    size_t capacity = 0;
    *rows = !stat(path, &info) && !S_ISREG(info.st_mode);
    FILE *file = *rows ? NULL : fopen(path, "r");
    if (!file)
        return *rows || errno == ENOENT ? STATUS_OK : file_failure(STATUS_CHECKPOINT, errno, "read", path);
    for (size_t i = 0; !*rows && getline(&line, &capacity, file) > 0; i++)
        *rows = line[0] != '\n' && (i > 0 || strncmp(line, "epoch,", 6));
    enum status status = ferror(file) ? file_failure(STATUS_CHECKPOINT, errno, "read", path) : STATUS_OK;
    free(line);
    fclose(file);
    return status;
}

enum status checkpoint_folder_used(const char *folder, bool *used)
{
    char path[FILE_PATH_MAX];
    *used = false;
    DIR *stream = opendir(folder);
    if (!stream)
        return errno == ENOENT ? STATUS_OK
                               : file_failure(STATUS_CHECKPOINT, errno, "look for checkpoints in", folder);
    enum status status = STATUS_OK;
    for (struct dirent *entry; !*used && (entry = next_entry(stream, folder, &status));)
        if (is_checkpoint_name(entry->d_name))
            *used = true;
        else if (!strcmp(entry->d_name, "metrics.csv") && join(folder, entry->d_name, path))
            status = has_rows(path, used);
    closedir(stream);
    return status;
}
