/* [block NAME]: what its uses become, and what is said of mistakes. */
#include "io/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS                                                                                               \
    "[block inner]\nparams = f k=3\nc = conv2d filters=$f kernel=$k padding=same\nr = relu\n"                \
    "[block outer]\nparams = f\na = inner f=$f\nb = inner f=$f k=1 from=a\ns = add from=b,input\nt = tanh "  \
    "from=s\n"

static void expect_lines(const char *text, const char *const *lines, size_t count)
{
    struct config config;
    if (config_parse(&config, "t.ini", text, NULL, 0))
        fail_msg("%s", status_message());
    assert_int_equal(config.network.line_count, count);
    for (size_t i = 0; i < count; i++) {
        char line[512];
        snprintf(line, sizeof line, "%s = %s", config.network.lines[i].name, config.network.lines[i].text);
        assert_string_equal(line, lines[i]);
    }
    char *again;
    struct config second;
    assert_int_equal(config_text(&config, &again),
                     STATUS_OK); /* what a checkpoint keeps is the same network */
    assert_int_equal(config_parse(&second, "again.ini", again, NULL, 0), STATUS_OK);
    assert_int_equal(second.network.line_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(second.network.lines[i].text, config.network.lines[i].text);
    free(again);
    config_destroy(&config);
    config_destroy(&second);
}

static void test_lines(void **state)
{
    (void)state;
    const char *const lines[] = {
        "x = tanh",
        "l1.0.a.c = conv2d filters=5 kernel=3 padding=same from=x",
        "l1.0.a.r = relu",
        "l1.0.b.c = conv2d filters=5 kernel=1 padding=same from=l1.0.a.r",
        "l1.0.b.r = relu",
        "l1.0.s = add from=l1.0.b.r,x",
        "l1.0.t = tanh from=l1.0.s",
    };
    expect_lines("[network]\nx = tanh\nl1.0 = outer f=5\n" BLOCKS, lines, 7);
    const char *const first[] = {"a.c = conv2d filters=2 kernel=3 padding=same from=input",
                                 "a.r = relu",
                                 "b.c = conv2d filters=3 kernel=2 padding=same from=input",
                                 "b.r = relu",
                                 "s = add from=a.r,b.r,a.c",
                                 "out = softmax"};
    expect_lines(
        BLOCKS
        "[network]\na = inner f=2\nb = inner k=2 f=3 from=input\ns = add from=a,b,a.c\nout = softmax\n",
        first, 6);
}

static void test_override(void **state)
{
    (void)state;
    struct config config;
    const char *const overrides[] = {"network.a=inner f=7 k=5"};
    assert_int_equal(config_parse(&config, "t.ini", BLOCKS "[network]\na = inner f=2\n", overrides, 1),
                     STATUS_OK);
    assert_string_equal(config.network.lines[0].text, "conv2d filters=7 kernel=5 padding=same from=input");
    config_destroy(&config);
}

/* `text` is refused with all the words, separated by |. */
static void refuse(const char *text, const char *words)
{
    struct config config;
    char copy[512], *rest;
    if (!config_parse(&config, "t.ini", text, NULL, 0)) {
        config_destroy(&config);
        fail_msg("taken:\n%s", text);
    }
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        if (!strstr(status_message(), word))
            fail_msg("%s\nsays: %s\nand not: %s", text, status_message(), word);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse(BLOCKS "[network]\na = iner f=2\n", "t.ini:12: `a`|unknown layer type or block `iner`|`inner`");
    refuse(BLOCKS "[network]\na = inner\n", "t.ini:12: `a`|block `inner` needs f=");
    refuse(BLOCKS "[network]\na = inner f=2 kk=3\n",
           "t.ini:12|unknown parameter of block inner: `kk`|f, k, from");
    refuse(BLOCKS "[network]\na = inner f=2 f=3\n", "f is given twice");
    refuse(BLOCKS "[network]\na = inner f\n", "parameter=value");
    refuse(BLOCKS "[network]\nx = tanh\na = inner f=2 from=x,x\n", "reads one input");
    refuse("[block b]\nparams = f\nc = relu\nd = tanh from=cc\n[network]\na = b f=1\n",
           "t.ini:4, used in t.ini:6: `d`|unknown line above in from: `cc`|c, input");
    refuse("[block b]\nparams = size\nc = conv2d filters=$sise kernel=1\n[network]\na = b size=1\n",
           "t.ini:3, used in t.ini:5|unknown parameter `sise`|`size`");
    refuse("[block b]\nc = d\n[block d]\ne = b\n[network]\na = b\n", "uses itself");
    refuse("[block b]\n[network]\na = b\n", "block `b` (t.ini:1) has no lines|t.ini:3");
    refuse("[block b]\nc = relu\nc = relu\n[network]\na = b\n", "t.ini:3|`c` already, at t.ini:2");
    refuse("[block b]\nparams = a,b\nc = relu\n[network]\na = b a=1 b=2\n", "t.ini:2|blanks|`a,b`");
    refuse("[block b]\nparams = k = 3\nc = relu\n[network]\na = b k=1\n", "t.ini:2|without blanks|`=`");
    refuse("[block b]\nparams = a123456789b123456789c123456789d123456789e123456789f123456789g123\nc = relu\n"
           "[network]\na = b\n",
           "t.ini:2|63 characters");
    refuse("[block b]\nparams = a\nparams = b\nc = relu\n[network]\na = b\n", "t.ini:3|given twice");
    refuse("[block b]\ninput = relu\n[network]\na = b\n", "t.ini:2|what the block reads");
    refuse("[block relu]\nc = relu\n[network]\na = relu\n", "t.ini:1|layer type of that name");
    refuse("[block]\nc = relu\n[network]\na = relu\n", "t.ini:1|[block NAME]");
    refuse("[network]\n.a = relu\n", "t.ini:2|dots");
    refuse("[blcok b]\nc = relu\n", "t.ini:1|unknown section [blcok b]");
    const char *const overrides[] = {"block b.c=tanh"};
    struct config config;
    assert_int_equal(config_parse(&config, "t.ini", "[block b]\nc = relu\n[network]\na = b\n", overrides, 1),
                     STATUS_USAGE);
    assert_non_null(strstr(status_message(), "--set"));
}

/* The network names both places of a line that it does not like, and a name that comes twice. */
static void test_places(void **state)
{
    (void)state;
    const char *const texts[] = {
        "[block b]\nparams = f=1\nc = conv2d filters=$f kernl=1\n[network]\na = b\nout = softmax\n",
        "[block b]\nc = relu\n[network]\na = b\na.c = relu\nout = softmax\n"};
    const char *const words[] = {"t.ini:3, used in t.ini:5: layer `a.c`: unknown option",
                                 "t.ini:5: layer `a.c`"};
    for (size_t i = 0; i < 2; i++) {
        struct config config;
        struct network network;
        assert_int_equal(config_parse(&config, "t.ini", texts[i], NULL, 0), STATUS_OK);
        assert_int_equal(
            network_plan(&network, (struct shape){1, 1, 3}, config.network.lines, config.network.line_count),
            STATUS_USAGE);
        if (!strstr(status_message(), words[i]))
            fail_msg("says: %s\nand not: %s", status_message(), words[i]);
        config_destroy(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_override),
                                       cmocka_unit_test(test_refusals), cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
