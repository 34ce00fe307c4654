#include "io/image_file.h"

#include "io/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <png.h>
#include <turbojpeg.h>

enum { FILE_BYTES_MAX = 1 << 30 };

struct content {
    const char *path;
    unsigned char *bytes;
    size_t size;
};

static enum status read_stream(struct content *content, FILE *stream)
{
    struct stat info;
    if (fstat(fileno(stream), &info) || !S_ISREG(info.st_mode))
        return status_set(STATUS_DATA, "%s: not a regular file", content->path);
    if (info.st_size <= 0 || info.st_size > FILE_BYTES_MAX)
        return status_set(STATUS_DATA, "%s: %s", content->path,
                          info.st_size ? "too large for an image file" : "the file is empty");
    content->size = (size_t)info.st_size;
    content->bytes = malloc(content->size);
    if (!content->bytes)
        return status_no_memory(content->path, content->size);
    if (fread(content->bytes, 1, content->size, stream) != content->size)
        return status_set(STATUS_DATA, "%s: cannot be read to its end", content->path);
    return STATUS_OK;
}

static enum status read_content(struct content *content, const char *path)
{
    *content = (struct content){.path = path};
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return status_set(STATUS_DATA, "%s: cannot be read: %s", path, strerror(errno));
    enum status status = read_stream(content, stream);
    fclose(stream);
    return status;
}

static enum status allocate(struct image *image, const char *path, struct shape shape)
{
    if (!dataset_shape_possible(shape))
        return status_set(STATUS_DATA, "%s: an image of %zu x %zu pixels is too large", path, shape.h,
                          shape.w);
    image->shape = shape;
    image->pixels = malloc(shape_count(shape));
    return image->pixels ? STATUS_OK : status_no_memory(path, shape_count(shape));
}

static enum status jpeg_failure(tjhandle decoder, const char *path)
{
    return status_set(STATUS_DATA, "%s: damaged JPEG: %s", path, tjGetErrorStr2(decoder));
}

/* What the decoder only warns of, a truncated file for instance, is a failure here: it would be grey below.
 */
static enum status decode_jpeg(struct image *image, const struct content *file, size_t channels)
{
    int width = 0, height = 0, sampling, space = TJCS_RGB;
    tjhandle decoder = tjInitDecompress();
    if (!decoder)
        return status_set(STATUS_INTERNAL, "%s: no JPEG decoder: %s", file->path, tjGetErrorStr());
    enum status status = STATUS_OK;
    if (tjDecompressHeader3(decoder, file->bytes, file->size, &width, &height, &sampling, &space))
        status = jpeg_failure(decoder, file->path);
    else if (width < 1 || height < 1)
        status = status_set(STATUS_DATA, "%s: damaged JPEG: no size in it", file->path);
    else if (space == TJCS_CMYK || space == TJCS_YCCK)
        status = status_set(STATUS_DATA, "%s: a JPEG in CMYK, for print: convert it to RGB", file->path);
    if (!status && !channels)
        channels = space == TJCS_GRAY ? 1 : 3;
    if (!status)
        status = allocate(image, file->path, (struct shape){(size_t)height, (size_t)width, channels});
    if (!status && tjDecompress2(decoder, file->bytes, file->size, image->pixels, width, 0, height,
                                 channels == 1 ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT))
        status = jpeg_failure(decoder, file->path);
    tjDestroy(decoder);
    return status;
}

/* In place: the grey of a pixel lies before it. */
static void turn_grey(struct image *image)
{
    size_t count = image->shape.h * image->shape.w;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *p = image->pixels + 3 * i;
        image->pixels[i] = (unsigned char)((299u * p[0] + 587u * p[1] + 114u * p[2] + 500u) / 1000u);
    }
    image->shape.c = 1;
}

static enum status decode_png(struct image *image, const struct content *file, size_t channels)
{
    static const png_color white = {255, 255, 255};
    png_image png = {.version = PNG_IMAGE_VERSION};
    enum status status = STATUS_OK;
    if (png_image_begin_read_from_memory(&png, file->bytes, file->size)) {
        bool coloured = png.format & PNG_FORMAT_FLAG_COLOR;
        png.format = coloured || channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
        status = allocate(image, file->path,
                          (struct shape){png.height, png.width, PNG_IMAGE_SAMPLE_CHANNELS(png.format)});
        if (!status)
            png_image_finish_read(&png, &white, image->pixels, 0, NULL);
    }
    if (!status && PNG_IMAGE_FAILED(png))
        status = status_set(STATUS_DATA, "%s: damaged PNG: %s", file->path, png.message);
    if (!status && channels == 1 && image->shape.c == 3)
        turn_grey(image);
    png_image_free(&png);
    return status;
}

enum status image_read(struct image *image, const char *path, size_t channels)
{
    struct content file;
    *image = (struct image){0};
    enum status status = read_content(&file, path);
    if (!status && file.size > 3 && !memcmp(file.bytes, "\xff\xd8\xff", 3))
        status = decode_jpeg(image, &file, channels);
    else if (!status && file.size > 8 && !png_sig_cmp(file.bytes, 0, 8))
        status = decode_png(image, &file, channels);
    else if (!status)
        status = status_set(STATUS_DATA, "%s: neither JPEG nor PNG", path);
    free(file.bytes);
    if (status)
        image_destroy(image);
    return status;
}

void image_destroy(struct image *image)
{
    free(image->pixels);
    *image = (struct image){0};
}
