#include "io/image_file.h"

#include "support/image_sample.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { H = 9, W = 14 };

/* Smooth, so that JPEG keeps it nearly as it is: red to the right, green downwards, blue against both. */
static void fill(unsigned char *pixels, size_t channels)
{
    for (size_t y = 0; y < H; y++)
        for (size_t x = 0; x < W; x++)
            for (size_t c = 0; c < channels; c++)
                pixels[(y * W + x) * channels + c] = (unsigned char)(c == 0   ? 40 + 12 * x
                                                                     : c == 1 ? 20 + 20 * y
                                                                              : 230 - 9 * x - 5 * y);
}

static void assert_near(const unsigned char *got, const unsigned char *truth, size_t count, int tolerance)
{
    for (size_t i = 0; i < count; i++)
        assert_in_range(got[i] + 256, truth[i] + 256 - tolerance, truth[i] + 256 + tolerance);
}

/* Each kind of file as it is, as grey and as colour. */
static void check(const char *path, const unsigned char *pixels, size_t channels, int tolerance)
{
    for (size_t wanted = 0; wanted <= 3; wanted += wanted ? 2 : 1) {
        struct image image;
        unsigned char truth[H * W * 3];
        size_t c = wanted ? wanted : channels;
        for (size_t i = 0; i < H * W; i++) {
            const unsigned char *p = pixels + i * channels;
            double grey = channels == 1 ? p[0] : 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
            for (size_t k = 0; k < c; k++)
                truth[i * c + k] = c == 1 ? (unsigned char)(grey + 0.5) : p[channels == 1 ? 0 : k];
        }
        assert_done(image_read(&image, path, wanted));
        assert_true(shape_equal(image.shape, (struct shape){H, W, c}));
        assert_near(image.pixels, truth, H * W * c, tolerance);
        image_destroy(&image);
    }
}

static void test_png(void **state)
{
    (void)state;
    unsigned char pixels[H * W * 3];
    for (size_t channels = 1; channels <= 3; channels += 2) {
        fill(pixels, channels);
        image_sample_png(scratch_path("image.png"), (struct shape){H, W, channels}, pixels);
        check(scratch_path("image.png"), pixels, channels, channels == 3 ? 1 : 0);
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    unsigned char pixels[H * W * 3];
    for (size_t channels = 1; channels <= 3; channels += 2) {
        fill(pixels, channels);
        /* the name does not say what it is */
        image_sample_jpeg(scratch_path("image.png"), (struct shape){H, W, channels}, pixels);
        check(scratch_path("image.png"), pixels, channels, 4);
    }
}

static void test_transparent_is_white(void **state)
{
    (void)state;
    static const unsigned char pixels[] = {10, 20, 30, 0, 40, 50, 60, 255};
    static const unsigned char truth[] = {255, 255, 255, 40, 50, 60};
    struct image image;
    image_sample_png(scratch_path("image.png"), (struct shape){1, 2, 4}, pixels);
    assert_done(image_read(&image, scratch_path("image.png"), 0));
    assert_memory_equal(image.pixels, truth, sizeof truth);
    image_destroy(&image);
}

static void expect(const char *path, const char *what)
{
    struct image image;
    assert_failure(image_read(&image, path, 0), STATUS_DATA, path, what, NULL);
    assert_null(image.pixels);
}

/* Cut anywhere in its pixels, a file is no image; behind them a PNG has 12 bytes, a JPEG 2. */
static void test_truncated(void **state)
{
    (void)state;
    unsigned char pixels[H * W * 3];
    fill(pixels, 3);
    for (int jpeg = 0; jpeg < 2; jpeg++) {
        char *path = strdup(scratch_path("cut"));
        (jpeg ? image_sample_jpeg : image_sample_png)(path, (struct shape){H, W, 3}, pixels);
        size_t size;
        free(scratch_read(path, &size));
        for (size_t length = size - (jpeg ? 3 : 13); length > 8; length -= length > 40 ? 17 : 1) {
            assert_int_equal(truncate(path, (off_t)length), 0);
            expect(path, jpeg ? "damaged JPEG" : "damaged PNG");
        }
        free(path);
    }
}

static void test_refused(void **state)
{
    (void)state;
    expect(scratch_path("none"), "cannot be read");
    expect(scratch_path("."), "not a regular file");
    scratch_write(scratch_path("empty"), "", 0);
    expect(scratch_path("empty"), "empty");
    scratch_write(scratch_path("text"), "GIF89a and more of it", 21);
    expect(scratch_path("text"), "neither JPEG nor PNG");
    image_sample_cmyk(scratch_path("print.jpg"), 16);
    expect(scratch_path("print.jpg"), "CMYK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_transparent_is_white),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
