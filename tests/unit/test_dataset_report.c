#include "io/dataset_report.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct dataset_split *train, const struct dataset_split *test, bool utf8,
                   const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    dataset_report(train, test, utf8, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void test_classes(void **state)
{
    (void)state;
    unsigned char pixels[] = {0, 255, 51, 102, 0, 255, 51, 102};
    int32_t train_classes[] = {1, 1, 0, 1}, test_classes[] = {2};
    char *names[] = {"a", "größer"};
    float mean[] = {0.1f, 0.7f}, std[] = {0.1f, 0.3f};
    const struct dataset_split train = {.path = "a.h5",
                                        .name = "train",
                                        .count = 4,
                                        .shape = {1, 1, 2},
                                        .images = pixels,
                                        .outputs = 2,
                                        .classes = train_classes,
                                        .class_names = names,
                                        .normalization = {true, 2, mean, std}};
    const struct dataset_split test = {.name = "test",
                                       .count = 1,
                                       .shape = {1, 1, 2},
                                       .images = pixels,
                                       .outputs = 3,
                                       .classes = test_classes};
    expect(
        &train, &test, false,
        "a.h5\n\n"
        "  split     images   size        type     labels\n"
        "  train          4   1x1x2       uint8    2 classes\n"
        "  test           1   1x1x2       uint8    3 classes\n\n"
        "  channel     lowest   highest      mean  deviation    stored mean stored std\n"
        "  0                0        51    0.1000     0.1000         0.1000     0.1000\n"
        "  1              102       255    0.7000     0.3000         0.7000     0.3000\n"
        "  of the train images; mean and deviation of pixel/255. The network sees (pixel/255 - mean)/std.\n\n"
        "  class             train                           test\n"
        "      0  a              1 #######                      0                     \n"
        "      1  größer         3 ####################         0                     \n"
        "      2                 0                              1 ####################\n");
}

static void test_floats_without_labels(void **state)
{
    (void)state;
    float values[] = {-1, 1, 3, 1};
    const struct dataset_split test = {
        .path = "b.h5", .name = "test", .count = 2, .shape = {1, 2, 1}, .is_float = true, .images = values};
    expect(NULL, &test, true,
           "b.h5\n\n"
           "  split     images   size        type     labels\n"
           "  test           2   1x2x1       float32  none\n\n"
           "  channel     lowest   highest      mean  deviation                          \n"
           "  0               -1         3    1.0000     1.4142\n"
           "  of the test images; mean and deviation of value. The network sees value.\n");
}

static void test_blocks_show_eighths(void **state)
{
    (void)state;
    enum { COUNT = 161 };
    static unsigned char pixels[COUNT];
    static int32_t classes[COUNT];
    classes[0] = 1;
    const struct dataset_split train = {.path = "c.h5",
                                        .name = "train",
                                        .count = COUNT,
                                        .shape = {1, 1, 1},
                                        .images = pixels,
                                        .outputs = 2,
                                        .classes = classes};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    dataset_report(&train, NULL, true, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, " 160 ████████████████████\n"));
    assert_non_null(strstr(text, " 1 ▏                   \n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_floats_without_labels),
        cmocka_unit_test(test_blocks_show_eighths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
