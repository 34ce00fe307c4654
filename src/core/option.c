#include "core/option.h"

#include "core/text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    SIDE_MAX = 1 << 16,
    CHANNELS_MAX = 1 << 24
}; /* of OPTION_SHAPE; the product of three fits in a size_t */

const struct option *option_find(const struct option *table, size_t count, const char *section,
                                 const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(table[i].name, name) && (!table[i].section || !strcmp(table[i].section, section)))
            return &table[i];
    return NULL;
}

static void *field(const struct option *option, void *base)
{
    return (char *)base + option->offset;
}

static bool in_range(const struct option *option, double value)
{
    return (option->min == 0 && option->max == 0) || (value >= option->min && value <= option->max);
}

static enum status refuse(const struct option *option, const char *text)
{
    char domain[OPTION_TEXT_MAX];
    option_domain(option, domain);
    return status_set(STATUS_USAGE, "%s = %.200s: expected %s", option->name, text, domain);
}

/* "A" or "AxB" or "AxBxC": the numbers in `values`; how many there are, 0 where it is anything else */
static size_t parse_sizes(const char *text, size_t values[3])
{
    char copy[128];
    if (strlen(text) >= sizeof copy)
        return 0;
    strcpy(copy, text);
    size_t count = 0;
    for (char *part = copy; part; count++) {
        char *x = strchr(part, 'x');
        if (x)
            *x++ = 0;
        if (count == 3 || !text_to_size(part, &values[count]))
            return 0;
        part = x;
    }
    return count;
}

static bool parse_pair(const struct option *option, const char *text, struct pair *pair)
{
    size_t values[3], count = parse_sizes(text, values);
    if (count != 1 && count != 2)
        return false;
    if (!in_range(option, (double)values[0]) || !in_range(option, (double)values[count - 1]))
        return false;
    *pair = (struct pair){values[0], values[count - 1]};
    return true;
}

static bool parse_padding(const struct option *option, const char *text, struct padding *padding)
{
    struct padding parsed = {.same = !strcmp(text, "same")};
    if (!parsed.same && strcmp(text, "valid") && !parse_pair(option, text, &parsed.sides))
        return false;
    *padding = parsed;
    return true;
}

static bool parse_shape(const char *text, struct shape *shape)
{
    size_t v[3] = {0, 0, 0}, count = parse_sizes(text, v);
    if (text[0] && count < 2)
        return false;
    if (count == 2)
        v[2] = 1;
    if (text[0] && (!v[0] || !v[1] || !v[2] || v[0] > SIDE_MAX || v[1] > SIDE_MAX || v[2] > CHANNELS_MAX))
        return false;
    *shape = (struct shape){v[0], v[1], v[2]};
    return true;
}

static const char *const interval_words[] = {"epochs", "epoch", "steps", "step", "minutes", "minute"};
enum { INTERVAL_WORDS = sizeof interval_words / sizeof *interval_words, INTERVAL_NUMBER_MAX = 64 };

/* The word's unit; INTERVAL_WORDS / 2 where it is none. */
static size_t interval_unit(const char *word)
{
    size_t i = 0;
    while (i < INTERVAL_WORDS && strcmp(word, interval_words[i]))
        i++;
    return i / 2;
}

static enum status parse_interval(const struct option *option, const char *text, struct interval *interval)
{
    char number[INTERVAL_NUMBER_MAX];
    size_t length = strspn(text, "0123456789."), whole;
    double count;
    const char *word = text + length + strspn(text + length, " \t");
    if (length >= sizeof number)
        return refuse(option, text);
    snprintf(number, sizeof number, "%.*s", (int)length, text);
    size_t unit = *word ? interval_unit(word) : INTERVAL_EPOCHS;
    bool good = text_to_double(number, &count) && in_range(option, count);
    if (unit == INTERVAL_WORDS / 2) {
        const char *nearest = good ? text_nearest(word, interval_words, INTERVAL_WORDS) : NULL;
        return nearest ? status_set(STATUS_USAGE, "%s = %.200s: `%.100s` is unknown, did you mean `%s`?",
                                    option->name, text, word, nearest)
                       : refuse(option, text);
    }
    if (!good || (unit != INTERVAL_MINUTES && !text_to_size(number, &whole)))
        return refuse(option, text);
    *interval = (struct interval){count, count > 0 ? (enum interval_unit)unit : INTERVAL_EPOCHS};
    return STATUS_OK;
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcasecmp(text, words[i])) {
            *value = i % 2;
            return true;
        }
    }
    return false;
}

