#include "io/config.h"

#include "core/text.h"
#include "io/block.h"
#include "io/config_check.h"
#include "io/ini.h"

#include <stdlib.h>
#include <string.h>

enum { PLACE_MAX = OPTION_TEXT_MAX + 32 };

struct parser {
    struct config *config;
    struct block_list blocks;
    size_t line_capacity;                       /* of config->network.lines */
    size_t lines[CONFIG_KEYS_MAX];              /* where a key of the table was given; 0: not in the file */
    const char *overridden_by[CONFIG_KEYS_MAX]; /* the override that set it last, or NULL */
    const char *override;                       /* what is being parsed; NULL: the file */
    size_t line;
};

static void place_of(const struct parser *p, const char *override, size_t line, char out[PLACE_MAX])
{
    if (override)
        snprintf(out, PLACE_MAX, "--set %.200s", override);
    else if (line)
        snprintf(out, PLACE_MAX, "%s:%zu", p->config->path, line);
    else
        snprintf(out, PLACE_MAX, "%s", p->config->path);
}

/* Puts the place of what is being parsed in front of the message. */
static enum status prefix_place(const struct parser *p, enum status status)
{
    char place[PLACE_MAX];
    place_of(p, p->override, p->line, place);
    return status_prefix(status, "%s: ", place);
}

static size_t collect_sections(const char *sections[CONFIG_KEYS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < config_key_count; i++)
        if (!count || strcmp(sections[count - 1], config_keys[i].section))
            sections[count++] = config_keys[i].section;
    return count;
}

static size_t collect_keys(const char *section, const char *names[CONFIG_KEYS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < config_key_count; i++)
        if (!strcmp(config_keys[i].section, section))
            names[count++] = config_keys[i].name;
    return count;
}

/* "unknown ...; did you mean `lr`?", or where none is near "unknown ...; there are epochs, batch, lr" */
static enum status refuse_word(const char *what, const char *word, const char *const *known, size_t count)
{
    char hint[OPTION_TEXT_MAX];
    size_t used = 0;
    const char *nearest = text_nearest(word, known, count);
    if (nearest)
        snprintf(hint, sizeof hint, "did you mean `%s`?", nearest);
    for (size_t i = 0; !nearest && i < count && used < sizeof hint; i++)
        used += (size_t)snprintf(hint + used, sizeof hint - used, "%s%s", i ? ", " : "there are ", known[i]);
    return status_set(STATUS_USAGE, "unknown %s; %s", what, hint);
}

/* The NAME of "block NAME"; NULL: another section. */
static const char *block_of(const char *section)
{
    static const char word[] = "block";
    size_t length = sizeof word - 1;
    if (strncmp(section, word, length) || (section[length] && !strchr(" \t", section[length])))
        return NULL;
    return section + length + strspn(section + length, " \t");
}

static enum status check_section(struct parser *p, const char *section)
{
    char place[PLACE_MAX];
    const char *block = block_of(section);
    place_of(p, p->override, p->line, place);
    if (block && p->override)
        return status_set(STATUS_USAGE, "a block's lines cannot be changed by --set");
    if (block)
        return block[0] ? block_begin(&p->blocks, block, place)
                        : status_set(STATUS_USAGE, "a block needs a name: [block NAME]");
    const char *sections[CONFIG_KEYS_MAX];
    size_t count = collect_sections(sections);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(sections[i], section))
            return STATUS_OK;
    char what[2 * INI_NAME_MAX];
    snprintf(what, sizeof what, "section [%s]", section);
    return refuse_word(what, section, sections, count);
}

static const struct option *find_elsewhere(const char *name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (!strcmp(config_keys[i].name, name))
            return &config_keys[i];
    return NULL;
}

static enum status refuse_key(const char *section, const char *name)
{
    const struct option *other = find_elsewhere(name);
    if (other)
        return status_set(STATUS_USAGE, "unknown key `%s` in [%s]; `%s` belongs to [%s]", name, section, name,
                          other->section);
    const char *names[CONFIG_KEYS_MAX];
    char what[3 * INI_NAME_MAX];
    snprintf(what, sizeof what, "key `%s` in [%s]", name, section);
    return refuse_word(what, name, names, collect_keys(section, names));
}

