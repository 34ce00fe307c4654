#pragma once
/* Pixels of images, or of parts of them, and how many floats it is from one to the next. */
#include "core/kernels/bf16.h"

struct pixels {
    size_t images, rows, columns;
    size_t image_step, row_step, column_step;
};

/* Slots of two pixels each, in their order, zeros for what an odd last one lacks: line i of `to`, which are
 * `to_step` floats apart, has `channels` slots of pixels 2i and 2i + 1. from: the first pixel. */
void pixels_pair(const struct bf16 *bf16, const struct pixels *p, const float *from, size_t channels,
                 float *to, size_t to_step);
