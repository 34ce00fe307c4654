#pragma once
/* Test-time augmentation: an evaluation looks at each image from a little aside too, and takes the weighted
 * mean of what the network makes of these views.
 *
 *   flip          1/2 the image and 1/2 its mirror image
 *   flip,shift    half of that, and a quarter each of the same moved by one pixel up and left, and down and
 *                 right, the mirrored image moving in at the border (Jordan 2024, arXiv 2404.00498,
 * section 3.5)
 *
 * The mean is that of what the last layer is fed with (logits; of linear: the values), as in the paper, and
 * the last layer works on it: so the loss stays what the last layer's type says, and one view that is very
 * sure does not drown in a mean of probabilities. */
#include "core/shape.h"
#include "core/status.h"

#include <stdbool.h>

enum tta { TTA_NONE, TTA_FLIP, TTA_FLIP_SHIFT }; /* as evaluate.tta's choices */

/* As augment_view's arguments: mirrored, then moved. */
struct tta_view {
    bool mirrored;
    int dy, dx;
    float weight; /* they add up to 1 */
};

/* The views, the first of them the image as it is; TTA_NONE: that alone. */
const struct tta_view *tta_views(enum tta tta, size_t *count);

/* STATUS_USAGE where images are too small to be moved. */
enum status tta_check(enum tta tta, struct shape shape);

/* One view of n images: x, y (n, h, w, c). */
void tta_show(const struct tta_view *view, const float *x, size_t n, struct shape shape, float *y,
              int threads);