static enum status set_key(struct parser *p, const struct option *key, const char *value)
{
    size_t row = (size_t)(key - config_keys);
    if (p->override)
        p->overridden_by[row] = p->override;
    else if (p->lines[row])
        return status_set(STATUS_USAGE, "`%s` is given twice in [%s]; it is in line %zu already", key->name,
                          key->section, p->lines[row]);
    else
        p->lines[row] = p->line;
    return option_parse(key, value, p->config);
}

static struct layer_line *find_layer(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->network.line_count; i++)
        if (!strcmp(config->network.lines[i].name, name))
            return &config->network.lines[i];
    return NULL;
}

static enum status fill_layer(const struct parser *p, struct layer_line *line, const char *name,
                              const char *text)
{
    char place[PLACE_MAX];
    place_of(p, p->override, p->line, place);
    return block_line_copy(line, name, text, place);
}

static enum status replace_layer(const struct parser *p, const char *name, const char *text)
{
    struct config *config = p->config;
    struct layer_line *line = find_layer(config, name), old;
    if (!line) {
        const char *names[CONFIG_LAYERS_MAX];
        for (size_t i = 0; i < config->network.line_count; i++)
            names[i] = config->network.lines[i].name;
        const char *nearest = text_nearest(name, names, config->network.line_count);
        return status_set(STATUS_USAGE, "[network] has no layer `%s` to replace%s%s%s", name,
                          nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    }
    old = *line;
    enum status status = fill_layer(p, line, name, text);
    if (!status)
        free((void *)old.name);
    return status;
}

/* `lr = 0.1` in [network] is a key that lost its section, not a layer of type 0.1. */
static const struct option *misplaced_key(const char *name, const char *text)
{
    char type[LAYER_NAME_MAX];
    snprintf(type, sizeof type, "%.*s", (int)strcspn(text, " \t"), text);
    return layer_type_find(type) ? NULL : find_elsewhere(name);
}

static enum status append_layer(struct parser *p, const char *name, const char *text)
{
    struct config *config = p->config;
    size_t count = config->network.line_count;
    const char *fault = block_name_fault(name);
    if (fault)
        return status_set(STATUS_USAGE, "layer name `%s`: %s", name, fault);
    const struct layer_line *same = find_layer(config, name);
    if (same)
        return status_set(STATUS_USAGE, "layer `%s` is there already, at %s", name, same->where);
    const struct option *key = misplaced_key(name, text);
    if (key)
        return refuse_key("network", name);
    if (count == CONFIG_LAYERS_MAX)
        return status_set(STATUS_USAGE, "more than %d layers", CONFIG_LAYERS_MAX);
    if (count == p->line_capacity) {
        size_t capacity = count ? 2 * count : 32;
        void *grown = realloc(config->network.lines, capacity * sizeof *config->network.lines);
        if (!grown)
            return status_no_memory("the layers' lines", capacity * sizeof *config->network.lines);
        config->network.lines = grown;
        p->line_capacity = capacity;
    }
    enum status status = fill_layer(p, &config->network.lines[count], name, text);
    config->network.line_count += !status;
    return status;
}

static enum status set_any(struct parser *p, const char *section, const char *name, const char *value)
{
    const char *block = block_of(section);
    if (block) {
        char place[PLACE_MAX];
        place_of(p, NULL, p->line, place);
        return block_add(&p->blocks, block, name, value, place);
    }
    const struct option *key = option_find(config_keys, config_key_count, section, name);
    if (key)
        return set_key(p, key, value);
    if (strcmp(section, "network"))
        return refuse_key(section, name);
    return p->override ? replace_layer(p, name, value) : append_layer(p, name, value);
}

/* ini_visit */
static enum status visit(void *user, const char *section, const char *name, const char *value, size_t line)
{
    struct parser *p = user;
    p->line = line;
    return prefix_place(p, name ? set_any(p, section, name, value) : check_section(p, section));
}

/* What is in from..to without blanks around it; false where it is too long. */
static bool copy_trimmed(char *out, size_t size, const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    snprintf(out, size, "%.*s", (int)(to - from), from);
    return (size_t)(to - from) < size;
}

static enum status parse_override(struct parser *p)
{
    char section[INI_NAME_MAX], name[INI_NAME_MAX], value[INI_VALUE_MAX + 1];
    const char *equals = strchr(p->override, '='), *dot = strchr(p->override, '.');
    if (!equals || !dot || dot > equals || !copy_trimmed(section, sizeof section, p->override, dot) ||
        !section[0] || !copy_trimmed(name, sizeof name, dot + 1, equals) || !name[0])
        return status_set(STATUS_USAGE, "expected section.key=value");
    copy_trimmed(value, sizeof value, equals + 1, equals + strlen(equals));
    const char *fault = ini_value_fault(value);
    if (fault)
        return status_set(STATUS_USAGE, "this cannot be a value: %s", fault);
    enum status status = check_section(p, section);
    return status ? status : set_any(p, section, name, value);
}

/* The file's name without folder and .ini. */
static void name_from_path(const char *path, char out[OPTION_TEXT_MAX])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 4 && !strcmp(base + length - 4, ".ini"))
        length -= 4;
    snprintf(out, OPTION_TEXT_MAX, "%.*s", (int)length, base);
}