/* The words of "a|b|c" into `words`, cutting `copy`. */
static size_t split_choices(const char *choices, char copy[OPTION_TEXT_MAX], const char *words[32])
{
    size_t count = 0;
    char *rest;
    snprintf(copy, OPTION_TEXT_MAX, "%s", choices);
    for (char *part = strtok_r(copy, "|", &rest); part && count < 32; part = strtok_r(NULL, "|", &rest))
        words[count++] = part;
    return count;
}

static enum status parse_choice(const struct option *option, const char *text, int *value)
{
    char copy[OPTION_TEXT_MAX];
    const char *words[32];
    size_t count = split_choices(option->choices, copy, words);
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(words[i], text)) {
            *value = (int)i;
            return STATUS_OK;
        }
    }
    const char *nearest = text_nearest(text, words, count);
    if (nearest)
        return status_set(STATUS_USAGE, "%s = %.200s: unknown, did you mean `%s`?", option->name, text,
                          nearest);
    return refuse(option, text);
}

enum status option_parse(const struct option *option, const char *text, void *base)
{
    void *to = field(option, base);
    bool good = false;
    switch (option->kind) {
    case OPTION_SIZE: {
        size_t value;
        good = text_to_size(text, &value) && in_range(option, (double)value);
        if (good)
            *(size_t *)to = value;
        break;
    }
    case OPTION_UINT64:
        good = text_to_uint64(text, to);
        break;
    case OPTION_REAL: {
        double value;
        good = text_to_double(text, &value) && in_range(option, value);
        if (good)
            *(double *)to = value;
        break;
    }
    case OPTION_BOOL:
        good = parse_bool(text, to);
        break;
    case OPTION_CHOICE:
        return parse_choice(option, text, to);
    case OPTION_TEXT:
        if (strlen(text) >= OPTION_TEXT_MAX)
            return status_set(STATUS_USAGE, "%s: longer than %d characters", option->name,
                              OPTION_TEXT_MAX - 1);
        strcpy(to, text);
        return STATUS_OK;
    case OPTION_PAIR:
        good = parse_pair(option, text, to);
        break;
    case OPTION_PADDING:
        good = parse_padding(option, text, to);
        break;
    case OPTION_SHAPE:
        good = parse_shape(text, to);
        break;
    case OPTION_INTERVAL:
        return parse_interval(option, text, to);
    }
    return good ? STATUS_OK : refuse(option, text);
}

static enum status set_default(const struct option *option, void *base)
{
    if (!option->fallback)
        return STATUS_OK;
    if (option->kind == OPTION_SIZE && !option->fallback[0]) {
        *(size_t *)field(option, base) = 0;
        return STATUS_OK;
    }
    if (option->kind == OPTION_REAL && !option->fallback[0]) {
        *(double *)field(option, base) = NAN;
        return STATUS_OK;
    }
    return option_parse(option, option->fallback, base);
}

enum status option_defaults(const struct option *table, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++) {
        enum status status = set_default(&table[i], base);
        if (status)
            return status_set(STATUS_INTERNAL, "the table's default of %s: %s", table[i].name,
                              status_message());
    }
    return STATUS_OK;
}

static void format_pair(struct pair pair, char out[OPTION_TEXT_MAX])
{
    if (pair.h == pair.w)
        snprintf(out, OPTION_TEXT_MAX, "%zu", pair.h);
    else
        snprintf(out, OPTION_TEXT_MAX, "%zux%zu", pair.h, pair.w);
}

/* The shortest decimal that reads back as the same double. */
static void format_real(double value, char out[OPTION_TEXT_MAX])
{
    for (int digits = 6; digits <= 17; digits++) {
        if (snprintf(out, OPTION_TEXT_MAX, "%.*g", digits, value) > 0 && strtod(out, NULL) == value)
            return;
    }
}

