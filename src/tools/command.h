#pragma once
/* Programs of several commands, such as `cnn-data import csv` and `cnn-data info`: one table row each. */
#include "tools/arguments.h"

struct command {
    const char *group, *name, *summary; /* group NULL: a command of one word */
    const struct argument_table *table;
    const char *usage, *notes;
    enum status (*run)(const struct command *command, int argc, char **argv);
};

/* Options of a command, for the fields of its structure. */
#define COMMAND_TEXT(structure, member, name, fallback, help)                                                \
    {                                                                                                        \
        NULL, name, OPTION_TEXT, offsetof(struct structure, member), fallback, 0, 0, NULL, help              \
    }
#define COMMAND_FLAG(structure, member, name, help)                                                          \
    {                                                                                                        \
        NULL, name, OPTION_BOOL, offsetof(struct structure, member), "no", 0, 0, NULL, help                  \
    }

/* Those of cnn-data. */
extern const struct command command_import_idx, command_import_csv, command_import_images,
    command_import_cifar, command_info;
