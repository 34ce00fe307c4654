#pragma once
/* Which image files of a folder belong to which class and to which split. Nothing of their content is read:
 * what counts is a name that ends with .jpg, .jpeg or .png, in small letters or capitals. Names are sorted
 * byte by byte, so that the order does not hang on the file system; those that begin with a dot are passed
 * over. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_list_options {
    bool labels_in_names;  /* the class is the file name up to `separator`; otherwise the folder it lies in */
    const char *separator; /* "_" */
    double test_fraction;  /* of each class, drawn at random, to be tested on; 0: none */
    uint64_t seed;         /* of the draw */
};

struct image_entry {
    char *path; /* owned */
    size_t class;
};

struct image_split {
    struct image_entry *entries; /* owned */
    size_t count;
};

struct image_list {
    char **class_names; /* (class_count), owned; sorted */
    size_t class_count;
    struct image_split train, test; /* test without entries: there is none */
    size_t others;                  /* files with other names, which are not used */
    size_t loose;                   /* JPEG and PNG files in no class folder, which are not used either */
    char *first_loose;              /* one of them; NULL: there are none */
};

/* With a folder `train` within `folder`, that and, if it is there, the folder `test` are the splits;
 * otherwise all is for training but what test_fraction takes. A class's folder is searched to its depths.
 * image_list_destroy frees; on failure there is nothing to free. STATUS_DATA: a folder that cannot be read, a
 * class without images, a class of test that train has not, no classes; STATUS_USAGE: test_fraction where a
 * folder test is there already, or so much that a class has nothing to be trained with. */
enum status image_list_read(struct image_list *list, const char *folder,
                            const struct image_list_options *options);
void image_list_destroy(struct image_list *list);
