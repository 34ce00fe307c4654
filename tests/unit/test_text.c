#include "core/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void nearest_word(void **state)
{
    (void)state;
    static const char *const known[] = {"epochs", "batch", "lr", "momentum", "nesterov", "weight_decay"};
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        {"epoch", "epochs"},
        {"EPOCHS", "epochs"},
        {"bach", "batch"},
        {"momentun", "momentum"},
        {"nestorov", "nesterov"},
        {"weightdecay", "weight_decay"},
        {"wd", NULL},
        {"lerning_rate", NULL},
        {"weigth_decais", "weight_decay"},
        {"l", "lr"},
        {"", NULL},
        {"lr", "lr"},
        {"an_extremely_long_word_that_is_longer_than_any_key_that_there_is_anywhere", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *nearest = text_nearest(rows[i].word, known, COUNT(known));
        if (rows[i].nearest) {
            assert_non_null(nearest);
            assert_string_equal(nearest, rows[i].nearest);
        } else {
            assert_null(nearest);
        }
    }
}

static void nearest_of_equals_is_the_first(void **state)
{
    (void)state;
    static const char *const known[] = {"conv1", "conv2", "conv3"};
    assert_string_equal(text_nearest("conv4", known, 3), "conv1");
    assert_null(text_nearest("conv4", known, 0));
}

static void candidates_longer_than_any_word(void **state)
{
    (void)state;
    char text[201];
    memset(text, 'a', 200);
    text[200] = 0;
    const char *const known[] = {text};
    assert_null(text_nearest(text, known, 1));
}

static void unsigned_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},     {"17", true, 17},  {"007", true, 7},  {"18446744073709551615", true, UINT64_MAX},
        {"", false, 0},     {"-1", false, 0},  {"+1", false, 0},  {"18446744073709551616", false, 0},
        {" 1", false, 0},   {"1 ", false, 0},  {"1.0", false, 0}, {"1e3", false, 0},
        {"0x10", false, 0}, {"ten", false, 0}, {"1\n", false, 0}, {"99999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value = 4711;
        size_t size = 4711;
        assert_int_equal(text_to_uint64(rows[i].text, &value), rows[i].good);
        assert_int_equal(text_to_size(rows[i].text, &size), rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 4711));
        assert_true(size == (rows[i].good ? rows[i].value : 4711));
    }
}

static void real_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        double value;
    } rows[] = {
        {"0", true, 0},     {"0.1", true, 0.1},  {"-2.5e-3", true, -2.5e-3}, {"+1", true, 1},
        {".5", true, 0.5},  {"5.", true, 5},     {"1E2", true, 100},         {"1e-400", true, 0},
        {"", false, 0},     {"nan", false, 0},   {"inf", false, 0},          {"infinity", false, 0},
        {"-inf", false, 0}, {"0x1p3", false, 0}, {"1e400", false, 0},        {"1,5", false, 0},
        {" 1", false, 0},   {"1 ", false, 0},    {"1-2", false, 0},          {".", false, 0},
        {"e5", false, 0},   {"1e", false, 0},    {"--1", false, 0},          {"1.2.3", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double value = 4711;
        assert_int_equal(text_to_double(rows[i].text, &value), rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 4711));
    }
}

static void characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"", 1},
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xc3\xa4x", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0}, /* begins none */
        {"\xbf", 0},
        {"\xc0\x80", 0}, /* longer than need be */
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xed\xa0\x80", 0},     /* half of a pair of UTF-16 */
        {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"\xc3", 0}, /* cut */
        {"\xe2\x82", 0},
        {"\xe2\x82x", 0},
        {"\xf0\x9f\x98", 0},
        {"\xc3\xc3", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (text_character(rows[i].text) != rows[i].length)
            fail_msg("row %zu: %zu", i, text_character(rows[i].text));
    assert_true(text_is_utf8(""));
    assert_true(text_is_utf8("Gr\xc3\xb6\xc3\x9f"
                             "e \xe2\x82\xac"));
    assert_false(text_is_utf8("caf\xe9"));
    assert_false(text_is_utf8("\xe9t\xe9"));
    assert_false(text_is_utf8("a\xffz"));
}

