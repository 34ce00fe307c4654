#include "io/class_names.h"

#include "core/text.h"
#include "io/dataset.h"
#include "io/gz_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list's memory doubles whenever its length is a power of two. */
enum status class_names_append(struct class_names *list, const char *name, size_t length)
{
    if ((list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count ? 2 * list->count : 1;
        char **names = realloc(list->names, capacity * sizeof *names);
        if (!names)
            return status_no_memory("the class names", capacity * sizeof *names);
        list->names = names;
    }
    list->names[list->count] = strndup(name, length);
    if (!list->names[list->count])
        return status_no_memory("the class names", length + 1);
    list->count++;
    return STATUS_OK;
}

static enum status split(struct class_names *list, const char *text)
{
    enum status status = STATUS_OK;
    const char *name = text;
    for (;;) {
        size_t length = strcspn(name, ",");
        if (length == 0)
            return status_set(STATUS_USAGE, "class names: name %zu is empty", list->count + 1);
        status = class_names_append(list, name, length);
        if (!status && !text_is_utf8(list->names[list->count - 1]))
            status = status_set(STATUS_USAGE, "class names: name %zu is not UTF-8 text", list->count);
        if (status || !name[length])
            return status;
        name += length + 1;
    }
}

static enum status read_lines(struct class_names *list, const char *path)
{
    struct gz_file file;
    char *line = NULL;
    enum status status = gz_open(&file, path);
    while (!status && !(status = gz_line(&file, list->count + 1, &line)) && line) {
        if (!line[0])
            status = status_set(STATUS_DATA, "%s:%zu: the name of class %zu is empty", path, list->count + 1,
                                list->count);
        else if (!text_is_utf8(line))
            status = status_set(STATUS_DATA, "%s:%zu: the name of class %zu is not UTF-8 text", path,
                                list->count + 1, list->count);
        else if (list->count == DATASET_CLASSES_MAX)
            status = status_set(STATUS_DATA, "%s:%zu: more than %d class names", path, list->count + 1,
                                DATASET_CLASSES_MAX);
        else
            status = class_names_append(list, line, strlen(line));
    }
    if (!status && list->count == 0)
        status = status_set(STATUS_DATA, "%s: empty file, a class name per line is needed", path);
    gz_close(&file);
    return status;
}

const char *class_names_file(const char *text)
{
    return text[0] == '@' ? text + 1 : "";
}

enum status class_names_parse(struct class_names *list, const char *text)
{
    enum status status = STATUS_OK;
    *list = (struct class_names){0};
    if (text[0] == '@')
        status = read_lines(list, class_names_file(text));
    else if (text[0])
        status = split(list, text);
    if (status)
        class_names_destroy(list);
    return status;
}

enum status class_names_number(struct class_names *list, size_t count)
{
    enum status status = STATUS_OK;
    *list = (struct class_names){0};
    for (size_t i = 0; !status && i < count; i++) {
        char number[32];
        int length = snprintf(number, sizeof number, "%zu", i);
        status = class_names_append(list, number, (size_t)length);
    }
    if (status)
        class_names_destroy(list);
    return status;
}

void class_names_destroy(struct class_names *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct class_names){0};
}
