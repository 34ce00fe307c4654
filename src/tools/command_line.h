#pragma once
/* Options and words of a command line, the same for all programs: --name, --name=value, --name value; "--"
 * ends the options. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum command_value {
    COMMAND_VALUE_NONE,
    COMMAND_VALUE_NEEDED,   /* --name value or --name=value */
    COMMAND_VALUE_OPTIONAL, /* --name or --name=value */
};

struct command_option {
    const char *name; /* without the dashes */
    enum command_value value;
};

struct command_line {
    const struct command_option *options;
    size_t option_count;
    int argc;
    char **argv;
    int at;     /* the word last looked at; 0 at first: argv[0] is the program */
    bool plain; /* "--" was seen */
};

/* One option with its value (NULL: none), or one word that is not an option (option NULL, value the word), or
 * the end. */
struct command_word {
    const struct command_option *option;
    const char *value;
    bool end;
};

/* The next one. STATUS_USAGE: an option that is not known (with the nearest that is), a value missing or too
 * many. */
enum status command_line_next(struct command_line *line, struct command_word *word);
