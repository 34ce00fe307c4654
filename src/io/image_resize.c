#include "io/image_resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Which part of an axis of `from` pixels becomes `to` pixels: `length` pixels from `start` on. */
struct span {
    size_t from, to;
    double start, length;
};

/* Output pixel i is the sum of weights[i * width ..] times the input's pixels first[i] .. */
struct filter {
    size_t width, *first;
    float *weights;
};

static enum status filter_create(struct filter *filter, struct span span)
{
    double scale = span.length / (double)span.to, support = scale > 1 ? scale : 1;
    filter->width = (size_t)ceil(2 * support) + 1;
    filter->width = filter->width < span.from ? filter->width : span.from;
    filter->first = malloc(span.to * sizeof *filter->first);
    filter->weights = malloc(span.to * filter->width * sizeof *filter->weights);
    if (!filter->first || !filter->weights)
        return status_no_memory("resizing", span.to * filter->width * sizeof *filter->weights);
    for (size_t i = 0; i < span.to; i++) {
        double centre = span.start + ((double)i + 0.5) * scale, sum = 0;
        double low = fmin(fmax(floor(centre - support + 0.5), 0), (double)(span.from - filter->width));
        float *weights = filter->weights + i * filter->width;
        filter->first[i] = (size_t)low;
        for (size_t j = 0; j < filter->width; j++) {
            double weight = fmax(1 - fabs((low + (double)j + 0.5 - centre) / support), 0);
            weights[j] = (float)weight;
            sum += weight;
        }
        for (size_t j = 0; j < filter->width; j++)
            weights[j] = (float)(weights[j] / sum);
    }
    return STATUS_OK;
}

static void filter_destroy(struct filter *filter)
{
    free(filter->first);
    free(filter->weights);
}

/* Rows of `from` to rows of w pixels: (h, w, c). */
static void filter_rows(const struct filter *filter, const struct image *from, size_t w, float *rows)
{
    size_t c = from->shape.c;
    for (size_t y = 0; y < from->shape.h; y++)
        for (size_t x = 0; x < w; x++) {
            const unsigned char *p = from->pixels + (y * from->shape.w + filter->first[x]) * c;
            const float *weights = filter->weights + x * filter->width;
            for (size_t k = 0; k < c; k++) {
                float sum = 0;
                for (size_t j = 0; j < filter->width; j++)
                    sum += weights[j] * (float)p[j * c + k];
                rows[(y * w + x) * c + k] = sum;
            }
        }
}

/* h rows of `count` numbers from those. */
static void filter_columns(const struct filter *filter, const float *rows, size_t h, size_t count,
                           unsigned char *to)
{
    for (size_t y = 0; y < h; y++)
        for (size_t i = 0; i < count; i++) {
            float sum = 0;
            for (size_t j = 0; j < filter->width; j++)
                sum += filter->weights[y * filter->width + j] * rows[(filter->first[y] + j) * count + i];
            to[y * count + i] = (unsigned char)lrintf(fminf(fmaxf(sum, 0), 255));
        }
}

static enum status resample(const struct image *from, struct span down, struct span across, unsigned char *to)
{
    size_t count = across.to * from->shape.c;
    struct filter horizontal = {0}, vertical = {0};
    float *rows = malloc(from->shape.h * count * sizeof *rows);
    enum status status =
        rows ? STATUS_OK : status_no_memory("resizing", from->shape.h * count * sizeof *rows);
    if (!status)
        status = filter_create(&horizontal, across);
    if (!status)
        status = filter_create(&vertical, down);
    if (!status) {
        filter_rows(&horizontal, from, across.to, rows);
        filter_columns(&vertical, rows, down.to, count, to);
    }
    filter_destroy(&horizontal);
    filter_destroy(&vertical);
    free(rows);
    return status;
}

enum status image_resize(const struct image *from, size_t h, size_t w, enum image_fit fit, unsigned char *to)
{
    struct shape shape = from->shape;
    if (shape.h == h && shape.w == w) {
        memcpy(to, from->pixels, shape_count(shape));
        return STATUS_OK;
    }
    struct span down = {shape.h, h, 0, (double)shape.h}, across = {shape.w, w, 0, (double)shape.w};
    double scale = fmin(down.length / (double)h, across.length / (double)w);
    if (fit == IMAGE_CROP) {
        down.length = scale * (double)h;
        across.length = scale * (double)w;
        down.start = ((double)shape.h - down.length) / 2;
        across.start = ((double)shape.w - across.length) / 2;
    }
    return resample(from, down, across, to);
}
