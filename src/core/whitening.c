#include "core/whitening.h"

#include "core/eigen.h"

#include <math.h>
#include <stdlib.h>

enum status whitening_create(struct whitening *w, struct shape image, struct pair kernel)
{
    size_t size = kernel.h * kernel.w * image.c, bytes = size * size * sizeof(double);
    *w = (struct whitening){.image = image, .kernel = kernel, .size = size};
    w->sums = calloc(size * size, sizeof *w->sums);
    w->scratch = malloc(bytes);
    w->vectors = malloc(bytes);
    w->values = malloc(size * sizeof *w->values);
    w->offsets = malloc(size * sizeof *w->offsets);
    if (!w->sums || !w->scratch || !w->vectors || !w->values || !w->offsets) {
        whitening_destroy(w);
        return status_no_memory("the second moments of patches", 3 * bytes);
    }
    for (size_t i = 0; i < size; i++)
        w->offsets[i] = i / (kernel.w * image.c) * image.w * image.c + i % (kernel.w * image.c);
    return STATUS_OK;
}

void whitening_destroy(struct whitening *w)
{
    free(w->sums);
    free(w->scratch);
    free(w->vectors);
    free(w->values);
    free(w->offsets);
    *w = (struct whitening){0};
}

static size_t image_patches(const struct whitening *w)
{
    return (w->image.h - w->kernel.h + 1) * (w->image.w - w->kernel.w + 1);
}

size_t whitening_images(const struct whitening *w, size_t count)
{
    size_t most = (WHITENING_PATCHES + image_patches(w) - 1) / image_patches(w);
    most = most < WHITENING_IMAGES ? most : WHITENING_IMAGES;
    return count < most ? count : most;
}

/* Number i of every patch of an image, times the numbers 0 .. i. */
static void add_products(const struct whitening *w, const float *image, size_t i, double *sums)
{
    for (size_t y = 0; y + w->kernel.h <= w->image.h; y++)
        for (size_t x = 0; x + w->kernel.w <= w->image.w; x++) {
            const float *patch = image + (y * w->image.w + x) * w->image.c;
            double number = (double)patch[w->offsets[i]];
            for (size_t j = 0; j <= i; j++)
                sums[j] += number * (double)patch[w->offsets[j]];
        }
}

void whitening_add(struct whitening *w, const float *x, size_t n, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < w->size; i++)
        for (size_t image = 0; image < n; image++)
            add_products(w, x + image * shape_count(w->image), i, w->sums + i * w->size);
    w->patches += n * image_patches(w);
}

void whitening_filters(struct whitening *w, double eps, float *weights)
{
    size_t size = w->size, c = w->image.c, taps = w->kernel.h * w->kernel.w;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j <= i; j++)
            w->scratch[i * size + j] = w->scratch[j * size + i] = w->sums[i * size + j] / (double)w->patches;
    eigen_symmetric(size, w->scratch, w->values, w->vectors);
    for (size_t f = 0; f < size; f++) {
        double scale = 1 / sqrt(fmax(w->values[f], 0) + eps);
        for (size_t i = 0; i < size; i++) {
            size_t to = f * size + i % c * taps + i / c;
            weights[to] = (float)(scale * w->vectors[f * size + i]);
            weights[to + size * size] = -weights[to];
        }
    }
}
