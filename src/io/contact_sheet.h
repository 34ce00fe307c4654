#pragma once
/* A look at the images: a grid of them as a PNG file, or as blocks of text on a terminal. Float images are
 * stretched from the darkest to the brightest value shown. One and two channels are shown grey, three and
 * more as red, green, blue. */
#include "io/dataset.h"

#include <stdio.h>

/* A grid of samples by index; places without one hold CONTACT_SHEET_EMPTY. Zero-initialised is a valid, empty
 * one. */
#define CONTACT_SHEET_EMPTY SIZE_MAX
enum { CONTACT_SHEET_ROWS_MAX = 64 };

struct contact_sheet {
    size_t rows, columns, *indices; /* (rows, columns), owned */
};

/* The first `columns` samples of each class, a row per class, at most CONTACT_SHEET_ROWS_MAX; where there are
 * no classes, the first samples in up to ten rows. contact_sheet_destroy frees. */
enum status contact_sheet_pick(struct contact_sheet *sheet, const struct dataset_split *split,
                               size_t columns);
void contact_sheet_destroy(struct contact_sheet *sheet);

/* Small images are enlarged to at least 64 pixels, large ones reduced to at most 256. Written under a
 * temporary name and renamed, over what is there. STATUS_DATA: it cannot be written. */
enum status contact_sheet_png(const struct contact_sheet *sheet, const struct dataset_split *split,
                              const char *path);

enum contact_sheet_blocks {
    CONTACT_SHEET_ASCII,     /* signs of different weight */
    CONTACT_SHEET_SHADES,    /* four Unicode shades */
    CONTACT_SHEET_PALETTE,   /* half blocks in 256 colours */
    CONTACT_SHEET_TRUECOLOR, /* half blocks in 24 bits */
};

/* The first column of the sheet side by side, at most `width` characters a line. */
void contact_sheet_print(const struct contact_sheet *sheet, const struct dataset_split *split,
                         enum contact_sheet_blocks blocks, size_t width, FILE *out);
