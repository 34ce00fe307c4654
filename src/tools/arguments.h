#pragma once
/* The command line of a program or a command: options written --name value or --name=value (a bool's value is
 * its being there), and operands, the words that are no options. "--" ends the options. */
#include "core/option.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct argument {
    struct option
        option; /* section NULL; fallback NULL: must be given; "" is the default of a text that need not be */
    const char *value; /* what --help calls it: "FILE"; NULL: a bool */
    const char
        *implied; /* not NULL: --name alone means this, and a value can only be given as --name=value */
    bool repeats; /* the field is a struct argument_list of the values as they stand on the command line */
};

enum { ARGUMENT_LIST_MAX = 256 };

struct argument_list {
    const char *values[ARGUMENT_LIST_MAX];
    size_t count;
};

struct argument_table {
    const struct argument *arguments;
    size_t count;                /* at most 64 */
    const char *const *operands; /* what the usage calls them; all must be given */
    size_t operand_count;
};

/* argv[0] is passed over. Fills `values`, the structure that the options' offsets are of, and
 * operands[operand_count], borrowed from argv. STATUS_USAGE: unknown option (with the nearest known), value
 * missing or not in the domain, something missing or too much. */
enum status arguments_parse(const struct argument_table *table, int argc, char *const *argv, void *values,
                            const char **operands);

/* True where a word before "--" is --help or -h. */
bool arguments_want_help(int argc, char *const *argv);

/* Of what arguments_parse gave: all that can change what the program does, but for options that repeat. */
uint64_t arguments_digest(const struct argument_table *table, const void *values,
                          const char *const *operands);

/* A line per option. */
void arguments_help(const struct argument_table *table, FILE *out);
