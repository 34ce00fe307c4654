#include "io/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOG_MAX = 1 << 16 };

/* What was found, as "2[train] 3:lr=0.1;" */
struct found {
    char text[LOG_MAX];
    size_t used;
    const char *refuse; /* a name that the visitor does not take */
};

static enum status note(void *user, const char *section, const char *name, const char *value, size_t line)
{
    struct found *found = user;
    char *end = found->text + found->used;
    size_t space = LOG_MAX - found->used;
    if (name && found->refuse && !strcmp(name, found->refuse))
        return status_set(STATUS_DATA, "not %s of %s", name, section);
    found->used += (size_t)(name ? snprintf(end, space, "%zu:%s.%s=%s;", line, section, name, value)
                                 : snprintf(end, space, "%zu[%s]", line, section));
    return STATUS_OK;
}

static void what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *found;
    } rows[] = {
        {"", ""},
        {"\n\n  \n\t\n", ""},
        {"[a]", "1[a]"},
        {"[a]\nx = 1\ny=2\n", "1[a]2:a.x=1;3:a.y=2;"},
        {"[a]\nx = 1", "1[a]2:a.x=1;"},
        {"\n[a]\n\n\nx=1\n", "2[a]5:a.x=1;"},
        {"[a]\n    x = 1\n\ty = 2\n", "1[a]2:a.x=1;3:a.y=2;"},
        {"  [ a ]  \n x=1", "1[a]2:a.x=1;"},
        {"[a]\nx: 1\n", "1[a]2:a.x=1;"},
        {"[a]\nx = b=c:d\n", "1[a]2:a.x=b=c:d;"},
        {"[a]\nx =\ny = \n", "1[a]2:a.x=;3:a.y=;"},
        {"[a]\r\nx = 1\r\ny = 2 \r\n", "1[a]2:a.x=1;3:a.y=2;"},
        {"\xef\xbb\xbf[a]\nx = 1\n", "1[a]2:a.x=1;"},
        {"; no\n# no\n  ; no\n[a]\n", "4[a]"},
        {"[a] ; yes\nx = 1 ; no\ny = 2 # no\n", "1[a]2:a.x=1;3:a.y=2;"},
        {"[a]\nx = b;c#d\ny = #no\nz =;no\n", "1[a]2:a.x=b;c#d;3:a.y=;4:a.z=;"},
        {"[a]\nx = 1\n  ; no\n  y = 2\n", "1[a]2:a.x=1;4:a.y=2;"},
        {"[a]\nx=1\n[b]\ny=2\n[a]\nz=3\n", "1[a]2:a.x=1;3[b]4:b.y=2;5[a]6:a.z=3;"},
        {"[a]\nx=1\nx=2\n", "1[a]2:a.x=1;3:a.x=2;"},
        {"[a]\nx =  two   words\there \n", "1[a]2:a.x=two   words\there;"},
        {"[a]\nx y = 1\n", "1[a]2:a.x y=1;"},
        {"[a]\n\"x\" = 'y'\n", "1[a]2:a.\"x\"='y';"},
        {"[a]\nx = [b]\n", "1[a]2:a.x=[b];"},
        {"; caf\xe9\n[a]\nx = 1 ; caf\xe9\n", "2[a]3:a.x=1;"},
        {"[a]\nn\xc3\xa4me = \xc3\xa4\n", "1[a]2:a.n\xc3\xa4me=\xc3\xa4;"},
        {"[a]\n0123456789012345678901234567890123456789012345678901234567890123 = 1\n", NULL},
        {"[a]\n012345678901234567890123456789012345678901234567890123456789012 = 1\n",
         "1[a]2:a.012345678901234567890123456789012345678901234567890123456789012=1;"},
        {"[012345678901234567890123456789012345678901234567890123456789012]\nx = 1\n",
         "1[012345678901234567890123456789012345678901234567890123456789012]"
         "2:012345678901234567890123456789012345678901234567890123456789012.x=1;"},
    };
    static struct found found;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        found = (struct found){0};
        enum status status = ini_parse_text("a.ini", rows[i].text, note, &found);
        assert_int_equal(status, rows[i].found ? STATUS_OK : STATUS_USAGE);
        if (rows[i].found)
            assert_string_equal(found.text, rows[i].found);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"x = 1\n", "a.ini:1: this line comes before the first [section]"},
        {"\n; c\n\nx = 1\n", "a.ini:4: this line comes before"},
        {"[a]\nx\n", "a.ini:2: expected `name = value`"},
        {"[a]\nx = 1\nx 2 ; = 3\n", "a.ini:3: expected `name = value`"},
        {"[a\nx = 1\n", "a.ini:1: this section header has no `]`"},
        {"[a ; ]\nx = 1\n", "a.ini:1: this section header has no `]`"},
        {"[]\n", "a.ini:1: this section header names no section"},
        {"[ ]\n", "names no section"},
        {"[a] x = 1\n", "a.ini:1: there is text behind this section header"},
        {"[a]]\n", "text behind"},
        {"[a]\n= 1\n", "a.ini:2: there is no name before"},
        {"[a]\n : 1\n", "a.ini:2: there is no name before"},
        {"[0123456789012345678901234567890123456789012345678901234567890123]\n",
         "a.ini:1: this section's name"},
        {"[a]\nx = \x1b[31m\n", "a.ini:2: this line holds a control character"},
        {"[a]\nx = 1\ry = 2\n", "a.ini:2: this line holds a control character"},
        {"[a]\nx\x7f = 1\n", "a.ini:2: this line holds a control character"},
        {"[a]\nx = 1\ny = caf\xe9\n", "a.ini:3: this line is not UTF-8 text"},
        {"[a]\nx = \xc3", "a.ini:2: this line is not UTF-8 text"},
        {"[a]\nx = \xe2\x82\n\xac = 1\n", "a.ini:2: this line is not UTF-8 text"},
        {"[a]\n\xc3\x28 = 1\n", "a.ini:2: this line is not UTF-8 text"},
        {"[\xff]\n", "a.ini:1: this line is not UTF-8 text"},
    };
    static struct found found;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        found = (struct found){0};
        enum status status = ini_parse_text("a.ini", rows[i].text, note, &found);
        if (status != STATUS_USAGE || !strstr(status_message(), rows[i].message))
            fail_msg("row %zu: status %d, %s", i, status, status_message());
    }
}

