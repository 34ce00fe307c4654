#include "train/start.h"

#include "io/file.h"
#include "train/metrics.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run keeps what its order of samples and its masks hang on. */
static enum status check_kept(const struct progress *p, const struct config *config, const char *path)
{
    const struct {
        const char *key;
        uint64_t wanted, had;
        bool free; /* the configuration leaves it open */
    } kept[] = {
        {"run.seed", config->run.seed, p->seed, false},
        {"train.batch", config->train.batch, p->batch, false},
        {"distributed.shards", config->distributed.shards, p->shards, config->distributed.shards == 0},
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!kept[i].free && kept[i].wanted != kept[i].had)
            return status_set(STATUS_USAGE, "%s = %llu, but %s was trained with %llu, and a run keeps it",
                              kept[i].key, (unsigned long long)kept[i].wanted, path,
                              (unsigned long long)kept[i].had);
    return STATUS_OK;
}

static enum status find_checkpoint(struct start *start, const struct config *config, const char *file)
{
    struct checkpoint_info info;
    enum status status;
    if (file[0]) {
        snprintf(start->checkpoint, sizeof start->checkpoint, "%s", file);
        status = checkpoint_verify(start->checkpoint);
    } else {
        status = checkpoint_newest(config->run.output, start->checkpoint);
    }
    if (!status)
        status = checkpoint_read_info(start->checkpoint, &info);
    if (status)
        return status;
    start->shards = info.progress.shards;
    start->step = info.progress.step;
    start->epochs = info.progress.epoch;
    status = check_kept(&info.progress, config, start->checkpoint);
    checkpoint_info_destroy(&info);
    return status;
}

/* Whether the file lies in the folder, links followed. */
static bool lies_in(const char *file, const char *folder)
{
    char *real = realpath(file, NULL), *place = realpath(folder, NULL),
         *slash = real ? strrchr(real, '/') : NULL;
    bool inside =
        slash && place && strlen(place) == (size_t)(slash - real) && !strncmp(real, place, strlen(place));
    free(real);
    free(place);
    return inside;
}

static enum status check_folder(const struct start *start, const char *folder)
{
    char newer[1024];
    bool used;
    enum status status = checkpoint_folder_used(folder, &used);
    if (status || !used)
        return status;
    if (start->overwrite && !start->resume && lies_in(start->checkpoint, folder))
        return status_set(
            STATUS_USAGE,
            "%s lies in %s, which --overwrite clears: choose another run.output, or move the file",
            start->checkpoint, folder);
    if (start->overwrite)
        return STATUS_OK;
    if (!start->resume)
        return status_set(
            STATUS_CHECKPOINT,
            "%s holds a run already: go on with --resume, choose another run.name or run.output, or let it "
            "go with --overwrite",
            folder);
    if (!lies_in(start->checkpoint, folder))
        return status_set(
            STATUS_CHECKPOINT,
            "%s holds another run than %s: choose another run.output, or let it go with --overwrite", folder,
            start->checkpoint);
    if (checkpoint_newer(folder, start->step, newer))
        return status_set(
            STATUS_CHECKPOINT,
            "%s is newer than %s: to go on from the older one, choose another run.output, or let the newer "
            "ones go with --overwrite",
            newer, start->checkpoint);
    return STATUS_OK;
}

/* Local. */
static enum status find(struct start *start, const struct config *config, const char *resume,
                        const char *init)
{
    const char *file = resume ? resume : init ? init : "";
    if (strlen(file) >= sizeof start->checkpoint)
        return status_set(STATUS_USAGE, "the path %.60s... is too long", file);
    enum status status = STATUS_OK;
    if (resume)
        status = find_checkpoint(start, config, file);
    else
        strcpy(start->checkpoint, file);
    return status ? status : check_folder(start, config->run.output);
}

enum status start_find(struct start *start, const struct comm *comm, const struct config *config,
                       const char *resume, bool overwrite, const char *init)
{
    *start = (struct start){.resume = resume != NULL, .overwrite = overwrite};
    enum status status = comm_agree(comm, comm->rank == 0 ? find(start, config, resume, init) : STATUS_OK);
    if (!status)
        comm_broadcast(comm, 0, start, sizeof *start);
    return status;
}

enum status start_claim_folder(const struct start *start, const struct config *config)
{
    const char *folder = config->run.output;
    enum status status = file_make_folder(folder, STATUS_CHECKPOINT);
    if (!status && start->overwrite && start->resume && lies_in(start->checkpoint, folder))
        status = checkpoint_remove_after(folder, start->step);
    else if (!status && start->overwrite)
        status = checkpoint_remove_all(folder);
    return status ? status : metrics_start(folder, start->epochs);
}
