#include "io/augment.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

/* Numbers drawn for one sample. */
enum draw { DRAW_FLIP, DRAW_DOWN, DRAW_ACROSS, DRAW_BRIGHT, DRAW_CONTRAST, DRAW_HOLE_DOWN, DRAW_HOLE_ACROSS };

/* What is done to one image: output row y shows input row y + down, and so on. */
struct change {
    bool mirrored;
    ptrdiff_t down, across;
    bool reflect;
    double bright, contrast; /* factors */
};

bool augment_changes(const struct augment *a)
{
    return a->flip || a->pad || a->cutout || a->brightness > 0 || a->contrast > 0;
}

enum status augment_check(const struct augment *a, struct shape shape)
{
    size_t least = shape.h < shape.w ? shape.h : shape.w;
    if (a->pad >= least && a->pad)
        return status_set(STATUS_USAGE, "augment.pad = %zu: images are %zux%zu, and it must be less", a->pad,
                          shape.h, shape.w);
    if (a->cutout > least)
        return status_set(STATUS_USAGE, "augment.cutout = %zu: images are %zux%zu", a->cutout, shape.h,
                          shape.w);
    return STATUS_OK;
}

/* A sample's stream hangs on the epoch but for what alternates. */
static struct random_stream stream_of(const struct augment *a, uint64_t epoch, size_t sample)
{
    return random_stream(a->seed, RANDOM_AUGMENT, (uint32_t)(sample >> 32), (uint32_t)sample,
                         (uint32_t)epoch);
}

static bool draw_flip(const struct augment *a, uint64_t epoch, size_t sample)
{
    struct random_stream stream = stream_of(a, a->flip == AUGMENT_FLIP_ALTERNATE ? 0 : epoch, sample);
    bool heads = random_uniform(&stream, DRAW_FLIP) < 0.5f;
    return a->flip && (a->flip == AUGMENT_FLIP_ALTERNATE && epoch % 2 ? !heads : heads);
}

/* Uniform in -reach .. reach. */
static ptrdiff_t draw_offset(const struct random_stream *stream, enum draw which, size_t reach)
{
    return (ptrdiff_t)(random_uniform(stream, which) * (float)(2 * reach + 1)) - (ptrdiff_t)reach;
}

static struct change draw_change(const struct augment *a, uint64_t epoch, size_t sample)
{
    struct random_stream stream = stream_of(a, epoch, sample);
    return (struct change){
        .mirrored = draw_flip(a, epoch, sample),
        .down = draw_offset(&stream, DRAW_DOWN, a->pad),
        .across = draw_offset(&stream, DRAW_ACROSS, a->pad),
        .reflect = a->padding == AUGMENT_PAD_REFLECT,
        .bright = 1 + a->brightness * (2 * (double)random_uniform(&stream, DRAW_BRIGHT) - 1),
        .contrast = 1 + a->contrast * (2 * (double)random_uniform(&stream, DRAW_CONTRAST) - 1),
    };
}

/* The place on an axis of `size` that shows at `at`; -1: none, the padding does. Mirrored without repeating
 * the edge, as numpy's and PyTorch's "reflect". */
static ptrdiff_t source(ptrdiff_t at, size_t size, bool reflect)
{
    ptrdiff_t last = (ptrdiff_t)size - 1;
    if (at >= 0 && at <= last)
        return at;
    if (!reflect)
        return -1;
    return at < 0 ? -at : 2 * last - at;
}

/* The mean grey of an image, as contrast turns around it: ITU-R BT.601 of three channels, their mean of
 * others. In units of the file. */
static double mean_grey(const struct dataset_split *split, size_t place)
{
    static const double luma[3] = {0.299, 0.587, 0.114};
    size_t c = split->shape.c, count = shape_count(split->shape), start = place * count;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double value = split->is_float ? (double)((const float *)split->images)[start + i]
                                       : (double)((const unsigned char *)split->images)[start + i];
        sum += value * (c == 3 ? luma[i % 3] : 1.0 / (double)c);
    }
    return sum / (double)(split->shape.h * split->shape.w);
}

/* How a number of the file becomes one that the network sees: cut to low .. high after its colour has
 * changed, then normalised. */
struct look {
    const struct normalization *normalization;
    bool bytes, plain; /* plain: floats that come without mean and std */
    double scale, shift;
};

static float seen(const struct look *look, double value, size_t c)
{
    const struct normalization *n = look->normalization;
    double v = value * look->scale + look->shift;
    if (look->bytes)
        v = (v < 0 ? 0 : v > 255 ? 255 : v) / 255.0;
    return (float)(look->plain ? v : (v - (double)n->mean[c]) / (double)n->std[c]);
}

/* The same for every byte there is, where there are few channels. */
enum { TABLE_CHANNELS_MAX = 4 };
typedef float byte_table[TABLE_CHANNELS_MAX][256];