static void visitor_ends_it(void **state)
{
    (void)state;
    static struct found found;
    found = (struct found){.refuse = "y"};
    assert_int_equal(ini_parse_text("a.ini", "[a]\nx=1\ny=2\nz=3\n[b]\n", note, &found), STATUS_DATA);
    assert_string_equal(found.text, "1[a]2:a.x=1;");
    assert_string_equal(status_message(), "not y of a");
}

/* Lines of every length around inih's 200 characters, cut at words, within words, where a `;` stands. */
static void long_lines(void **state)
{
    (void)state;
    static const char *const words[] = {"abcdefghi", "a b", "a;b", "x", "a  b c", ";;#", "[a]=b:"};
    static struct found found;
    static char value[INI_VALUE_MAX], text[INI_VALUE_MAX + 64], expected[INI_VALUE_MAX + 64];
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        for (size_t length = 100; length < INI_VALUE_MAX; length += length < 450 ? 1 : 97) {
            value[0] = 'v';
            for (size_t i = 1; i < length; i++)
                value[i] = words[w][i % strlen(words[w])];
            value[length - 1] = 'e';
            value[length] = 0;
            snprintf(text, sizeof text, "[a]\n  name = %s ; comment\n y = 1\n", value);
            snprintf(expected, sizeof expected, "1[a]2:a.name=%s;3:a.y=1;", value);
            found = (struct found){0};
            enum status status = ini_parse_text("a.ini", text, note, &found);
            if (!strcmp(words[w], ";;#") && status) {
                assert_non_null(strstr(status_message(), "a.ini:2: "));
                continue;
            }
            assert_int_equal(status, STATUS_OK);
            assert_string_equal(found.text, expected);
        }
    }
}

