#include "core/option.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct all {
    size_t size, wide, limit;
    uint64_t seed;
    double real, open;
    bool flag;
    int choice;
    char text[OPTION_TEXT_MAX];
    struct pair pair;
    struct padding padding;
    struct shape shape;
    struct interval interval;
};

static const struct option table[] = {
    {NULL, "size", OPTION_SIZE, offsetof(struct all, size), "3", 1, 1024, NULL, "a size"},
    {NULL, "wide", OPTION_SIZE, offsetof(struct all, wide), NULL, 0, INFINITY, NULL, "a size without bound"},
    {NULL, "seed", OPTION_UINT64, offsetof(struct all, seed), "1", 0, 0, NULL, "a seed"},
    {NULL, "real", OPTION_REAL, offsetof(struct all, real), "0.5", 0, 1, NULL, "a share"},
    {NULL, "open", OPTION_REAL, offsetof(struct all, open), "0.1", 0, INFINITY, NULL, "a rate"},
    {NULL, "flag", OPTION_BOOL, offsetof(struct all, flag), "yes", 0, 0, NULL, "a flag"},
    {NULL, "choice", OPTION_CHOICE, offsetof(struct all, choice), "step", 0, 0, "constant|step|cosine",
     "a word"},
    {NULL, "text", OPTION_TEXT, offsetof(struct all, text), "hello", 0, 0, NULL, "a text"},
    {NULL, "pair", OPTION_PAIR, offsetof(struct all, pair), "2", 1, 1024, NULL, "a window"},
    {NULL, "padding", OPTION_PADDING, offsetof(struct all, padding), "same", 0, 64, NULL, "a border"},
    {NULL, "shape", OPTION_SHAPE, offsetof(struct all, shape), "", 0, 0, NULL, "a shape"},
    {NULL, "limit", OPTION_SIZE, offsetof(struct all, limit), "", 1, 9, NULL,
     "a size that need not be given"},
    {NULL, "interval", OPTION_INTERVAL, offsetof(struct all, interval), "2 epochs", 0, 1e6, NULL,
     "now and then"},
};

static const struct option *row(const char *name)
{
    const struct option *found = option_find(table, OPTION_COUNT(table), NULL, name);
    assert_non_null(found);
    return found;
}

static void found_by_name_and_section(void **state)
{
    (void)state;
    static const struct option sections[] = {
        {.section = "a", .name = "x"}, {.section = "b", .name = "x"}, {.section = "b", .name = "y"}};
    assert_ptr_equal(option_find(sections, 3, "a", "x"), &sections[0]);
    assert_ptr_equal(option_find(sections, 3, "b", "x"), &sections[1]);
    assert_null(option_find(sections, 3, "a", "y"));
    assert_null(option_find(table, OPTION_COUNT(table), NULL, "Size"));
    assert_ptr_equal(row("shape"), &table[10]);
}

static void defaults(void **state)
{
    (void)state;
    struct all all;
    memset(&all, 0xaa, sizeof all);
    assert_int_equal(option_defaults(table, OPTION_COUNT(table), &all), STATUS_OK);
    assert_int_equal(all.size, 3);
    assert_int_equal(all.seed, 1);
    assert_true(all.real == 0.5 && all.flag && all.choice == 1);
    assert_string_equal(all.text, "hello");
    assert_true(all.pair.h == 2 && all.pair.w == 2 && all.padding.same);
    assert_true(shape_equal(all.shape, (struct shape){0, 0, 0}));
    assert_true(all.wide == (size_t)0xaaaaaaaaaaaaaaaa);
    assert_int_equal(all.limit, 0);
    assert_true(all.interval.count == 2 && all.interval.unit == INTERVAL_EPOCHS);

    static const struct option wrong = {.name = "x", .kind = OPTION_SIZE, .fallback = "two"};
    assert_int_equal(option_defaults(&wrong, 1, &all), STATUS_INTERNAL);
    assert_non_null(strstr(status_message(), "x = two"));
}

