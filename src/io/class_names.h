#pragma once
/* The names of classes as people give them: "a,b,c", or in a file with a name per line. */
#include "core/status.h"

#include <stddef.h>

struct class_names {
    char **names; /* (count), owned; NULL: none */
    size_t count;
};

/* `text`: the names of the classes 0, 1, ... separated by commas; "@FILE": a file, plain or gzipped, with a
 * name per line; "": no names. STATUS_USAGE, and for what is in the file STATUS_DATA: a name that is empty
 * or not UTF-8, or more than DATASET_CLASSES_MAX. class_names_destroy frees; on failure there is nothing to
 * free. */
enum status class_names_parse(struct class_names *list, const char *text);

/* The numbers "0", "1", ... of `count` classes. STATUS_INTERNAL: no memory, and nothing to free. */
enum status class_names_number(struct class_names *list, size_t count);

/* One more name, of `length` bytes, behind those that are there. STATUS_INTERNAL: no memory. */
enum status class_names_append(struct class_names *list, const char *name, size_t length);

/* The file that `text` names; "": none. */
const char *class_names_file(const char *text);

void class_names_destroy(struct class_names *list);