static enum status fill_run(struct config *config)
{
    char *name = config->run.name, *output = config->run.output;
    if (!name[0])
        name_from_path(config->path, name);
    const char *fault = ini_value_fault(name);
    if (!name[0])
        fault = "it is empty";
    else if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        fault = "it names a folder, so it cannot hold `/` or be `.` or `..`";
    if (fault)
        return status_set(STATUS_USAGE, "`%.200s` cannot be [run] name: %s", name, fault);
    if (!output[0] && snprintf(output, OPTION_TEXT_MAX, "checkpoints/%s", name) >= OPTION_TEXT_MAX)
        return status_set(STATUS_USAGE, "[run] name is too long");
    return STATUS_OK;
}

/* Makes the place where a key was given the one that messages name. */
static void point_at(struct parser *p, const char *section, const char *name)
{
    size_t row = (size_t)(option_find(config_keys, config_key_count, section, name) - config_keys);
    p->override = p->overridden_by[row];
    p->line = p->lines[row];
}

/* What no key can know by itself. */
static enum status check_together(struct parser *p)
{
    struct config *c = p->config;
    p->override = NULL;
    p->line = 0;
    if (!c->network.line_count)
        return status_set(STATUS_USAGE, "there is no layer: [network] needs lines such as `out = softmax`");
    point_at(p, "train", "momentum");
    if (c->train.optimizer == CONFIG_RMSPROP && !p->override && !p->line) /* PyTorch's default */
        c->train.momentum = 0;
    const char *key;
    enum status status = config_check_train(c, &key);
    if (status) {
        point_at(p, "train", key);
        return status;
    }
    point_at(p, "run", "name");
    return fill_run(c);
}

/* The network's lines, once all that can change them has been read. */
static enum status expand_blocks(struct parser *p)
{
    struct config *config = p->config;
    struct layer_line *lines;
    size_t count;
    if (!p->blocks.count)
        return STATUS_OK;
    enum status status = block_expand(&p->blocks, config->network.lines, config->network.line_count,
                                      CONFIG_LAYERS_MAX, &lines, &count);
    if (status)
        return status;
    block_lines_free(config->network.lines, config->network.line_count);
    config->network.lines = lines;
    config->network.line_count = count;
    return STATUS_OK;
}

static enum status parse_all(struct parser *p, const char *text, const char *const *overrides,
                             size_t override_count)
{
    struct config *config = p->config;
    enum status status = option_defaults(config_keys, config_key_count, config);
    if (!status && !text[strspn(text, " \t\r\n")])
        status = status_set(STATUS_USAGE, "%s: the file is empty", config->path);
    if (!status)
        status = ini_parse_text(config->path, text, visit, p);
    for (size_t i = 0; !status && i < override_count; i++) {
        p->override = overrides[i];
        status = prefix_place(p, parse_override(p));
    }
    if (!status)
        status = prefix_place(p, check_together(p));
    return status ? status : expand_blocks(p);
}

enum status config_parse(struct config *config, const char *path, const char *text,
                         const char *const *overrides, size_t override_count)
{
    *config = (struct config){0};
    if (strlen(path) >= sizeof config->path)
        return status_set(STATUS_USAGE, "%.200s...: this path is too long", path);
    snprintf(config->path, sizeof config->path, "%s", path);
    struct parser parser = {.config = config};
    enum status status = parse_all(&parser, text, overrides, override_count);
    block_list_destroy(&parser.blocks);
    if (status)
        config_destroy(config);
    return status;
}

void config_destroy(struct config *config)
{
    block_lines_free(config->network.lines, config->network.line_count);
    *config = (struct config){0};
}