/* What is taken, and how it is written back. */
static void good_values(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *back;
    } rows[] = {
        {"size", "1", "1"},
        {"size", "1024", "1024"},
        {"wide", "18446744073709551615", "18446744073709551615"},
        {"seed", "18446744073709551615", "18446744073709551615"},
        {"real", "0", "0"},
        {"real", "1", "1"},
        {"real", "0.10", "0.1"},
        {"open", "1e-5", "1e-05"},
        {"open", "0.30000000000000004", "0.30000000000000004"},
        {"open", "123456789", "123456789"},
        {"open", "1.7976931348623157e308", "1.7976931348623157e+308"},
        {"flag", "yes", "yes"},
        {"flag", "No", "no"},
        {"flag", "true", "yes"},
        {"flag", "off", "no"},
        {"flag", "1", "yes"},
        {"choice", "constant", "constant"},
        {"choice", "cosine", "cosine"},
        {"text", "", ""},
        {"text", "two words", "two words"},
        {"pair", "3", "3"},
        {"pair", "3x3", "3"},
        {"pair", "3x5", "3x5"},
        {"padding", "same", "same"},
        {"padding", "valid", "0"},
        {"padding", "2", "2"},
        {"padding", "0x64", "0x64"},
        {"shape", "", ""},
        {"shape", "28x28", "28x28x1"},
        {"shape", "1x1x16777216", "1x1x16777216"},
        {"shape", "65536x65536x3", "65536x65536x3"},
        {"interval", "1 epoch", "1 epoch"},
        {"interval", "1", "1 epoch"},
        {"interval", "7", "7 epochs"},
        {"interval", "500 steps", "500 steps"},
        {"interval", "1 steps", "1 step"},
        {"interval", "500steps", "500 steps"},
        {"interval", "10 \t minutes", "10 minutes"},
        {"interval", "0.25 minute", "0.25 minutes"},
        {"interval", "1000000 epochs", "1000000 epochs"},
        {"interval", "0", "0"},
        {"interval", "0 minutes", "0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct all all = {0}, again = {0};
        char out[OPTION_TEXT_MAX];
        assert_int_equal(option_parse(row(rows[i].name), rows[i].text, &all), STATUS_OK);
        option_format(row(rows[i].name), &all, out);
        assert_string_equal(out, rows[i].back);
        assert_int_equal(option_parse(row(rows[i].name), out, &again), STATUS_OK);
        assert_memory_equal(&all, &again, sizeof all);
    }
}

