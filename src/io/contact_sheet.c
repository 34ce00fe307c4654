#include "io/contact_sheet.h"

#include "io/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

enum { GAP = 4, PAPER = 245, CELL_MIN = 64, CELL_MAX = 256, PLAIN_ROWS = 10 };
enum { TEXT_WIDTH_MIN = 16, TEXT_WIDTH_MAX = 32, TEXT_GAP = 2 };

enum status contact_sheet_pick(struct contact_sheet *sheet, const struct dataset_split *split, size_t columns)
{
    size_t rows = split->classes ? split->outputs : (split->count + columns - 1) / columns;
    size_t limit = split->classes ? CONTACT_SHEET_ROWS_MAX : PLAIN_ROWS;
    rows = rows < limit ? rows : limit;
    *sheet = (struct contact_sheet){rows, columns, malloc(rows * columns * sizeof *sheet->indices)};
    size_t *used = calloc(rows, sizeof *used);
    if (!sheet->indices || !used) {
        free(used);
        contact_sheet_destroy(sheet);
        return status_no_memory("the contact sheet", rows * columns * sizeof *sheet->indices);
    }
    for (size_t i = 0; i < rows * columns; i++)
        sheet->indices[i] = CONTACT_SHEET_EMPTY;
    for (size_t i = 0; i < split->count; i++) {
        size_t row = split->classes ? (size_t)split->classes[i] : i / columns;
        if (row < rows && used[row] < columns)
            sheet->indices[row * columns + used[row]++] = i;
    }
    free(used);
    return STATUS_OK;
}

void contact_sheet_destroy(struct contact_sheet *sheet)
{
    free(sheet->indices);
    *sheet = (struct contact_sheet){0};
}

/* How values become brightness: (value - low) * scale, 0 to 255. */
struct look {
    const struct dataset_split *split;
    float low, scale;
    size_t w, h; /* of a shown image */
};

static float value_at(const struct dataset_split *split, size_t at)
{
    return split->is_float ? ((const float *)split->images)[at] : ((const unsigned char *)split->images)[at];
}

static struct look look_at(const struct contact_sheet *sheet, const struct dataset_split *split, size_t w,
                           size_t h)
{
    struct look look = {split, 0, 1, w, h};
    size_t item = shape_count(split->shape);
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; split->is_float && i < sheet->rows * sheet->columns; i++)
        for (size_t j = 0; sheet->indices[i] != CONTACT_SHEET_EMPTY && j < item; j++) {
            low = fminf(low, value_at(split, sheet->indices[i] * item + j));
            high = fmaxf(high, value_at(split, sheet->indices[i] * item + j));
        }
    if (split->is_float) {
        look.low = low;
        look.scale = high > low ? 255 / (high - low) : 0;
    }
    return look;
}

/* The mean colour of the part of the sample that is behind pixel (x, y) of a shown image. */
static void shown_pixel(const struct look *look, size_t index, size_t x, size_t y, unsigned char rgb[3])
{
    const struct shape s = look->split->shape;
    size_t top = y * s.h / look->h, bottom = (y + 1) * s.h / look->h;
    size_t left = x * s.w / look->w, right = (x + 1) * s.w / look->w;
    bottom = bottom > top ? bottom : top + 1;
    right = right > left ? right : left + 1;
    for (size_t c = 0; c < 3; c++) {
        float sum = 0;
        for (size_t i = top; i < bottom; i++)
            for (size_t j = left; j < right; j++)
                sum +=
                    value_at(look->split, index * shape_count(s) + (i * s.w + j) * s.c + (s.c >= 3 ? c : 0));
        float mean = sum / (float)((bottom - top) * (right - left));
        rgb[c] = (unsigned char)lroundf(fminf(fmaxf((mean - look->low) * look->scale, 0), 255));
    }
}

/* Width and height scaled alike, so that the longer side lies between the limits: enlarged by whole factors
 * only. */
static void shown_size(struct shape shape, size_t min, size_t max, size_t *w, size_t *h)
{
    size_t longer = shape.w > shape.h ? shape.w : shape.h, factor = (min + longer - 1) / longer;
    size_t divisor = longer > max ? longer : 1, times = longer > max ? max : factor;
    *w = shape.w * times / divisor > 0 ? shape.w * times / divisor : 1;
    *h = shape.h * times / divisor > 0 ? shape.h * times / divisor : 1;
}

static void paint(const struct look *look, size_t index, unsigned char *corner, size_t stride)
{
    for (size_t y = 0; y < look->h; y++)
        for (size_t x = 0; x < look->w; x++)
            shown_pixel(look, index, x, y, corner + y * stride + 3 * x);
}

static enum status write_png(const char *path, const unsigned char *pixels, size_t width, size_t height)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    void *bytes = malloc(size);
    if (!bytes)
        return status_no_memory("the PNG file", size);
    enum status status = png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL)
                             ? file_put(path, bytes, size, STATUS_DATA)
                             : status_set(STATUS_DATA, "%s: cannot be made: %s", path, image.message);
    free(bytes);
    return status;
}

