#include "tools/arguments.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct values {
    char in[OPTION_TEXT_MAX];
    size_t count;
    bool force;
    char resume[OPTION_TEXT_MAX];
    size_t last;
    struct argument_list set;
};

static const struct argument arguments[] = {
    {{NULL, "in", OPTION_TEXT, offsetof(struct values, in), NULL, 0, 0, NULL, "what to read"},
     .value = "FILE"},
    {{NULL, "count", OPTION_SIZE, offsetof(struct values, count), "7", 1, 9, NULL, "how many"}, .value = "N"},
    {.option = {NULL, "force", OPTION_BOOL, offsetof(struct values, force), "no", 0, 0, NULL, "in any case"}},
    {{NULL, "resume", OPTION_TEXT, offsetof(struct values, resume), "", 0, 0, NULL, "go on"},
     .value = "FROM",
     .implied = "newest"},
    {{NULL, "last", OPTION_SIZE, offsetof(struct values, last), "", 1, 9, NULL, "where to end"},
     .value = "N"},
    {{NULL, "set", OPTION_TEXT, offsetof(struct values, set), NULL, 0, 0, NULL, "change"},
     .value = "KEY",
     .repeats = true},
};
static const char *const operands[] = {"A", "B"};
static const struct argument_table table = {arguments, OPTION_COUNT(arguments), operands, 2};

static struct values values;
static const char *words[2];

/* `line` is cut at its blanks; argv[0] is put in front. */
static enum status parse(const char *line)
{
    static char copy[256];
    char *argv[16] = {(char *)"program"}, *rest = copy;
    int argc = 1;
    strcpy(copy, line);
    for (char *word; rest && argc < 16 && (word = strsep(&rest, " "));)
        if (*word)
            argv[argc++] = word;
    return arguments_parse(&table, argc, argv, &values, words);
}

static void test_good(void **state)
{
    (void)state;
    assert_done(parse("--in a x y"));
    assert_string_equal(values.in, "a");
    assert_int_equal(values.count, 7);
    assert_int_equal(values.last, 0);
    assert_false(values.force);
    assert_string_equal(words[0], "x");
    assert_string_equal(words[1], "y");
    assert_done(parse("x --count=3 y --force --last 9 --in=a=b"));
    assert_int_equal(values.last, 9);
    assert_string_equal(values.in, "a=b");
    assert_int_equal(values.count, 3);
    assert_true(values.force);
    assert_done(parse("--in a -- --count -"));
    assert_int_equal(values.last, 0);
    assert_string_equal(words[0], "--count");
    assert_string_equal(words[1], "-");
}

static void test_implied_and_repeated(void **state)
{
    (void)state;
    assert_done(parse("--in a x y"));
    assert_string_equal(values.resume, "");
    assert_int_equal(values.set.count, 0);
    assert_done(parse("--in a --resume x --set a.b=1 --set=c y"));
    assert_string_equal(values.resume, "newest");
    assert_string_equal(words[0], "x");
    assert_int_equal(values.set.count, 2);
    assert_string_equal(values.set.values[0], "a.b=1");
    assert_string_equal(values.set.values[1], "c");
    assert_done(parse("--in a --resume=f x y"));
    assert_string_equal(values.resume, "f");
}

/* Nothing of an earlier command line is left, of several values the last one holds, a value may look like an
 * option, and only the first "--" ends the options. */
