/* Makes datasets for cnn-train, and shows what is in them. */
#include "core/build_info.h"
#include "core/log.h"
#include "core/text.h"
#include "io/guard.h"
#include "tools/command.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMANDS_MAX = 32 };

static const struct command *const commands[] = {
    &command_import_idx, &command_import_csv, &command_import_images, &command_import_cifar, &command_info};

static void print_command_help(const struct command *c)
{
    printf("usage: cnn-data %s%s%s %s\n\n%s%s.\n\n", c->group ? c->group : "", c->group ? " " : "", c->name,
           c->usage, c->group ? "Makes a dataset from " : "Tells ", c->summary);
    arguments_help(c->table, stdout);
    printf("\n%s", c->notes);
}

/* Of the whole program, or of one group. */
static void print_help(const char *group)
{
    if (group)
        printf("usage: cnn-data %s KIND [options] OUT.h5\n\nMakes a dataset for cnn-train from\n\n", group);
    else
        printf("usage: cnn-data COMMAND [options] FILE.h5\n\n"
               "Makes datasets for cnn-train, HDF5 files, and shows what is in them.\n\n");
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        const struct command *c = commands[i];
        char words[64];
        snprintf(words, sizeof words, "%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
        if (!group || (c->group && !strcmp(group, c->group)))
            printf("  %-12s %s\n", group ? c->name : words, c->summary);
    }
    printf("\n  cnn-data %s --help tells the options of one%s\n", group ? "import KIND" : "COMMAND",
           group ? "" : "; cnn-data --version the version");
}

static enum status unknown_command(const char *group, const char *word)
{
    const char *words[COMMANDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        const struct command *c = commands[i];
        if (!group)
            words[count++] = c->group ? c->group : c->name;
        else if (c->group && !strcmp(group, c->group))
            words[count++] = c->name;
    }
    const char *nearest = text_nearest(word, words, count);
    return status_set(STATUS_USAGE, "unknown command '%s%s%s'%s%s%s%s%s (see cnn-data --help)",
                      group ? group : "", group ? " " : "", word, nearest ? ", did you mean '" : "",
                      nearest && group ? group : "", nearest && group ? " " : "", nearest ? nearest : "",
                      nearest ? "'?" : "");
}

static enum status run_command(const struct command *command, int argc, char **argv)
{
    if (arguments_want_help(argc, argv)) {
        print_command_help(command);
        return STATUS_OK;
    }
    return command->run(command, argc, argv);
}

static enum status run_group(const char *group, int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(group);
        return STATUS_OK;
    }
    for (size_t i = 0; i < OPTION_COUNT(commands); i++)
        if (commands[i]->group && !strcmp(commands[i]->group, group) && !strcmp(commands[i]->name, argv[1]))
            return run_command(commands[i], argc - 1, argv + 1);
    return unknown_command(group, argv[1]);
}

static enum status run(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(NULL);
        return STATUS_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("cnn-data %s (%s)\n", build_version(), build_commit());
        return STATUS_OK;
    }
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        if (commands[i]->group && !strcmp(commands[i]->group, argv[1]))
            return run_group(commands[i]->group, argc - 1, argv + 1);
        if (!commands[i]->group && !strcmp(commands[i]->name, argv[1]))
            return run_command(commands[i], argc - 1, argv + 1);
    }
    return unknown_command(NULL, argv[1]);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    guard_allow(_exit);
    enum status status = log_finish(run(argc, argv));
    if (status)
        log_error("%s", status_message());
    exit((int)status);
}
