#include "io/block.h"

#include "core/text.h"
#include "io/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_MAX = 32, DEPTH_MAX = 16, WORDS_MAX = 64, WHERE_MAX = 4096 };

struct block {
    char *name, *where;
    char *parameters; /* "filters stride=1"; NULL: none */
    struct layer_line *lines;
    size_t count;
};

const char *block_name_fault(const char *name)
{
    size_t length = strlen(name);
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != length)
        return "only letters, digits, _, - and dots may be in it";
    if (!length || name[0] == '.' || name[length - 1] == '.' || strstr(name, ".."))
        return "dots stand between other characters only";
    return NULL;
}

enum status block_line_copy(struct layer_line *line, const char *name, const char *text, const char *where)
{
    size_t name_size = strlen(name) + 1, text_size = strlen(text) + 1, where_size = strlen(where) + 1;
    char *memory = malloc(name_size + text_size + where_size);
    if (!memory)
        return status_no_memory("the layers' lines", name_size + text_size + where_size);
    *line = (struct layer_line){memcpy(memory, name, name_size), memcpy(memory + name_size, text, text_size),
                                memcpy(memory + name_size + text_size, where, where_size)};
    return STATUS_OK;
}

void block_lines_free(struct layer_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)lines[i].name);
    free(lines);
}

static enum status append(struct layer_line **lines, size_t *count, const char *name, const char *text,
                          const char *where)
{
    struct layer_line *grown = realloc(*lines, (*count + 1) * sizeof *grown);
    if (!grown)
        return status_no_memory("the layers' lines", (*count + 1) * sizeof *grown);
    *lines = grown;
    enum status status = block_line_copy(&grown[*count], name, text, where);
    *count += !status;
    return status;
}

static struct block *find_block(const struct block_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->blocks[i].name, name))
            return &list->blocks[i];
    return NULL;
}

enum status block_begin(struct block_list *list, const char *name, const char *where)
{
    if (find_block(list, name))
        return STATUS_OK;
    const char *fault = block_name_fault(name);
    if (fault)
        return status_set(STATUS_USAGE, "block name `%s`: %s", name, fault);
    if (layer_type_find(name))
        return status_set(STATUS_USAGE, "a block cannot be called `%s`, there is a layer type of that name",
                          name);
    struct block *grown = realloc(list->blocks, (list->count + 1) * sizeof *grown);
    if (!grown)
        return status_no_memory("a block", sizeof *grown);
    list->blocks = grown;
    grown[list->count] = (struct block){.name = strdup(name), .where = strdup(where)};
    bool made = grown[list->count].name && grown[list->count].where;
    list->count++;
    return made ? STATUS_OK : status_no_memory("a block", strlen(name) + strlen(where));
}

/* "f k=3": names, some with a default, blanks between them. */
static enum status check_parameters(const char *block, const char *text)
{
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        char name[LAYER_NAME_MAX];
        size_t word = strcspn(text, " \t"), length = strcspn(text, "= \t");
        snprintf(name, sizeof name, "%.*s", (int)length, text);
        const char *fault = length == 0             ? "a default follows its name and `=` without blanks"
                            : length >= sizeof name ? "a name has 63 characters at most"
                                                    : block_name_fault(name);
        if (fault)
            return status_set(STATUS_USAGE,
                              "params of [block %s], which have blanks between them: `%.*s`: %s", block,
                              (int)word, text, fault);
        text += word;
    }
    return STATUS_OK;
}

enum status block_add(struct block_list *list, const char *name, const char *line_name, const char *text,
                      const char *where)
{
    struct block *b = find_block(list, name);
    const char *fault = block_name_fault(line_name);
    if (fault)
        return status_set(STATUS_USAGE, "layer name `%s`: %s", line_name, fault);
    if (!strcmp(line_name, "params")) {
        if (b->parameters)
            return status_set(STATUS_USAGE, "`params` is given twice in [block %s]", name);
        enum status status = check_parameters(name, text);
        if (status)
            return status;
        b->parameters = strdup(text);
        return b->parameters ? STATUS_OK : status_no_memory("a block", strlen(text));
    }
    if (!strcmp(line_name, "input"))
        return status_set(STATUS_USAGE, "`input` is what the block reads, no line can have this name");
    for (size_t i = 0; i < b->count; i++)
        if (!strcmp(b->lines[i].name, line_name))
            return status_set(STATUS_USAGE, "[block %s] has a line `%s` already, at %s", name, line_name,
                              b->lines[i].where);
    return append(&b->lines, &b->count, line_name, text, where);
}

