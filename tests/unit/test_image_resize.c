#include "io/image_resize.h"

#include "support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct image make(size_t h, size_t w, size_t c)
{
    struct image image = {{h, w, c}, malloc(h * w * c)};
    for (size_t i = 0; i < h * w * c; i++)
        image.pixels[i] = (unsigned char)(255.9 * array_random(7, i));
    return image;
}

/* The weight of input pixel `i` in output pixel `o`: a triangle around the output's centre, as wide as an
 * output pixel or an input pixel, whichever is more. */
static double weight(size_t i, size_t o, double start, double scale)
{
    double support = scale > 1 ? scale : 1;
    double distance = fabs((double)i + 0.5 - (start + ((double)o + 0.5) * scale));
    return distance < support ? 1 - distance / support : 0;
}

/* The whole image's sum by the formula, two axes at once. */
static double truth(const struct image *image, size_t oy, size_t ox, size_t c, const double start[2],
                    const double scale[2])
{
    double sum = 0, weights = 0;
    for (size_t y = 0; y < image->shape.h; y++)
        for (size_t x = 0; x < image->shape.w; x++) {
            double w = weight(y, oy, start[0], scale[0]) * weight(x, ox, start[1], scale[1]);
            sum += w * image->pixels[(y * image->shape.w + x) * image->shape.c + c];
            weights += w;
        }
    return sum / weights;
}

static void check(struct shape from, size_t h, size_t w, enum image_fit fit)
{
    struct image image = make(from.h, from.w, from.c);
    unsigned char *to = malloc(h * w * from.c);
    double scale[2] = {(double)from.h / (double)h, (double)from.w / (double)w}, start[2] = {0, 0};
    if (fit == IMAGE_CROP) {
        double least = fmin(scale[0], scale[1]);
        start[0] = ((double)from.h - least * (double)h) / 2;
        start[1] = ((double)from.w - least * (double)w) / 2;
        scale[0] = scale[1] = least;
    }
    assert_int_equal(image_resize(&image, h, w, fit, to), STATUS_OK);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++)
            for (size_t c = 0; c < from.c; c++)
                assert_true(fabs(truth(&image, y, x, c, start, scale) - to[(y * w + x) * from.c + c]) < 0.51);
    image_destroy(&image);
    free(to);
}

static void test_formula(void **state)
{
    (void)state;
    static const struct shape shapes[] = {{31, 17, 3}, {8, 40, 1}, {1, 1, 3}, {64, 64, 1}, {5, 3, 3}};
    static const size_t sizes[][2] = {{8, 8}, {13, 29}, {1, 1}, {64, 20}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            check(shapes[i], sizes[j][0], sizes[j][1], IMAGE_CROP);
            check(shapes[i], sizes[j][0], sizes[j][1], IMAGE_STRETCH);
        }
}

static void test_same_size_is_untouched(void **state)
{
    (void)state;
    struct image image = make(6, 7, 3);
    unsigned char to[6 * 7 * 3];
    assert_int_equal(image_resize(&image, 6, 7, IMAGE_CROP, to), STATUS_OK);
    assert_memory_equal(to, image.pixels, sizeof to);
    image_destroy(&image);
}

/* Of a wide image the middle. */
static void test_crop_is_the_middle(void **state)
{
    (void)state;
    struct image image = make(4, 10, 1);
    unsigned char to[16];
    assert_int_equal(image_resize(&image, 4, 4, IMAGE_CROP, to), STATUS_OK);
    for (size_t y = 0; y < 4; y++)
        assert_memory_equal(to + 4 * y, image.pixels + 10 * y + 3, 4);
    image_destroy(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_same_size_is_untouched),
        cmocka_unit_test(test_crop_is_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
