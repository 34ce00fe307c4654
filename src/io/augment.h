#pragma once
/* Changes to training images that leave their classes alone, each a pure function of (seed, epoch, sample):
 * the same whatever rank or thread makes them, and after a resume. They are made in this order, on what the
 * file holds:
 *
 *   flip      left and right exchanged: at random, or (alternate) for a random half of the samples in even
 *             epochs and for the other half in odd ones (Jordan 2024, arXiv 2404.00498, section 3.6)
 *   shift     padded by `pad` pixels on every side, with black or the mirrored image, and cut back to its
 *             size at a random place (He et al. 2015, section 4.2)
 *   colour    each channel times 1 + u brightness, then its distance from the image's mean grey times
 *             1 + v contrast, u and v uniform in [-1, 1]; bytes are cut to their range (torchvision's
 *             ColorJitter)
 *   cutout    a square of `cutout` pixels around a random pixel becomes 0, which after normalisation is
 *             the mean (DeVries and Taylor 2017, arXiv 1708.04552) */
#include "io/dataset.h"

enum augment_flip { AUGMENT_FLIP_NO, AUGMENT_FLIP_RANDOM, AUGMENT_FLIP_ALTERNATE };
enum augment_padding { AUGMENT_PAD_ZERO, AUGMENT_PAD_REFLECT };

struct augment { /* all zero: nothing is changed */
    enum augment_flip flip;
    size_t pad;
    enum augment_padding padding;
    size_t cutout;
    double brightness, contrast; /* 0 to 1 */
    uint64_t seed;
};

bool augment_changes(const struct augment *augment);

/* STATUS_USAGE where a change is larger than the image, naming the key. */
enum status augment_check(const struct augment *augment, struct shape shape);

/* As dataset_gather gives x: (n, h, w, c) from the samples indices[0..n-1], changed as in `epoch` and
 * normalised. `augment` has passed augment_check. On the calling thread alone. */
void augment_gather(const struct augment *augment, uint64_t epoch, const struct dataset_split *split,
                    const struct normalization *normalization, const size_t *indices, size_t n, float *x);

/* The same where the image of sample indices[i] is number places[i] of split->images. */
void augment_gather_placed(const struct augment *augment, uint64_t epoch, const struct dataset_split *split,
                           const struct normalization *normalization, const size_t *indices,
                           const size_t *places, size_t n, float *x);

/* One image as it is seen from a little aside: mirrored, and moved by dy rows and dx columns (content down
 * and right where positive), the mirrored image moving in at the border; |dy| < h, |dx| < w. x, y: (h, w, c).
 */
void augment_view(const float *x, struct shape shape, bool mirrored, int dy, int dx, float *y);
