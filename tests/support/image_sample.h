#pragma once
/* Image files for tests, written with libpng and libjpeg-turbo. Failing to write fails the running test. */
#include "core/shape.h"

/* shape.c: 1 grey, 2 grey and opacity, 3 colour, 4 colour and opacity. */
void image_sample_png(const char *path, struct shape shape, const unsigned char *pixels);

/* shape.c: 1 grey, 3 colour; at the best quality. */
void image_sample_jpeg(const char *path, struct shape shape, const unsigned char *pixels);

/* A JPEG in CMYK, of one colour. */
void image_sample_cmyk(const char *path, size_t side);
