#include "core/arguments.h"

#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ARGUMENTS_MAX = 64 };

static enum status unknown(const struct argument_table *table, const char *name)
{
    const char *names[ARGUMENTS_MAX];
    char word[ARGUMENTS_MAX];
    for (size_t i = 0; i < table->count; i++)
        names[i] = table->arguments[i].option.name;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "="), name);
    const char *nearest = text_nearest(word, names, table->count);
    return status_set(STATUS_USAGE, "unknown option --%s%s%s%s", word, nearest ? ", did you mean --" : "",
                      nearest ? nearest : "", nearest ? "?" : "");
}

/* The option of the word after "--", up to "=" or its end; NULL: there is none. */
static const struct argument *find(const struct argument_table *table, const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->arguments[i].option.name;
        if (!strncmp(name, word, length) && !name[length])
            return &table->arguments[i];
    }
    return NULL;
}

/* argv[*at] is an option; leaves *at at its last word. */
static enum status parse_option(const struct argument_table *table, int argc, char *const *argv, int *at,
                                void *values, uint64_t *given)
{
    const char *word = argv[*at] + 2, *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
    const struct argument *argument = find(table, word);
    if (!argument)
        return unknown(table, word);
    bool wants_value = argument->value != NULL;
    if (!wants_value && value)
        return status_set(STATUS_USAGE, "--%s takes no value", argument->option.name);
    if (!wants_value)
        value = "yes";
    if (!value && *at + 1 >= argc)
        return status_set(STATUS_USAGE, "--%s needs a value: --%s %s", word, word, argument->value);
    if (!value)
        value = argv[++*at];
    *given |= UINT64_C(1) << (argument - table->arguments);
    return status_prefix(option_parse(&argument->option, value, values), "--");
}

static enum status check_given(const struct argument_table *table, uint64_t given, size_t operands)
{
    for (size_t i = 0; i < table->count; i++)
        if (!table->arguments[i].option.fallback && !(given >> i & 1))
            return status_set(STATUS_USAGE, "--%s %s is missing", table->arguments[i].option.name,
                              table->arguments[i].value);
    if (operands < table->operand_count)
        return status_set(STATUS_USAGE, "%s is missing", table->operands[operands]);
    return STATUS_OK;
}

enum status arguments_parse(const struct argument_table *table, int argc, char *const *argv, void *values,
                            const char **operands)
{
    uint64_t given = 0;
    size_t found = 0;
    bool options = true;
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < table->count; i++)
        status = option_defaults(&table->arguments[i].option, 1, values);
    for (int i = 1; !status && i < argc; i++) {
        bool dash = options && argv[i][0] == '-' && argv[i][1];
        if (dash && !strcmp(argv[i], "--"))
            options = false;
        else if (dash && argv[i][1] == '-')
            status = parse_option(table, argc, argv, &i, values, &given);
        else if (dash)
            status = status_set(STATUS_USAGE, "unknown option %s: options start with --", argv[i]);
        else if (found == table->operand_count)
            status = status_set(STATUS_USAGE, "'%s' is one word too many", argv[i]);
        else
            operands[found++] = argv[i];
    }
    return status ? status : check_given(table, given, found);
}

void arguments_help(const struct argument_table *table, FILE *out)
{
    int width = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct argument *a = &table->arguments[i];
        int length = (int)(strlen(a->option.name) + (a->value ? strlen(a->value) + 1 : 0));
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct argument *a = &table->arguments[i];
        int used = fprintf(out, "  --%s%s%s", a->option.name, a->value ? " " : "", a->value ? a->value : "");
        fprintf(out, "%*s%s", width + 7 - used, "", a->option.help);
        bool told = a->value && a->option.fallback && a->option.fallback[0];
        fprintf(out, told ? " (default: %s)\n" : "\n", a->option.fallback);
    }
}
