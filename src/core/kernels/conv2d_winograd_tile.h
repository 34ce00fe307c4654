#pragma once
/* Where the tiles of core/kernels/winograd.h lie in a batch of images: 4x4 outputs each, image after image,
 * row after row; those at an image's end may reach beyond it. */
#include "core/kernels/cut.h"
#include "core/kernels/winograd.h"

/* One side of a convolution: images, a pixel's channels together. */
struct side {
    size_t h, w, channels;
};

static inline size_t winograd_tiles(size_t size)
{
    return size_divide_up(size, WINOGRAD_OUT);
}

/* A tile's image, and its first output's row and column. */
struct winograd_place {
    size_t image, y, x;
};

static inline struct winograd_place winograd_place(size_t tiles_h, size_t tiles_w, size_t tile)
{
    return (struct winograd_place){tile / tiles_w / tiles_h, tile / tiles_w % tiles_h * WINOGRAD_OUT,
                                   tile % tiles_w * WINOGRAD_OUT};
}

/* size x size pixels of an image from row y and column x on; `zeros` for those outside. Rows and columns
 * before the image are sizes that have wrapped around. */
static inline void winograd_pixels(const struct side *side, size_t image, size_t y, size_t x, size_t size,
                                   const float *from, const float *zeros, const float **pixel)
{
    from += image * side->h * side->w * side->channels;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++)
            pixel[i * size + j] = y + i < side->h && x + j < side->w
                                      ? from + ((y + i) * side->w + x + j) * side->channels
                                      : zeros;
}

/* The inputs that a tile reads, and the outputs that it is. */
static inline void winograd_inputs(const struct side *side, struct winograd_place at, size_t pad_h,
                                   size_t pad_w, const float *from, const float *zeros, const float **pixel)
{
    winograd_pixels(side, at.image, at.y - pad_h, at.x - pad_w, WINOGRAD_IN, from, zeros, pixel);
}

static inline void winograd_outputs(const struct side *side, struct winograd_place at, const float *from,
                                    const float *zeros, const float **pixel)
{
    winograd_pixels(side, at.image, at.y, at.x, WINOGRAD_OUT, from, zeros, pixel);
}

/* Asks for a tile's pixels, which lie in lines of memory that no pattern leads to: `count` of them, `floats`
 * of each. */
static inline void winograd_fetch(const float *const *pixel, size_t count, size_t floats)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < floats; k += LINE_FLOATS)
            __builtin_prefetch(pixel[i] + k);
}
