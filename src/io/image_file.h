#pragma once
/* Photographs as files: JPEG and PNG, told apart by their first bytes, whatever their names are. */
#include "core/shape.h"
#include "core/status.h"

struct image {
    struct shape shape;    /* c: 1 grey, 3 red, green, blue */
    unsigned char *pixels; /* (h, w, c), owned */
};

/* Decodes a file. `channels` 1 or 3: what is wanted; 0: grey or colour as the file is. Colour becomes grey as
 * 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, as in JPEG), transparent pixels are laid on white, 16 bits are
 * cut to 8. What a camera noted of its orientation is passed over. STATUS_DATA with the file's name, and
 * nothing to destroy: cannot be read, neither JPEG nor PNG, damaged, truncated, of a kind that is not read
 * (CMYK). Any thread. */
enum status image_read(struct image *image, const char *path, size_t channels);
void image_destroy(struct image *image);