static void test_odd_ones(void **state)
{
    (void)state;
    assert_done(parse("--in a --force --count 3 --resume --set x x y"));
    assert_done(parse("--in= --count 2 --count=9 -- x --"));
    assert_string_equal(values.in, "");
    assert_int_equal(values.count, 9);
    assert_false(values.force);
    assert_string_equal(values.resume, "");
    assert_int_equal(values.set.count, 0);
    assert_string_equal(words[1], "--");
    assert_done(parse("x --in --force y --resume="));
    assert_string_equal(values.in, "--force");
    assert_false(values.force);
    assert_string_equal(values.resume, "");
    assert_failure(parse("--in a x y --=b"), STATUS_USAGE, "unknown option --", NULL);
    assert_failure(parse("--in a x y --count"), STATUS_USAGE, "--count needs a value: --count N", NULL);
    assert_failure(parse("--in a x y --count="), STATUS_USAGE, "--count = ", NULL);
    assert_failure(parse("--in a x y --set"), STATUS_USAGE, "--set needs a value: --set KEY", NULL);
    assert_failure(parse("--in a x -- y --force"), STATUS_USAGE, "'--force' is one word too many", NULL);
}

static void test_too_often(void **state)
{
    (void)state;
    static char program[] = "program", in[] = "--in=a", set[] = "--set=k", x[] = "x", y[] = "y";
    char *argv[ARGUMENT_LIST_MAX + 5] = {program, in, x, y};
    for (size_t i = 4; i < ARGUMENT_LIST_MAX + 5; i++)
        argv[i] = set;
    assert_done(arguments_parse(&table, ARGUMENT_LIST_MAX + 4, argv, &values, words));
    assert_int_equal(values.set.count, ARGUMENT_LIST_MAX);
    assert_failure(arguments_parse(&table, ARGUMENT_LIST_MAX + 5, argv, &values, words), STATUS_USAGE,
                   "--set", "more than 256 times", NULL);
}

static void test_wants_help(void **state)
{
    (void)state;
    assert_true(arguments_want_help(3, (char *[]){"program", "x", "--help"}));
    assert_true(arguments_want_help(2, (char *[]){"program", "-h"}));
    assert_false(arguments_want_help(3, (char *[]){"program", "--", "--help"}));
}

static void test_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--cuont 3", "unknown option --cuont, did you mean --count?"},
        {"--cou=3", "unknown option --cou, did you mean --count?"},
        {"--counts 3", "unknown option --counts, did you mean --count?"},
        {"--elephant", "unknown option --elephant"},
        {"-i a", "unknown option -i: options start with --"},
        {"--in", "--in needs a value: --in FILE"},
        {"--force=yes", "--force takes no value"},
        {"--in a --count 10 x y", "--count = 10: expected"},
        {"--in a --last 0 x y", "--last = 0: expected a whole number from 1 to 9"},
        {"--count 3 x y", "--in FILE is missing"},
        {"--in a x", "B is missing"},
        {"--in a", "A is missing"},
        {"--in a x y z", "'z' is one word too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_failure(parse(cases[i].line), STATUS_USAGE, cases[i].message, NULL);
}

static void test_help(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    arguments_help(&table, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "  --in FILE        what to read\n"
                              "  --count N        how many (default: 7)\n"
                              "  --force          in any case\n"
                              "  --resume[=FROM]  go on\n"
                              "  --last N         where to end\n"
                              "  --set KEY        change\n");
    free(text);
}

static uint64_t digest(const char *line)
{
    assert_done(parse(line));
    return arguments_digest(&table, &values, words);
}

/* How it was written does not matter, nor what repeats; every value and operand does. */
static void test_digest(void **state)
{
    (void)state;
    static const char *const others[] = {"--in b x y",           "--in a --count 6 x y", "--in a --force x y",
                                         "--in a --resume x y",  "--in a z y",           "--in a x z",
                                         "--in a --resume=1 x y"};
    uint64_t first = digest("--in a x y");
    assert_int_equal(digest("--in a x y"), first);
    assert_int_equal(digest("x --count 7 y --in=a"), first);
    assert_int_equal(digest("--in a --set k=1 x --set=k=2 y"), first);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint64_t other = digest(others[i]);
        assert_true(other != first);
        for (size_t j = 0; j < i; j++)
            assert_true(digest(others[j]) != other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_implied_and_repeated),
        cmocka_unit_test(test_odd_ones),   cmocka_unit_test(test_too_often),
        cmocka_unit_test(test_wants_help), cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_help),       cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