static char *filled(const char *front, char c, size_t count, const char *back)
{
    size_t size = strlen(front) + count + strlen(back) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    strcpy(text, front);
    memset(text + strlen(front), c, count);
    strcpy(text + strlen(front) + count, back);
    return text;
}

static void longest_lines(void **state)
{
    (void)state;
    static const struct {
        const char *front;
        char c;
        size_t count;
        const char *back, *message; /* NULL: it is read */
    } rows[] = {
        {"[a]\nx = ", 'v', INI_VALUE_MAX - 1, "\n", NULL},
        {"[a]\nx = ", 'v', INI_VALUE_MAX, "\n", "a.ini:2: this value is longer than 4095 characters"},
        {"[a]\nx = ", 'v', 1 << 18, "\n", "a.ini:2: this value is longer than 4095 characters"},
        {"[a]\nx = 1 ; ", 'c', 100000, "\ny = 2\n", NULL},
        {"; ", 'c', 100000, "\n[a]\n", NULL},
        {"[a]\n", ' ', 100000, "x = 1\n", NULL},
        {"[a]\nx = 1", ' ', 100000, "\n", NULL},
        {"[a]\nx", ' ', 300, "= 1\n", "a.ini:2: this line is too long"},
        {"[a]\nx =", ' ', 300, "1\n", "a.ini:2: this line is too long"},
        {"[a]\nx = 1", ' ', 300, "2\n", "a.ini:2: this line is too long"},
        {"[", ' ', 300, "a]\n", "a.ini:1: this line is too long"},
        {"[a]\n", 'x', 300, " = 1\n", "a.ini:2: the name before the `=` is longer than 63 characters"},
        {"[", 'x', 300, "]\n", "a.ini:1: this section's name is too long"},
        {"[a]\nx = a", ';', 300, "\n", "a.ini:2: this line is too long"},
    };
    static struct found found;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = filled(rows[i].front, rows[i].c, rows[i].count, rows[i].back);
        found = (struct found){0};
        enum status status = ini_parse_text("a.ini", text, note, &found);
        free(text);
        if (!rows[i].message)
            assert_int_equal(status, STATUS_OK);
        else if (status != STATUS_USAGE || !strstr(status_message(), rows[i].message))
            fail_msg("row %zu: status %d, %s", i, status, status_message());
    }
}

/* ini_value_fault is right about what reads back. */
static void faults_of_values(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool good;
    } rows[] = {
        {"", true},         {"a", true},     {"a b", true},
        {"a;b", true},      {"a=b", true},   {"[a]", true},
        {"a\tb", true},     {" a", false},   {"a ", false},
        {"\ta", false},     {";a", false},   {"#", false},
        {"a ;b", false},    {"a #b", false}, {"a\t;", false},
        {"a\nb", false},    {"a\rb", false}, {"\x1b", false},
        {"caf\xe9", false}, {"\xc3", false}, {"\xe2\x82\xac", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct found found;
        char text[64], expected[64];
        found = (struct found){0};
        snprintf(text, sizeof text, "[a]\nx = %s\n", rows[i].value);
        snprintf(expected, sizeof expected, "1[a]2:a.x=%s;", rows[i].value);
        bool reads_back = !ini_parse_text("a.ini", text, note, &found) && !strcmp(found.text, expected);
        assert_int_equal(reads_back, rows[i].good);
        assert_int_equal(!ini_value_fault(rows[i].value), rows[i].good);
    }
    char *value = filled("", 'v', INI_VALUE_MAX, "");
    assert_non_null(ini_value_fault(value));
    value[INI_VALUE_MAX - 1] = 0;
    assert_null(ini_value_fault(value));
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read), cmocka_unit_test(what_is_refused), cmocka_unit_test(visitor_ends_it),
        cmocka_unit_test(long_lines),   cmocka_unit_test(longest_lines),   cmocka_unit_test(faults_of_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