static void format_interval(const struct interval *interval, char out[OPTION_TEXT_MAX])
{
    if (interval->count == floor(interval->count))
        snprintf(out, OPTION_TEXT_MAX, "%.0f", interval->count);
    else
        format_real(interval->count, out);
    size_t used = strlen(out);
    if (interval->count > 0)
        snprintf(out + used, OPTION_TEXT_MAX - used, " %s",
                 interval_words[2 * interval->unit + (interval->count == 1)]);
}

void option_format(const struct option *option, const void *base, char out[OPTION_TEXT_MAX])
{
    const void *from = (const char *)base + option->offset;
    char copy[OPTION_TEXT_MAX];
    const char *words[32];
    switch (option->kind) {
    case OPTION_SIZE:
        snprintf(out, OPTION_TEXT_MAX, "%zu", *(const size_t *)from);
        break;
    case OPTION_UINT64:
        snprintf(out, OPTION_TEXT_MAX, "%llu", (unsigned long long)*(const uint64_t *)from);
        break;
    case OPTION_REAL:
        format_real(*(const double *)from, out);
        break;
    case OPTION_BOOL:
        strcpy(out, *(const bool *)from ? "yes" : "no");
        break;
    case OPTION_CHOICE:
        split_choices(option->choices, copy, words);
        strcpy(out, words[*(const int *)from]);
        break;
    case OPTION_TEXT:
        snprintf(out, OPTION_TEXT_MAX, "%s", (const char *)from);
        break;
    case OPTION_PAIR:
        format_pair(*(const struct pair *)from, out);
        break;
    case OPTION_PADDING:
        if (((const struct padding *)from)->same)
            strcpy(out, "same");
        else
            format_pair(((const struct padding *)from)->sides, out);
        break;
    case OPTION_SHAPE: {
        const struct shape *s = from;
        out[0] = 0;
        if (s->h)
            snprintf(out, OPTION_TEXT_MAX, "%zux%zux%zu", s->h, s->w, s->c);
        break;
    }
    case OPTION_INTERVAL:
        format_interval(from, out);
        break;
    }
}

static void choice_domain(const struct option *option, char out[OPTION_TEXT_MAX])
{
    char copy[OPTION_TEXT_MAX];
    const char *words[32];
    size_t count = split_choices(option->choices, copy, words), used = 0;
    for (size_t i = 0; i < count && used < OPTION_TEXT_MAX; i++)
        used += (size_t)snprintf(out + used, OPTION_TEXT_MAX - used, "%s%s",
                                 i == 0 ? "" : (i + 1 == count ? " or " : ", "), words[i]);
}

void option_domain(const struct option *option, char out[OPTION_TEXT_MAX])
{
    bool any = option->min == 0 && option->max == 0;
    char range[128] = "";
    if (!any && isinf(option->max))
        snprintf(range, sizeof range, ", %g or more", option->min);
    else if (!any)
        snprintf(range, sizeof range, " from %.12g to %.12g", option->min, option->max);
    switch (option->kind) {
    case OPTION_SIZE:
    case OPTION_UINT64:
        snprintf(out, OPTION_TEXT_MAX, "a whole number%s", range);
        break;
    case OPTION_REAL:
        snprintf(out, OPTION_TEXT_MAX, "a number%s", range);
        break;
    case OPTION_BOOL:
        strcpy(out, "yes or no");
        break;
    case OPTION_CHOICE:
        choice_domain(option, out);
        break;
    case OPTION_TEXT:
        strcpy(out, "text");
        break;
    case OPTION_PAIR:
        snprintf(out, OPTION_TEXT_MAX, "N or HEIGHTxWIDTH, whole numbers%s", range);
        break;
    case OPTION_PADDING:
        snprintf(out, OPTION_TEXT_MAX, "same, valid, N or HEIGHTxWIDTH, whole numbers%s", range);
        break;
    case OPTION_SHAPE:
        snprintf(
            out, OPTION_TEXT_MAX,
            "HEIGHTxWIDTHxCHANNELS, or HEIGHTxWIDTH for one channel; height and width from 1 to %d, channels "
            "from 1 to %d",
            SIDE_MAX, CHANNELS_MAX);
        break;
    case OPTION_INTERVAL:
        snprintf(out, OPTION_TEXT_MAX,
                 "N epochs, N steps or N minutes, N%s, whole but for minutes; N alone: epochs; 0: never",
                 range);
        break;
    }
}
