#pragma once
/* Filters that whiten what a first convolution sees (Jordan 2024, arXiv 2404.00498, section 3.2, after Page
 * 2018): patches of the images are projected onto the eigenvectors of their second moments, scaled such that
 * every filter answers with variance 1 (less where eps is not small), and onto their negatives, which a relu
 * or gelu behind it would lose. Second moments, not covariances: images are taken to be normalised. */
#include "core/option.h"

#include <stdint.h>

enum {
    WHITENING_SIZE_MAX = 512,    /* numbers of a patch */
    WHITENING_IMAGES = 5000,     /* the first so many are enough, */
    WHITENING_PATCHES = 1 << 24, /* or as few as have so many patches */
};

struct whitening {
    struct shape image;
    struct pair kernel;
    size_t size; /* numbers of a patch */
    uint64_t patches;
    double *sums, *scratch;   /* (size, size): products of patches, below the diagonal and on it; owned */
    double *values, *vectors; /* (size), (size, size): of the eigenvectors; owned */
    size_t *offsets;          /* (size), owned: of a patch's numbers in the image, in the order (kh, kw, c) */
};

/* For windows `kernel` within images of that shape. whitening_destroy frees; it may be called on a zeroed
 * one. */
enum status whitening_create(struct whitening *whitening, struct shape image, struct pair kernel);
void whitening_destroy(struct whitening *whitening);

/* How many of `count` images are wanted. */
size_t whitening_images(const struct whitening *whitening, size_t count);

/* Takes the patches of n images in: x (n, h, w, c). The same bits for any number of threads. */
void whitening_add(struct whitening *whitening, const float *x, size_t n, int threads);

/* weights (2 size, c, kh, kw): the eigenvectors, that of the largest eigenvalue first, each divided by
 * sqrt(its eigenvalue + eps), then the same negative. Once, after some image. */
void whitening_filters(struct whitening *whitening, double eps, float *weights);
