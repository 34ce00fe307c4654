#include "train/start.h"

#include "core/log.h"
#include "core/text.h"
#include "io/config_compare.h"
#include "train/metrics.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words of --allow-change: the keys that may change where it is asked for, and the data, which is no key
 * because the same file can hold other data. */
static size_t list_allowed(const char *words[CONFIG_KEYS_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < config_key_count; i++)
        if (config_keys[i].change == CHANGE_ASKED)
            words[count++] = config_keys[i].name;
    words[count++] = "data";
    return count;
}

/* Whether the comma-separated list, which may be NULL, has the word. */
static bool has_word(const char *list, const char *word)
{
    for (size_t length; list && *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (length == strlen(word) && !strncmp(list, word, length))
            return true;
    }
    return false;
}

enum status start_check_allow(const char *allow)
{
    const char *words[CONFIG_KEYS_MAX + 1];
    char all[256] = "", word[64];
    size_t count = list_allowed(words), used = 0, length;
    for (size_t i = 0; i < count && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", words[i]);
    for (; *allow; allow += length + (allow[length] == ',')) {
        bool known = false;
        length = strcspn(allow, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, allow);
        for (size_t i = 0; i < count; i++)
            known = known || !strcmp(words[i], word);
        const char *nearest = text_nearest(word, words, count);
        if (!known && nearest)
            return status_set(STATUS_USAGE, "--allow-change=%s: did you mean `%s`?", word, nearest);
        if (!known)
            return status_set(STATUS_USAGE, "--allow-change=%s: expected one or more of %s", word, all);
    }
    return STATUS_OK;
}

struct comparison {
    struct start *start;
    const char *allow;
};

/* Adds a line where it fits. */
static void add_line(char *text, size_t size, const char *format, const struct config_difference *d)
    __attribute__((format(printf, 3, 0)));
static void add_line(char *text, size_t size, const char *format, const struct config_difference *d)
{
    size_t used = strlen(text), room = size - used;
    int length = snprintf(text + used, room, format, d->name, d->was[0] ? d->was : "(empty)",
                          d->is[0] ? d->is : "(empty)");
    if ((size_t)length >= room)
        text[used] = 0;
}

/* config_differs: a run keeps what its order of samples, its masks and its arrays hang on. */
static enum status judge(void *user, const struct config_difference *d)
{
    struct comparison *c = user;
    struct start *start = c->start;
    const char *key = strchr(d->name, '.') + 1;
    if (d->change == CHANGE_NEVER)
        return status_set(
            STATUS_USAGE,
            "%s = %s, but %s was trained with %s, and a run keeps it; a new run takes its weights "
            "with --init",
            d->name, d->is, start->checkpoint, d->was);
    if (d->change == CHANGE_ASKED && !has_word(c->allow, key))
        return status_set(STATUS_USAGE,
                          "%s = %s, but %s was trained with %s, and a run keeps it, unless --allow-change=%s "
                          "says that another is meant",
                          d->name, d->is, start->checkpoint, d->was, key);
    add_line(start->changes, sizeof start->changes, "  %-24s %s -> %s\n", d);
    if (d->change == CHANGE_ASKED)
        add_line(start->asked, sizeof start->asked, "%s %s -> %s\n", d);
    return STATUS_OK;
}

/* What a configuration leaves open is what the checkpoint has; of what both its /config and its /state have,
 * /state is what it was trained with. */
static enum status compare(struct start *start, const struct checkpoint_info *info,
                           const struct config *config, const char *allow)
{
    const struct progress *p = &info->progress;
    struct comparison comparison = {start, allow};
    struct config was, is = *config;
    enum status status = config_parse(&was, start->checkpoint, info->config_text, NULL, 0);
    bool readable = !status;
    if (!readable) {
        log_warn("the configuration in the checkpoint is not compared: %s", status_message());
        was = is;
    }
    start->input = was.network.input;
    if (!(was.data.window > 0)) /* of the time before there were windows */
        was.data.window = 1;
    if (!(is.data.window > 0))
        is.data.window = was.data.window;
    start->window = was.data.window;
    was.run.seed = p->seed;
    was.train.batch = p->batch;
    was.distributed.shards = p->shards;
    if (!is.distributed.shards)
        is.distributed.shards = was.distributed.shards;
    if (!is.network.input.h)
        is.network.input = was.network.input;
    status = config_compare(&was, &is, judge, &comparison);
    if (readable)
        config_destroy(&was);
    return status;
}

static enum status find_checkpoint(struct start *start, const struct config *config, const char *file,
                                   const char *allow)
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
    start->allow_data = has_word(allow, "data");
    status = compare(start, &info, config, allow);
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
static enum status find(struct start *start, const struct config *config, const struct start_wish *wish)
{
    const char *file = wish->resume ? wish->resume : wish->init ? wish->init : "";
    if (strlen(file) >= sizeof start->checkpoint)
        return status_set(STATUS_USAGE, "the path %.60s... is too long", file);
    enum status status = claim_take(&start->claim, config->run.output);
    if (!status && wish->resume)
        status = find_checkpoint(start, config, file, wish->allow);
    else if (!status)
        strcpy(start->checkpoint, file);
    return status ? status : check_folder(start, config->run.output);
}

enum status start_find(struct start *start, const struct comm *comm, const struct config *config,
                       const struct start_wish *wish)
{
    *start = (struct start){.resume = wish->resume != NULL, .overwrite = wish->overwrite};
    enum status status = comm_agree(comm, comm->rank == 0 ? find(start, config, wish) : STATUS_OK);
    if (status)
        start_release(start);
    else
        comm_broadcast(comm, 0, start, offsetof(struct start, claim));
    return status;
}

enum status start_claim_folder(struct start *start, const struct config *config)
{
    const char *folder = config->run.output;
    enum status status = claim_mark(&start->claim);
    if (!status && start->overwrite && start->resume && lies_in(start->checkpoint, folder))
        status = checkpoint_remove_after(folder, start->step);
    else if (!status && start->overwrite)
        status = checkpoint_remove_all(folder);
    return status ? status : metrics_start(folder, start->epochs);
}

void start_release(struct start *start)
{
    claim_release(&start->claim);
}
