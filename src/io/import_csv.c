#include "io/import_csv.h"

#include "core/text.h"
#include "io/gz_file.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the reading is. */
struct cursor {
    const struct import_csv_options *options;
    const char *path;
    size_t line, column, field; /* counted from 1 */
    char *at;                   /* the rest of the line; NULL: nothing is left */
};

static enum status __attribute__((format(printf, 2, 3)))
wrong(const struct cursor *cursor, const char *format, ...)
{
    char words[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return status_set(STATUS_DATA, "%s:%zu:%zu: %s", cursor->path, cursor->line, cursor->column, words);
}

static enum status no_number(const struct cursor *cursor, const char *text)
{
    bool first = cursor->line == 1 && !cursor->options->header;
    return wrong(cursor, "'%.40s' is not a number%s", text,
                 first ? " (--header passes over a line of names)" : "");
}

/* The next field as a number; the cursor stays at it, for messages about its value. */
static enum status next_number(struct cursor *cursor, char **next, double *value)
{
    size_t expected = shape_count(cursor->options->shape) + 1;
    if (!cursor->at)
        return wrong(cursor, "the line ends after %zu numbers, %zu are needed", cursor->field, expected);
    size_t length = strcspn(cursor->at, ",;\t"), blanks = strspn(cursor->at, " ");
    *next = cursor->at[length] ? cursor->at + length + 1 : NULL;
    cursor->at[length] = 0;
    char *text = cursor->at + (blanks < length ? blanks : length);
    for (size_t end = strlen(text); end && text[end - 1] == ' '; end--)
        text[end - 1] = 0;
    cursor->column += (size_t)(text - cursor->at);
    cursor->field++;
    return text_to_double(text, value) ? STATUS_OK : no_number(cursor, text);
}

static void advance(struct cursor *cursor, char *next, size_t start)
{
    cursor->column = next ? start + (size_t)(next - cursor->at) : cursor->column;
    cursor->at = next;
}

static enum status read_pixel(struct cursor *cursor, unsigned char *pixel)
{
    char *next = NULL;
    double value, max = cursor->options->max;
    size_t start = cursor->column;
    enum status status = next_number(cursor, &next, &value);
    if (status)
        return status;
    if (value < 0 || value > max)
        return wrong(cursor, "pixel %g is out of range, 0 to %g (--max sets the highest value)", value, max);
    *pixel = (unsigned char)lround(value / max * 255);
    advance(cursor, next, start);
    return STATUS_OK;
}

static enum status read_label(struct cursor *cursor, int32_t *label)
{
    char *next = NULL;
    double value;
    size_t start = cursor->column;
    enum status status = next_number(cursor, &next, &value);
    if (status)
        return status;
    if (value < 0 || value >= DATASET_CLASSES_MAX || value != floor(value))
        return wrong(cursor, "label %g is not a class index, a whole number from 0 to %d", value,
                     DATASET_CLASSES_MAX - 1);
    *label = (int32_t)value;
    advance(cursor, next, start);
    return STATUS_OK;
}

static enum status read_row(struct cursor *cursor, unsigned char *pixels, int32_t *label)
{
    enum status status = cursor->options->label_first ? read_label(cursor, label) : STATUS_OK;
    for (size_t i = 0; !status && i < shape_count(cursor->options->shape); i++)
        status = read_pixel(cursor, pixels + i);
    if (!status && !cursor->options->label_first)
        status = read_label(cursor, label);
    if (!status && cursor->at)
        status =
            wrong(cursor, "more than the %zu numbers of a %zux%zux%zu image and its label", cursor->field,
                  cursor->options->shape.h, cursor->options->shape.w, cursor->options->shape.c);
    return status;
}

static enum status read_rows(struct dataset_split *split, struct gz_file *file,
                             const struct import_csv_options *options)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    char *text;
    for (size_t line = 1; !(status = gz_line(file, line, &text)) && text; line++) {
        struct cursor cursor = {options, file->path, line, 1, 0, text};
        if (line == 1 && !strncmp(text, "\xef\xbb\xbf", 3))
            cursor.at += 3; /* byte order mark */
        if ((line == 1 && options->header) || strspn(cursor.at, " \t") == strlen(cursor.at))
            continue;
        if (split->count == capacity && (status = dataset_grow(split, &capacity, 256)))
            break;
        unsigned char *pixels = (unsigned char *)split->images + split->count * shape_count(split->shape);
        if ((status = read_row(&cursor, pixels, split->classes + split->count)))
            break;
        size_t label = (size_t)split->classes[split->count++];
        split->outputs = label >= split->outputs ? label + 1 : split->outputs;
    }
    if (!status && split->count == 0)
        status = status_set(STATUS_DATA, "%s: holds no sample", file->path);
    return status;
}

enum status import_csv(struct dataset_split *split, const char *name, const char *path,
                       const struct import_csv_options *options)
{
    struct gz_file file;
    *split = (struct dataset_split){.shape = options->shape};
    snprintf(split->name, sizeof split->name, "%s", name);
    snprintf(split->path, sizeof split->path, "%s", path);
    enum status status = gz_open(&file, path);
    if (!status)
        status = read_rows(split, &file, options);
    gz_close(&file);
    if (status)
        dataset_destroy(split);
    return status;
}

static size_t outputs_of(const struct dataset_split *split)
{
    size_t outputs = 0;
    for (size_t i = 0; i < split->count; i++)
        outputs = (size_t)split->classes[i] >= outputs ? (size_t)split->classes[i] + 1 : outputs;
    return outputs;
}

enum status import_csv_cut(struct dataset_split *from, struct dataset_split *to, const char *name,
                           size_t count)
{
    *to = (struct dataset_split){.shape = from->shape, .count = count};
    if (from->count == 1)
        return status_set(
            STATUS_USAGE,
            "%s: holds one sample, which cannot be both in train and in %s: give --test FILE, or "
            "more samples",
            from->path, name);
    if (count == 0 || count >= from->count)
        return status_set(STATUS_USAGE,
                          "%s: of %zu samples the last %zu cannot become the %s split: give 1 to %zu",
                          from->path, from->count, count, name, from->count - 1);
    size_t item = shape_count(from->shape), left = from->count - count;
    to->images = malloc(count * item);
    to->classes = malloc(count * sizeof *to->classes);
    if (!to->images || !to->classes) {
        dataset_destroy(to);
        return status_no_memory("the images", count * item);
    }
    memcpy(to->images, (unsigned char *)from->images + left * item, count * item);
    memcpy(to->classes, from->classes + left, count * sizeof *to->classes);
    snprintf(to->name, sizeof to->name, "%s", name);
    memcpy(to->path, from->path, sizeof to->path);
    from->count = left;
    from->outputs = outputs_of(from);
    to->outputs = outputs_of(to);
    return STATUS_OK;
}