enum status contact_sheet_png(const struct contact_sheet *sheet, const struct dataset_split *split,
                              const char *path)
{
    size_t w, h;
    shown_size(split->shape, CELL_MIN, CELL_MAX, &w, &h);
    size_t width = GAP + sheet->columns * (w + GAP), height = GAP + sheet->rows * (h + GAP),
           stride = 3 * width;
    unsigned char *pixels = malloc(stride * height);
    if (!pixels)
        return status_no_memory("the contact sheet", stride * height);
    memset(pixels, PAPER, stride * height);
    struct look look = look_at(sheet, split, w, h);
    for (size_t i = 0; i < sheet->rows * sheet->columns; i++) {
        size_t y = GAP + i / sheet->columns * (h + GAP), x = GAP + i % sheet->columns * (w + GAP);
        if (sheet->indices[i] != CONTACT_SHEET_EMPTY)
            paint(&look, sheet->indices[i], pixels + y * stride + 3 * x, stride);
    }
    enum status status = write_png(path, pixels, width, height);
    free(pixels);
    return status;
}

/* Of the 256 colours: the grey ramp 232 to 255, or the 6x6x6 cube from 16. */
static unsigned palette_colour(const unsigned char rgb[3])
{
    if (rgb[0] == rgb[1] && rgb[1] == rgb[2])
        return 232 + rgb[0] * 23u / 255;
    return 16 + 36 * ((rgb[0] * 5u + 127) / 255) + 6 * ((rgb[1] * 5u + 127) / 255) +
           (rgb[2] * 5u + 127) / 255;
}

/* Two pixels, one above the other, as one character. */
static void print_pair(const unsigned char a[3], const unsigned char b[3], enum contact_sheet_blocks blocks,
                       FILE *out)
{
    static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
    static const char signs[] = " .:-=+*#%@";
    unsigned light = (a[0] + b[0] + 2u * (a[1] + b[1]) + a[2] + b[2]) / 8;
    if (blocks == CONTACT_SHEET_TRUECOLOR)
        fprintf(out, "\033[38;2;%d;%d;%d;48;2;%d;%d;%dm▀", a[0], a[1], a[2], b[0], b[1], b[2]);
    else if (blocks == CONTACT_SHEET_PALETTE)
        fprintf(out, "\033[38;5;%u;48;5;%um▀", palette_colour(a), palette_colour(b));
    else if (blocks == CONTACT_SHEET_SHADES)
        fputs(shades[light * 5 / 256], out);
    else
        fputc(signs[light * 10 / 256], out);
}

static void print_line(const struct look *look, const size_t *indices, size_t count, size_t y,
                       enum contact_sheet_blocks blocks, FILE *out)
{
    bool coloured = blocks >= CONTACT_SHEET_PALETTE;
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%*s", TEXT_GAP, "");
        for (size_t x = 0; x < look->w; x++) {
            unsigned char upper[3], lower[3] = {0, 0, 0};
            shown_pixel(look, indices[i], x, y, upper);
            if (y + 1 < look->h)
                shown_pixel(look, indices[i], x, y + 1, lower);
            print_pair(upper, lower, blocks, out);
        }
        fputs(coloured ? "\033[0m" : "", out);
    }
    fputc('\n', out);
}

/* Each sample's class above it, cut to the image's width. */
static void print_names(const struct look *look, const size_t *indices, size_t count, FILE *out)
{
    const struct dataset_split *split = look->split;
    for (size_t i = 0; i < count; i++) {
        size_t k = (size_t)split->classes[indices[i]], width = 0;
        const char *name = split->class_names[k];
        fprintf(out, "%*s", TEXT_GAP, "");
        for (; *name && (width < look->w || (*name & 0xC0) == 0x80); name++) {
            width += (*name & 0xC0) != 0x80; /* characters of UTF-8, not bytes */
            fputc(*name, out);
        }
        fprintf(out, "%*s", (int)(look->w - width), "");
    }
    fputc('\n', out);
}

void contact_sheet_print(const struct contact_sheet *sheet, const struct dataset_split *split,
                         enum contact_sheet_blocks blocks, size_t width, FILE *out)
{
    size_t w, h, *first = malloc(sheet->rows * sizeof *first), count = 0;
    for (size_t row = 0; first && row < sheet->rows; row++)
        if (sheet->indices[row * sheet->columns] != CONTACT_SHEET_EMPTY)
            first[count++] = sheet->indices[row * sheet->columns];
    shown_size(split->shape, TEXT_WIDTH_MIN, TEXT_WIDTH_MAX, &w, &h);
    struct look look = look_at(sheet, split, w, h);
    size_t fit = width / (w + TEXT_GAP) > 0 ? width / (w + TEXT_GAP) : 1;
    for (size_t from = 0; from < count; from += fit) {
        size_t shown = count - from < fit ? count - from : fit;
        if (split->classes && split->class_names)
            print_names(&look, first + from, shown, out);
        for (size_t y = 0; y < h; y += 2)
            print_line(&look, first + from, shown, y, blocks, out);
        fputc('\n', out);
    }
    free(first);
}
