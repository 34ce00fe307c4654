#pragma once
/* Folders of photographs as datasets, decoded on all cores. */
#include "io/dataset.h"
#include "io/image_list.h"
#include "io/image_resize.h"

struct import_images_options {
    size_t h, w;        /* of all images; 0: that of the first, which the others must have */
    enum image_fit fit; /* how an image gets there */
    size_t channels;    /* 1 or 3; 0: those of the first, which the others must have */
    bool strict;        /* a file that cannot be used is a failure; otherwise it is warned of and left out */
    void (*progress)(void *user, size_t done,
                     size_t total); /* now and then, from the calling thread; or NULL */
    void *user;
};

/* The images of a split of the list as a split of that name, with classes, in the list's order; `like`: an
 * earlier split whose size and channels this one must have; or NULL. `skipped` gets the number of files left
 * out. STATUS_DATA with the file's name, and nothing to destroy: a file that cannot be decoded (strict),
 * whose size or channels differ, a class of which no file can be used. */
enum status import_images(struct dataset_split *split, const char *name, const struct image_list *list,
                          const struct image_split *images, const struct import_images_options *options,
                          const struct dataset_split *like, size_t *skipped);