void block_list_destroy(struct block_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->blocks[i].name);
        free(list->blocks[i].where);
        free(list->blocks[i].parameters);
        block_lines_free(list->blocks[i].lines, list->blocks[i].count);
    }
    free(list->blocks);
    *list = (struct block_list){0};
}

/* "unknown WHAT `word`, did you mean `nearest`?", or "; there are: a, b". */
static enum status unknown(const char *what, const char *word, const char *const *known, size_t count)
{
    const char *nearest = text_nearest(word, known, count);
    char list[1024] = "";
    size_t used = 0;
    if (nearest)
        return status_set(STATUS_USAGE, "unknown %s `%s`, did you mean `%s`?", what, word, nearest);
    for (size_t i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
    return status_set(STATUS_USAGE, "unknown %s `%s`%s%s", what, word,
                      count ? "; there are: " : "; there is none", list);
}

/* A line cut into its words; `parts[i].value` behind the first =, NULL where there is none. */
struct words {
    char text[INI_VALUE_MAX];
    struct {
        const char *name, *value;
    } parts[WORDS_MAX];
    size_t count;
};

static enum status cut_words(struct words *words, const char *text)
{
    char *rest;
    words->count = 0;
    if (strlen(text) >= sizeof words->text)
        return status_set(STATUS_USAGE, "with its parameters put in, this line is longer than %d characters",
                          INI_VALUE_MAX - 1);
    strcpy(words->text, text);
    for (char *word = strtok_r(words->text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (words->count == WORDS_MAX)
            return status_set(STATUS_USAGE, "more than %d words in a line", WORDS_MAX);
        char *value = strchr(word, '=');
        if (value)
            *value++ = 0;
        words->parts[words->count].name = word;
        words->parts[words->count++].value = value;
    }
    return STATUS_OK;
}

/* One scope: [network], or a block in use. */
struct scope {
    const struct block *block;    /* NULL: [network] */
    const struct scope *outer;    /* where it is used */
    const char *prefix, *input;   /* of its lines' names; the full name of what it reads */
    const char *use;              /* where it is used, for messages */
    const struct words *declared; /* parameters and their defaults */
    const char *values[PARAMETERS_MAX];
    const struct layer_line *lines;
    size_t count, depth;
    char (*outputs)[LAYER_NAME_MAX]; /* per line that is done: the full name that stands for it */
};

struct expansion {
    const struct block_list *blocks;
    struct layer_line *lines;
    size_t count, max;
};

static enum status scope_run(struct expansion *e, struct scope *s);

/* `text` with $name replaced by the parameters' values. */
static enum status put_in(const struct scope *s, const char *text, char out[INI_VALUE_MAX])
{
    const char *known[PARAMETERS_MAX];
    size_t used = 0, count = s->declared ? s->declared->count : 0;
    for (size_t i = 0; i < count; i++)
        known[i] = s->declared->parts[i].name;
    for (const char *at = text; *at;) {
        if (*at != '$' || !s->block) {
            if (used + 1 >= INI_VALUE_MAX)
                return status_set(STATUS_USAGE, "with its parameters put in, this line is too long");
            out[used++] = *at++;
            continue;
        }
        char name[INI_NAME_MAX];
        size_t i = 0,
               length = strspn(++at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        while (i < count && strcmp(known[i], name))
            i++;
        if (i == count)
            return unknown("parameter", name, known, count);
        if (used + strlen(s->values[i]) >= INI_VALUE_MAX)
            return status_set(STATUS_USAGE, "with its parameters put in, this line is too long");
        used += (size_t)sprintf(out + used, "%s", s->values[i]);
        at += length;
    }
    out[used] = 0;
    return STATUS_OK;
}

static enum status unknown_line(const struct scope *s, size_t line, const char *name)
{
    const char **known = malloc((line + 1) * sizeof *known);
    if (!known)
        return status_no_memory("layer names", line * sizeof *known);
    for (size_t i = 0; i < line; i++)
        known[i] = s->lines[i].name;
    known[line] = "input";
    enum status status = unknown("line above in from:", name, known, line + 1);
    free(known);
    return status;
}

/* The full name of what line `line` calls `name`. In [network] an unknown one is left for the network to
 * refuse, or to find within a use: "stage1.conv1". */
static enum status resolve(const struct scope *s, size_t line, const char *name, const char **full)
{
    *full = !strcmp(name, "input") ? s->input : s->block ? NULL : name;
    for (size_t i = 0; i < line; i++)
        if (!strcmp(s->lines[i].name, name))
            *full = s->outputs[i];
    return *full ? STATUS_OK : unknown_line(s, line, name);
}

/* "a,b" with full names. */
static enum status resolve_all(const struct scope *s, size_t line, const char *names, char out[INI_VALUE_MAX])
{
    char copy[INI_VALUE_MAX], *rest;
    size_t used = 0;
    snprintf(copy, sizeof copy, "%s", names);
    out[0] = 0;
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        const char *full;
        enum status status = resolve(s, line, name, &full);
        if (status)
            return status;
        if (used + strlen(full) + 2 > INI_VALUE_MAX)
            return status_set(STATUS_USAGE, "from= is too long");
        used += (size_t)sprintf(out + used, "%s%s", used ? "," : "", full);
    }
    return used ? STATUS_OK : status_set(STATUS_USAGE, "from= names no layer");
}

static enum status check_recursion(const struct scope *s, const struct block *block)
{
    for (const struct scope *outer = s; outer; outer = outer->outer)
        if (outer->block == block)
            return status_set(STATUS_USAGE, "block `%s` uses itself, which would have no end", block->name);
    return s->depth < DEPTH_MAX
               ? STATUS_OK
               : status_set(STATUS_USAGE, "blocks within blocks more than %d deep", DEPTH_MAX);
}

/* The values of the block's parameters in this use. */
static enum status fill_values(struct scope *inner, const struct words *use)
{
    const char *known[PARAMETERS_MAX + 1], *name = inner->block->name;
    size_t count = inner->declared->count;
    char what[2 * INI_NAME_MAX];
    if (count > PARAMETERS_MAX)
        return status_set(STATUS_USAGE, "block `%s` has more than %d parameters", name, PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++) {
        known[i] = inner->declared->parts[i].name;
        inner->values[i] = NULL;
    }
    known[count] = "from";
    snprintf(what, sizeof what, "parameter of block %s:", name);
    for (size_t w = 1; w < use->count; w++) {
        const char *word = use->parts[w].name, *value = use->parts[w].value;
        size_t i = 0;
        if (!value)
            return status_set(STATUS_USAGE,
                              "`%s` is not of the form parameter=value (no blanks around the =)", word);
        while (i < count && strcmp(known[i], word))
            i++;
        if (i == count && strcmp(word, "from"))
            return unknown(what, word, known, count + 1);
        if (i < count && inner->values[i])
            return status_set(STATUS_USAGE, "%s is given twice", word);
        if (i < count)
            inner->values[i] = value;
    }
    for (size_t i = 0; i < count; i++) {
        if (!inner->values[i])
            inner->values[i] = inner->declared->parts[i].value;
        if (!inner->values[i])
            return status_set(STATUS_USAGE, "block `%s` needs %s=", name, known[i]);
    }
    return STATUS_OK;
}

/* Line i uses a block; `from` its resolved from=, "" where there is none. */
static enum status expand_use(struct expansion *e, struct scope *s, size_t i, const char *name,
                              const struct words *use, const struct block *block, const char *from)
{
    struct words *declared = malloc(sizeof *declared);
    struct scope inner = {.block = block,
                          .outer = s,
                          .prefix = name,
                          .use = s->lines[i].where,
                          .declared = declared,
                          .lines = block->lines,
                          .count = block->count,
                          .depth = s->depth + 1};
    inner.input = from[0] ? from : i ? s->outputs[i - 1] : s->input;
    enum status status = declared ? STATUS_OK : status_no_memory("a block", sizeof *declared);
    if (!status && strchr(from, ','))
        status = status_set(STATUS_USAGE, "a block reads one input");
    if (!status)
        status = check_recursion(s, block);
    if (!status)
        status = cut_words(declared, block->parameters ? block->parameters : "");
    if (!status)
        status = fill_values(&inner, use);
    if (!status && !block->count)
        status = status_set(STATUS_USAGE, "block `%s` (%s) has no lines", block->name, block->where);
    if (status)
        status = status_prefix(status, "%s: `%s`: ", s->lines[i].where, s->lines[i].name);
    else
        status = scope_run(e, &inner);
    if (!status)
        snprintf(s->outputs[i], LAYER_NAME_MAX, "%s", e->lines[e->count - 1].name);
    free(declared);
    return status;
}

/* A line of a layer, with its inputs' full names. */
static enum status emit(struct expansion *e, struct scope *s, size_t i, const char *name,
                        const struct words *words, const char *from)
{
    char text[INI_VALUE_MAX], where[WHERE_MAX];
    size_t used = 0;
    bool first = s->block && i == 0 && !from[0];
    for (size_t w = 0; w < words->count && used < sizeof text; w++) {
        const char *value = words->parts[w].value;
        if (w && value && !strcmp(words->parts[w].name, "from"))
            value = from;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s", w ? " " : "",
                                 words->parts[w].name, value ? "=" : "", value ? value : "");
    }
    if (first && used < sizeof text)
        used += (size_t)snprintf(text + used, sizeof text - used, " from=%s", s->input);
    if (used >= sizeof text)
        return status_set(STATUS_USAGE, "with its parameters put in, this line is too long");
    if (s->block)
        snprintf(where, sizeof where, "%s, used in %s", s->lines[i].where, s->use);
    else
        snprintf(where, sizeof where, "%s", s->lines[i].where);
    if (e->count == e->max)
        return status_set(STATUS_USAGE, "more than %zu layers", e->max);
    snprintf(s->outputs[i], LAYER_NAME_MAX, "%s", name);
    return append(&e->lines, &e->count, name, text, where);
}

static enum status unknown_type(const struct expansion *e, const char *type)
{
    size_t count = layer_type_count;
    const char **known = malloc((count + e->blocks->count) * sizeof *known);
    if (!known)
        return status_no_memory("layer types", count * sizeof *known);
    for (size_t i = 0; i < count; i++)
        known[i] = layer_types[i]->type;
    for (size_t i = 0; i < e->blocks->count; i++)
        known[count++] = e->blocks->blocks[i].name;
    enum status status = unknown("layer type or block", type, known, count);
    free(known);
    return status;
}

/* Line i of a scope: its words with parameters put in, its full name, its inputs. */
static enum status prepare_line(const struct scope *s, size_t i, struct words *words,
                                char name[LAYER_NAME_MAX], char from[INI_VALUE_MAX])
{
    const struct layer_line *line = &s->lines[i];
    char text[INI_VALUE_MAX];
    from[0] = 0;
    enum status status = put_in(s, line->text, text);
    if (!status)
        status = cut_words(words, text);
    if (!status && !words->count)
        status = status_set(STATUS_USAGE, "no layer type; write: NAME = TYPE option=value ...");
    if (!status && snprintf(name, LAYER_NAME_MAX, "%s%s%s", s->prefix, s->prefix[0] ? "." : "", line->name) >=
                       LAYER_NAME_MAX)
        status = status_set(STATUS_USAGE, "the layer's name %s.%s is longer than %d letters", s->prefix,
                            line->name, LAYER_NAME_MAX - 1);
    for (size_t w = 1; !status && w < words->count; w++)
        if (!strcmp(words->parts[w].name, "from") && words->parts[w].value)
            status = from[0] ? status_set(STATUS_USAGE, "from is given twice")
                             : resolve_all(s, i, words->parts[w].value, from);
    return status;
}

static enum status expand_line(struct expansion *e, struct scope *s, size_t i)
{
    struct words *words = malloc(sizeof *words);
    char name[LAYER_NAME_MAX], from[INI_VALUE_MAX];
    enum status status = words ? STATUS_OK : status_no_memory("a layer's line", sizeof *words);
    const struct block *block = NULL;
    if (!status)
        status = prepare_line(s, i, words, name, from);
    if (!status)
        block = find_block(e->blocks, words->parts[0].name);
    if (!status && !block)
        status = layer_type_find(words->parts[0].name) ? emit(e, s, i, name, words, from)
                                                       : unknown_type(e, words->parts[0].name);
    if (status && s->block)
        status = status_prefix(status, "%s, used in %s: `%s`: ", s->lines[i].where, s->use, s->lines[i].name);
    else if (status)
        status = status_prefix(status, "%s: `%s`: ", s->lines[i].where, s->lines[i].name);
    if (!status && block)
        status = expand_use(e, s, i, name, words, block, from);
    free(words);
    return status;
}

static enum status scope_run(struct expansion *e, struct scope *s)
{
    enum status status = STATUS_OK;
    s->outputs = calloc(s->count + 1, sizeof *s->outputs);
    if (!s->outputs)
        return status_no_memory("the layers' lines", s->count * sizeof *s->outputs);
    for (size_t i = 0; i < s->count && !status; i++)
        status = expand_line(e, s, i);
    free(s->outputs);
    s->outputs = NULL;
    return status;
}

enum status block_expand(const struct block_list *list, const struct layer_line *lines, size_t count,
                         size_t max, struct layer_line **out, size_t *out_count)
{
    struct expansion e = {.blocks = list, .max = max};
    struct scope network = {.prefix = "", .input = "input", .lines = lines, .count = count};
    enum status status = scope_run(&e, &network);
    *out = NULL;
    *out_count = 0;
    if (status) {
        block_lines_free(e.lines, e.count);
        return status;
    }
    *out = e.lines;
    *out_count = e.count;
    return STATUS_OK;
}
