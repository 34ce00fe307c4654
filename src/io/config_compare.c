#include "io/config_compare.h"

#include <stdio.h>
#include <string.h>

/* The words of a line with one blank between them. */
static void collapse(const char *text, char out[OPTION_TEXT_MAX])
{
    size_t used = 0;
    while (*text && used + 1 < OPTION_TEXT_MAX) {
        size_t word = strcspn(text, " \t"), room = OPTION_TEXT_MAX - 1 - used;
        used += (size_t)snprintf(out + used, room, "%s%.*s", used && word ? " " : "", (int)word, text);
        used = used < OPTION_TEXT_MAX ? used : OPTION_TEXT_MAX - 1;
        text += word + strspn(text + word, " \t");
    }
    out[used] = 0;
}

static enum status compare_key(const struct option *key, const struct config *was, const struct config *is,
                               config_differs *differs, void *user)
{
    struct config_difference d = {.change = key->change};
    option_format(key, was, d.was);
    option_format(key, is, d.is);
    if (!strcmp(d.was, d.is))
        return STATUS_OK;
    snprintf(d.name, sizeof d.name, "%s.%s", key->section, key->name);
    return differs(user, &d);
}

static const struct layer_line *line_of(const struct config *config, size_t i)
{
    return i < config->network.line_count ? &config->network.lines[i] : NULL;
}

static enum status compare_layers(const struct config *was, const struct config *is, config_differs *differs,
                                  void *user)
{
    for (size_t i = 0; line_of(was, i) || line_of(is, i); i++) {
        const struct layer_line *a = line_of(was, i), *b = line_of(is, i);
        struct config_difference d = {.change = CHANGE_NEVER, .was = "no layer", .is = "no layer"};
        if (a)
            collapse(a->text, d.was);
        if (b)
            collapse(b->text, d.is);
        if (a && b && !strcmp(a->name, b->name) && !strcmp(d.was, d.is))
            continue;
        if (a && b && strcmp(a->name, b->name)) { /* the names are what differs: they go with the lines */
            char line[OPTION_TEXT_MAX];
            snprintf(line, sizeof line, "%s = %.900s", a->name, d.was);
            strcpy(d.was, line);
            snprintf(line, sizeof line, "%s = %.900s", b->name, d.is);
            strcpy(d.is, line);
        }
        snprintf(d.name, sizeof d.name, "network.%s", b ? b->name : a->name);
        return differs(user, &d);
    }
    return STATUS_OK;
}

enum status config_compare(const struct config *was, const struct config *is, config_differs *differs,
                           void *user)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < config_key_count && !status; i++)
        status = compare_key(&config_keys[i], was, is, differs, user);
    return status ? status : compare_layers(was, is, differs, user);
}
