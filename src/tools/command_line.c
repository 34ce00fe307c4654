#include "tools/command_line.h"

#include "core/text.h"

#include <string.h>

enum { OPTIONS_MAX = 64 };

static enum status unknown(const struct command_line *line, const char *name, int length)
{
    const char *known[OPTIONS_MAX];
    char word[64] = "";
    for (size_t i = 0; i < line->option_count; i++)
        known[i] = line->options[i].name;
    strncat(word, name, (size_t)length < sizeof word ? (size_t)length : sizeof word - 1);
    const char *nearest = text_nearest(word, known, line->option_count);
    if (nearest)
        return status_set(STATUS_USAGE, "unknown option --%s, did you mean --%s?", word, nearest);
    return status_set(STATUS_USAGE, "unknown option --%s; --help lists them", word);
}

static enum status read_option(struct command_line *line, const char *name, struct command_word *word)
{
    int length = (int)strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    for (size_t i = 0; i < line->option_count; i++)
        if (!strncmp(line->options[i].name, name, (size_t)length) && !line->options[i].name[length])
            word->option = &line->options[i];
    if (!word->option)
        return unknown(line, name, length);
    if (value && word->option->value == COMMAND_VALUE_NONE)
        return status_set(STATUS_USAGE, "--%s takes no value", word->option->name);
    if (!value && word->option->value == COMMAND_VALUE_NEEDED) {
        if (line->at + 1 >= line->argc)
            return status_set(STATUS_USAGE, "--%s needs a value", word->option->name);
        value = line->argv[++line->at];
    }
    word->value = value;
    return STATUS_OK;
}

enum status command_line_next(struct command_line *line, struct command_word *word)
{
    *word = (struct command_word){0};
    if (++line->at >= line->argc) {
        word->end = true;
        return STATUS_OK;
    }
    const char *text = line->argv[line->at];
    if (!line->plain && !strcmp(text, "--")) {
        line->plain = true;
        return command_line_next(line, word);
    }
    if (!line->plain && text[0] == '-' && text[1]) {
        if (text[1] != '-')
            return status_set(STATUS_USAGE, "unknown option %s; options have two dashes, --help lists them",
                              text);
        return read_option(line, text + 2, word);
    }
    word->value = text;
    return STATUS_OK;
}