static void visible(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"", ""},
        {"Gr\xc3\xb6\xc3\x9f"
         "e, a\\n",
         "Gr\xc3\xb6\xc3\x9f"
         "e, a\\n"},
        {"a\nb\tc\r", "a\\nb\\tc\\r"},
        {"\x1b[31m\a\x7f", "\\x1b[31m\\x07\\x7f"},
        {"\xc2\x9b"
         "2J\xc2\xa0",
         "\\xc2\\x9b2J\xc2\xa0"},
        {"caf\xe9, \xc3", "caf\\xe9, \\xc3"},
    };
    char out[64];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(text_visible(out, sizeof out, rows[i].text), rows[i].shown);
    assert_string_equal(text_visible(out, 5, "abcdef"), "abcd");
    assert_string_equal(text_visible(out, 5, "abc\n"), "abc");
    assert_string_equal(text_visible(out, 6, "abc\n"), "abc\\n");
    assert_string_equal(text_visible(out, 5, "abc\xc3\xa4z"), "abc");
    assert_string_equal(text_visible(out, 1, "a"), "");
}

static void bytes(void **state)
{
    (void)state;
    static const struct {
        double bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {812, "812 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1434, "1.4 KiB"},
        {1048575, "1.0 MiB"},
        {39007027, "37.2 MiB"},
        {1073741824, "1.0 GiB"},
        {1.5e12, "1.4 TiB"},
        {1.2e18, "1091393.6 TiB"},
    };
    char out[32];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(text_bytes(out, rows[i].bytes), rows[i].text);
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        const char *text;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {12345, "12,345"},
        {123456, "123,456"},
        {1199882, "1,199,882"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    char out[32];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(text_count(out, rows[i].count), rows[i].text);
}

static void plurals(void **state)
{
    (void)state;
    assert_string_equal(text_plural(0), "s");
    assert_string_equal(text_plural(1), "");
    assert_string_equal(text_plural(1.5), "s");
    assert_string_equal(text_plural(2), "s");
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {
        {0, "0.0 s"},
        {3.14, "3.1 s"},
        {59.94, "59.9 s"},
        {59.96, "1:00 min"},
        {60, "1:00 min"},
        {127, "2:07 min"},
        {3599.4, "59:59 min"},
        {3599.6, "1:00:00 h"},
        {3727, "1:02:07 h"},
        {360000, "100:00:00 h"},
        {-1, "-"},
        {INFINITY, "-"},
        {NAN, "-"},
    };
    char out[32];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(text_seconds(out, rows[i].seconds), rows[i].text);
}

static void test_lists_of_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        size_t count;
        double last;
    } rows[] = {
        {"", true, 0, 0},   {"7", true, 1, 7}, {"1,2.5", true, 2, 2.5}, {"1,-2e3,3", true, 3, 3},
        {"1,2,3,4", false}, {",", false},      {"1,", false},           {",1", false},
        {"1,,2", false},    {"1;2", false},    {"1, 2", false},         {"a", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double values[3];
        size_t count;
        bool good = text_to_doubles(rows[i].text, values, 3, &count);
        if (good != rows[i].good || (good && count != rows[i].count))
            fail_msg("`%s`: %d, %zu numbers", rows[i].text, good, count);
        if (good && count)
            assert_true(values[count - 1] == rows[i].last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_of_numbers),
        cmocka_unit_test(nearest_word),
        cmocka_unit_test(nearest_of_equals_is_the_first),
        cmocka_unit_test(candidates_longer_than_any_word),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(real_numbers),
        cmocka_unit_test(characters),
        cmocka_unit_test(visible),
        cmocka_unit_test(bytes),
        cmocka_unit_test(counts),
        cmocka_unit_test(plurals),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
