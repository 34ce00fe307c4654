#pragma once
/* Images of one size from images of many. */
#include "io/image_file.h"

enum image_fit {
    IMAGE_CROP,    /* scaled until it covers the wanted size, the overhanging sides cut off evenly */
    IMAGE_STRETCH, /* scaled to the wanted size, its proportions lost */
};

/* `from` as h x w pixels into `to` (h, w, from's channels). Linear interpolation whose kernel widens with the
 * scale where the image shrinks, so that every pixel counts (a triangle of 2 output pixels: what Pillow and
 * torchvision call bilinear with antialias). Where nothing is to be done the pixels stay as they are.
 * STATUS_INTERNAL for want of memory. */
enum status image_resize(const struct image *from, size_t h, size_t w, enum image_fit fit, unsigned char *to);
