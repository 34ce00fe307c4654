#include "tools/arguments.h"

#include "core/text.h"
#include "io/digest.h"

#include <stdbool.h>
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

static enum status append(const struct argument *argument, const char *value, void *values)
{
    struct argument_list *list = (struct argument_list *)((char *)values + argument->option.offset);
    if (list->count == ARGUMENT_LIST_MAX)
        return status_set(STATUS_USAGE, "--%s: more than %d times", argument->option.name, ARGUMENT_LIST_MAX);
    list->values[list->count++] = value;
    return STATUS_OK;
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
    if (!value && argument->implied)
        value = argument->implied;
    if (!value && *at + 1 >= argc)
        return status_set(STATUS_USAGE, "--%s needs a value: --%s %s", word, word, argument->value);
    if (!value)
        value = argv[++*at];
    *given |= UINT64_C(1) << (argument - table->arguments);
    if (argument->repeats)
        return append(argument, value, values);
    return status_prefix(option_parse(&argument->option, value, values), "--");
}

static enum status check_given(const struct argument_table *table, uint64_t given, size_t operands)
{
    for (size_t i = 0; i < table->count; i++)
        if (!table->arguments[i].option.fallback && !table->arguments[i].repeats && !(given >> i & 1))
            return status_set(STATUS_USAGE, "--%s %s is missing", table->arguments[i].option.name,
                              table->arguments[i].value);
    if (operands < table->operand_count)
        return status_set(STATUS_USAGE, "%s is missing; --help tells what is wanted",
                          table->operands[operands]);
    return STATUS_OK;
}

/* A word too many may have been meant as the value of an option that takes one only behind "=". */
static enum status too_many(const struct argument_table *table, uint64_t given, const char *word)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct argument *a = &table->arguments[i];
        if (a->implied && given >> i & 1)
            return status_set(STATUS_USAGE, "'%s' is one word too many; a value of --%s is given as --%s=%s",
                              word, a->option.name, a->option.name, a->value);
    }
    return status_set(STATUS_USAGE, "'%s' is one word too many", word);
}

enum status arguments_parse(const struct argument_table *table, int argc, char *const *argv, void *values,
                            const char **operands)
{
    uint64_t given = 0;
    size_t found = 0;
    bool options = true;
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < table->count; i++)
        if (table->arguments[i].repeats)
            ((struct argument_list *)((char *)values + table->arguments[i].option.offset))->count = 0;
        else
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
            status = too_many(table, given, argv[i]);
        else
            operands[found++] = argv[i];
    }
    return status ? status : check_given(table, given, found);
}

bool arguments_want_help(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

static uint64_t digest_with(uint64_t digest, const char *text)
{
    const uint64_t both[] = {digest, digest_bytes(text, strlen(text))};
    return digest_bytes(both, sizeof both);
}

uint64_t arguments_digest(const struct argument_table *table, const void *values, const char *const *operands)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < table->count; i++) {
        char text[OPTION_TEXT_MAX] = "";
        if (!table->arguments[i].repeats)
            option_format(&table->arguments[i].option, values, text);
        digest = digest_with(digest, text);
    }
    for (size_t i = 0; i < table->operand_count; i++)
        digest = digest_with(digest, operands[i]);
    return digest;
}

/* "--resume[=FILE]" or "--steps N"; its length. */
static int name_text(const struct argument *a, char out[128])
{
    if (!a->value)
        return snprintf(out, 128, "--%s", a->option.name);
    return snprintf(out, 128, a->implied ? "--%s[=%s]" : "--%s %s", a->option.name, a->value);
}

void arguments_help(const struct argument_table *table, FILE *out)
{
    int width = 0;
    char name[128];
    for (size_t i = 0; i < table->count; i++) {
        int length = name_text(&table->arguments[i], name);
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct argument *a = &table->arguments[i];
        name_text(a, name);
        fprintf(out, "  %-*s  %s", width, name, a->option.help);
        bool told = a->value && !a->implied && a->option.fallback && a->option.fallback[0];
        fprintf(out, told ? " (default: %s)\n" : "\n", a->option.fallback);
    }
}
