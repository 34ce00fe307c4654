#include "support/image_sample.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <png.h>
#include <turbojpeg.h>

void image_sample_png(const char *path, struct shape shape, const unsigned char *pixels)
{
    static const png_uint_32 formats[] = {0, PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)shape.w,
                     .height = (png_uint_32)shape.h,
                     .format = formats[shape.c]};
    assert_true(png_image_write_to_file(&png, path, 0, pixels, 0, NULL));
}

static void write_jpeg(const char *path, size_t h, size_t w, int format, int sampling,
                       const unsigned char *pixels)
{
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    tjhandle encoder = tjInitCompress();
    assert_non_null(encoder);
    assert_int_equal(tjCompress2(encoder, pixels, (int)w, 0, (int)h, format, &bytes, &size, sampling, 100, 0),
                     0);
    scratch_write(path, bytes, size);
    tjFree(bytes);
    tjDestroy(encoder);
}

void image_sample_jpeg(const char *path, struct shape shape, const unsigned char *pixels)
{
    bool grey = shape.c == 1;
    write_jpeg(path, shape.h, shape.w, grey ? TJPF_GRAY : TJPF_RGB, grey ? TJSAMP_GRAY : TJSAMP_444, pixels);
}

void image_sample_cmyk(const char *path, size_t side)
{
    unsigned char *pixels = calloc(side * side, 4);
    assert_non_null(pixels);
    write_jpeg(path, side, side, TJPF_CMYK, TJSAMP_444, pixels);
    free(pixels);
}
