#include "io/ini.h"

#include "core/text.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct reader {
    const char *path, *text; /* text: behind the present line */
    size_t line;
    const char *at, *end,
        *value;     /* the present line: what inih has not seen, its end, where its value begins */
    bool continued; /* inih has seen the line's beginning */
    char section[INI_NAME_MAX], name[INI_NAME_MAX], joined[INI_VALUE_MAX];
    size_t used; /* of joined */
    ini_visit *visit;
    void *user;
    enum status status;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool begins_comment(char c)
{
    return c == ';' || c == '#';
}

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static void strip(const char **from, const char **to)
{
    while (*from < *to && is_blank(**from))
        ++*from;
    while (*from < *to && is_blank((*to)[-1]))
        --*to;
}

/* Puts the place in front of `what`; false, for `return fail(...)`. */
static bool fail(struct reader *r, const char *what)
{
    r->status = status_set(STATUS_USAGE, "%s:%zu: %s", r->path, r->line, what);
    return false;
}

/* The header in at..end. */
static bool open_section(struct reader *r)
{
    const char *close = memchr(r->at, ']', (size_t)(r->end - r->at));
    if (!close)
        return fail(r, "this section header has no `]`");
    if (close + 1 != r->end)
        return fail(r, "there is text behind this section header");
    const char *from = r->at + 1, *to = close;
    strip(&from, &to);
    if (from == to)
        return fail(r, "this section header names no section");
    if (to - from >= INI_NAME_MAX)
        return fail(r, "this section's name is too long, there is none like it");
    snprintf(r->section, sizeof r->section, "%.*s", (int)(to - from), from);
    r->status = r->visit(r->user, r->section, NULL, NULL, r->line);
    return !r->status;
}

/* The name = value in at..end, with `value` where it begins. */
static bool open_value(struct reader *r)
{
    const char *from = r->at, *to = r->value ? r->value - 1 : r->end;
    strip(&from, &to);
    if (!r->value)
        return fail(r, "expected `name = value`, a [section] or a comment: this line has no `=`");
    if (from == to)
        return fail(r, "there is no name before the `=`");
    if (to - from >= INI_NAME_MAX)
        return fail(r, "the name before the `=` is longer than 63 characters");
    if (!r->section[0])
        return fail(r, "this line comes before the first [section]");
    return true;
}

/* The present line, at..end, without blanks and comment. False: it holds what it must not. */
static bool trim(struct reader *r)
{
    strip(&r->at, &r->end);
    r->value = NULL;
    size_t length;
    for (const char *p = r->at; p < r->end; p += length) {
        if (begins_comment(*p) && (p == r->at || is_blank(p[-1]) || p == r->value)) {
            r->end = p;
            break;
        }
        if (is_control(*p))
            return fail(r, "this line holds a control character");
        length = text_character(p);
        if (!length)
            return fail(r, "this line is not UTF-8 text");
        if (!r->value && (*p == '=' || *p == ':'))
            r->value = p + 1;
    }
    strip(&r->at, &r->end);
    return true;
}

/* Goes to the next line that says something. False: there is none, or it is wrong. */
static bool next_line(struct reader *r)
{
    do {
        if (!*r->text)
            return false;
        r->line++;
        r->at = r->text;
        r->end = r->text + strcspn(r->text, "\n");
        r->text = *r->end ? r->end + 1 : r->end;
        if (!trim(r))
            return false;
    } while (r->at == r->end);
    r->continued = false;
    return *r->at == '[' ? open_section(r) : open_value(r);
}

/* How much of the line inih can take now, `space` at most. It strips blanks from both ends of a piece and
 * knows a comment by its first character, so a piece ends within a word. 0: there is no such place. */
static size_t piece(const struct reader *r, size_t space)
{
    size_t rest = (size_t)(r->end - r->at);
    if (rest <= space)
        return rest;
    for (const char *p = r->at + space; r->value && p > r->at && p > r->value; p--)
        if (!is_blank(*p) && !is_blank(p[-1]) && !begins_comment(*p))
            return (size_t)(p - r->at);
    return 0;
}

/* What ini_parse_stream reads from: lines, and the pieces of long ones as continuation lines. */
static char *read_line(char *out, int size, void *stream)
{
    struct reader *r = stream;
    if (r->status || (r->at == r->end && !next_line(r)))
        return NULL;
    size_t count = size > 3 ? piece(r, (size_t)size - 3) : 0;
    if (!count) {
        fail(r, "this line is too long: too many blanks in a row");
        return NULL;
    }
    snprintf(out, (size_t)size, "%s%.*s\n", r->continued ? " " : "", (int)count, r->at);
    r->at += count;
    return out;
}

/* ini_handler: 0 on failure */
static int take(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;
    (void)section; /* cut after 49 characters */
    if (r->status)
        return 0;
    if (!r->continued) {
        snprintf(r->name, sizeof r->name, "%s", name);
        r->used = 0;
    }
    r->continued = true;
    size_t length = strlen(value);
    if (length >= sizeof r->joined - r->used)
        return fail(r, "this value is longer than 4095 characters");
    memcpy(r->joined + r->used, value, length + 1);
    r->used += length;
    if (r->at == r->end)
        r->status = r->visit(r->user, r->section, r->name, r->joined, r->line);
    return !r->status;
}

enum status ini_parse_text(const char *path, const char *text, ini_visit *visit, void *user)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (!strncmp(text, byte_order_mark, 3))
        text += 3;
    struct reader r = {.path = path, .text = text, .at = text, .end = text, .visit = visit, .user = user};
    struct reader *stream = &r;
    int line = ini_parse_stream(read_line, stream, take, stream);
    if (line && !r.status)
        return status_set(STATUS_INTERNAL, "%s:%zu: inih does not take this file", path, r.line);
    return r.status;
}

const char *ini_value_fault(const char *value)
{
    size_t length = strlen(value);
    if (length >= INI_VALUE_MAX)
        return "it is longer than 4095 characters";
    if (length && (is_blank(value[0]) || is_blank(value[length - 1])))
        return "it begins or ends with a blank";
    for (size_t i = 0; i < length; i++) {
        if (begins_comment(value[i]) && (i == 0 || is_blank(value[i - 1])))
            return "a `;` or `#` behind a blank begins a comment";
        if (is_control(value[i]))
            return "it holds a control character";
    }
    if (!text_is_utf8(value))
        return "it is not UTF-8 text";
    return NULL;
}