/* What is refused, and what the message must hold; the field stays as it was. */
static void bad_values(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *message;
    } rows[] = {
        {"size", "0", "size = 0: expected a whole number from 1 to 1024"},
        {"size", "1025", "from 1 to 1024"},
        {"size", "-1", "size = -1: expected"},
        {"size", "3.0", "size = 3.0"},
        {"size", "", "size = : expected a whole number"},
        {"size", "99999999999999999999", "whole number"},
        {"wide", "x", "a whole number, 0 or more"},
        {"limit", "0", "limit = 0: expected a whole number from 1 to 9"},
        {"limit", "", "limit = : expected a whole number from 1 to 9"},
        {"seed", "-5", "seed = -5: expected a whole number"},
        {"seed", "18446744073709551616", "seed"},
        {"real", "1.01", "real = 1.01: expected a number from 0 to 1"},
        {"real", "-0.1", "from 0 to 1"},
        {"real", "nan", "real = nan"},
        {"real", "half", "real = half"},
        {"open", "-1e-9", "open = -1e-9: expected a number, 0 or more"},
        {"open", "inf", "open = inf"},
        {"open", "0,1", "open = 0,1"},
        {"flag", "maybe", "flag = maybe: expected yes or no"},
        {"flag", "", "yes or no"},
        {"choice", "cosin", "choice = cosin: unknown, did you mean `cosine`?"},
        {"choice", "exponential", "choice = exponential: expected constant, step or cosine"},
        {"choice", "", "constant, step or cosine"},
        {"pair", "0", "N or HEIGHTxWIDTH, whole numbers from 1 to 1024"},
        {"pair", "3x", "pair = 3x:"},
        {"pair", "x3", "pair = x3:"},
        {"pair", "3x0", "pair = 3x0:"},
        {"pair", "0x3", "pair = 0x3:"},
        {"pair", "3x3x3", "pair = 3x3x3:"},
        {"pair", "3X3", "pair = 3X3:"},
        {"pair", "3 x 3", "pair = 3 x 3:"},
        {"pair", "", "pair = :"},
        {"padding", "some", "same, valid, N or HEIGHTxWIDTH"},
        {"padding", "-1", "padding = -1"},
        {"padding", "65", "whole numbers from 0 to 64"},
        {"padding", "1x65", "padding = 1x65"},
        {"interval", "", "interval = : expected N epochs, N steps or N minutes, N from 0 to 1000000"},
        {"interval", "often", "interval = often: expected N epochs"},
        {"interval", "steps", "interval = steps: expected N epochs"},
        {"interval", "-1", "interval = -1: expected"},
        {"interval", "1000001 steps", "N from 0 to 1000000"},
        {"interval", "2.5", "interval = 2.5: expected N epochs, N steps or N minutes"},
        {"interval", "2.5 steps", "whole but for minutes"},
        {"interval", "1.2.3 minutes", "interval = 1.2.3 minutes: expected"},
        {"interval", "10 minuts", "interval = 10 minuts: `minuts` is unknown, did you mean `minutes`?"},
        {"interval", "10 fortnights", "interval = 10 fortnights: expected N epochs"},
        {"interval", "10 steps 2", "interval = 10 steps 2"},
        {"shape", "28", "HEIGHTxWIDTHxCHANNELS"},
        {"shape", "0x28x1", "shape = 0x28x1"},
        {"shape", "28x0", "shape = 28x0"},
        {"shape", "28x28x0", "shape = 28x28x0"},
        {"shape", "1x2x3x4", "shape = 1x2x3x4"},
        {"shape", "65537x1x1",
         "shape = 65537x1x1: expected HEIGHTxWIDTHxCHANNELS, or HEIGHTxWIDTH for one channel; "
         "height and width from 1 to 65536"},
        {"shape", "1x65537", "shape = 1x65537"},
        {"shape", "1x1x16777217", "channels from 1 to 16777216"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct all all, before;
        memset(&all, 0x11, sizeof all);
        before = all;
        assert_int_equal(option_parse(row(rows[i].name), rows[i].text, &all), STATUS_USAGE);
        if (!strstr(status_message(), rows[i].message))
            fail_msg("%s = %s: %s", rows[i].name, rows[i].text, status_message());
        assert_memory_equal(&all, &before, sizeof all);
    }
}

static void long_texts(void **state)
{
    (void)state;
    struct all all = {0};
    char text[OPTION_TEXT_MAX + 1];
    memset(text, '1', sizeof text);
    text[OPTION_TEXT_MAX] = 0;
    for (size_t i = 0; i < OPTION_COUNT(table); i++)
        assert_int_equal(option_parse(&table[i], text, &all), STATUS_USAGE);
    assert_int_equal(option_parse(row("text"), text, &all), STATUS_USAGE);
    assert_string_equal(status_message(), "text: longer than 1023 characters");
    text[OPTION_TEXT_MAX - 1] = 0;
    assert_int_equal(option_parse(row("text"), text, &all), STATUS_OK);
    assert_string_equal(all.text, text);
}

static void domains(void **state)
{
    (void)state;
    static const struct {
        const char *name, *domain;
    } rows[] = {
        {"size", "a whole number from 1 to 1024"},
        {"wide", "a whole number, 0 or more"},
        {"seed", "a whole number"},
        {"real", "a number from 0 to 1"},
        {"open", "a number, 0 or more"},
        {"flag", "yes or no"},
        {"choice", "constant, step or cosine"},
        {"text", "text"},
        {"interval",
         "N epochs, N steps or N minutes, N from 0 to 1000000, whole but for minutes; N alone: epochs; "
         "0: never"},
        {"pair", "N or HEIGHTxWIDTH, whole numbers from 1 to 1024"},
        {"padding", "same, valid, N or HEIGHTxWIDTH, whole numbers from 0 to 64"},
        {"shape",
         "HEIGHTxWIDTHxCHANNELS, or HEIGHTxWIDTH for one channel; height and width from 1 to 65536, channels "
         "from 1 to 16777216"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[OPTION_TEXT_MAX];
        option_domain(row(rows[i].name), out);
        assert_string_equal(out, rows[i].domain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_name_and_section),
        cmocka_unit_test(defaults),
        cmocka_unit_test(good_values),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