static void fill_table(const struct look *look, size_t channels, byte_table table)
{
    for (size_t c = 0; c < channels; c++)
        for (unsigned value = 0; value < 256; value++)
            table[c][value] = seen(look, value, c);
}

/* One pixel of `from`, an offset in numbers. */
static void show_pixel(const struct dataset_split *split, const struct look *look, byte_table table,
                       size_t from, float *to)
{
    const float *floats = split->images;
    const unsigned char *bytes = split->images;
    size_t channels = split->shape.c;
    for (size_t c = 0; c < channels; c++)
        to[c] = split->is_float                  ? seen(look, (double)floats[from + c], c)
                : channels <= TABLE_CHANNELS_MAX ? table[c][bytes[from + c]]
                                                 : seen(look, bytes[from + c], c);
}

static void show_image(const struct dataset_split *split, size_t place, const struct change *change,
                       const struct look *look, byte_table table, float *x)
{
    size_t h = split->shape.h, w = split->shape.w, channels = split->shape.c,
           start = place * h * w * channels;
    for (size_t row = 0; row < h; row++) {
        ptrdiff_t y = source((ptrdiff_t)row + change->down, h, change->reflect);
        for (size_t column = 0; column < w; column++, x += channels) {
            ptrdiff_t at = source((ptrdiff_t)column + change->across, w, change->reflect);
            size_t across = (size_t)(change->mirrored ? (ptrdiff_t)w - 1 - at : at);
            if (y >= 0 && at >= 0)
                show_pixel(split, look, table, start + ((size_t)y * w + across) * channels, x);
            else
                for (size_t c = 0; c < channels; c++)
                    x[c] = seen(look, 0, c);
        }
    }
}

static void cut_out(const struct augment *a, uint64_t epoch, size_t sample, struct shape shape, float *x)
{
    struct random_stream stream = stream_of(a, epoch, sample);
    size_t row = (size_t)(random_uniform(&stream, DRAW_HOLE_DOWN) * (float)shape.h);
    size_t column = (size_t)(random_uniform(&stream, DRAW_HOLE_ACROSS) * (float)shape.w),
           half = a->cutout / 2;
    size_t top = row > half ? row - half : 0, left = column > half ? column - half : 0;
    size_t bottom = row + a->cutout - half, right = column + a->cutout - half;
    bottom = bottom < shape.h ? bottom : shape.h;
    right = right < shape.w ? right : shape.w;
    for (size_t y = top; y < bottom; y++)
        memset(x + (y * shape.w + left) * shape.c, 0, (right - left) * shape.c * sizeof *x);
}

void augment_gather(const struct augment *a, uint64_t epoch, const struct dataset_split *split,
                    const struct normalization *normalization, const size_t *indices, size_t n, float *x)
{
    augment_gather_placed(a, epoch, split, normalization, indices, indices, n, x);
}

void augment_gather_placed(const struct augment *a, uint64_t epoch, const struct dataset_split *split,
                           const struct normalization *normalization, const size_t *indices,
                           const size_t *places, size_t n, float *x)
{
    size_t item = shape_count(split->shape);
    bool coloured = a->brightness > 0 || a->contrast > 0, tabled = split->shape.c <= TABLE_CHANNELS_MAX;
    const struct look plain = {normalization, !split->is_float, split->is_float && !normalization->present, 1,
                               0};
    byte_table common;
    if (tabled)
        fill_table(&plain, split->shape.c, common);
    for (size_t i = 0; i < n; i++) {
        struct change change = draw_change(a, epoch, indices[i]);
        struct look look = plain;
        byte_table own;
        if (coloured) { /* ((value * bright) - mean) * contrast + mean, mean that of the brightened image */
            look.scale = change.bright * change.contrast;
            look.shift = (1 - change.contrast) * change.bright * mean_grey(split, places[i]);
            if (tabled)
                fill_table(&look, split->shape.c, own);
        }
        show_image(split, places[i], &change, &look, coloured ? own : common, x + i * item);
        if (a->cutout)
            cut_out(a, epoch, indices[i], split->shape, x + i * item);
    }
}

void augment_view(const float *x, struct shape shape, bool mirrored, int dy, int dx, float *y)
{
    for (size_t row = 0; row < shape.h; row++) {
        ptrdiff_t from = source((ptrdiff_t)row - dy, shape.h, true);
        for (size_t column = 0; column < shape.w; column++, y += shape.c) {
            ptrdiff_t at = source((ptrdiff_t)column - dx, shape.w, true);
            size_t across = (size_t)(mirrored ? (ptrdiff_t)shape.w - 1 - at : at);
            memcpy(y, x + ((size_t)from * shape.w + across) * shape.c, shape.c * sizeof *y);
        }
    }
}
