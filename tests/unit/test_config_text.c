#include "io/config.h"

#include "support/full_config.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LAYERS "[network]\nflat = flatten\nfc1 = dense units=10\nout = softmax\n"

static enum status parse(struct config *config, const char *text)
{
    return config_parse(config, "configs/a.ini", text, NULL, 0);
}

static void assert_same(const struct config *a, const struct config *b)
{
    for (size_t i = 0; i < config_key_count; i++) {
        char left[OPTION_TEXT_MAX], right[OPTION_TEXT_MAX];
        option_format(&config_keys[i], a, left);
        option_format(&config_keys[i], b, right);
        assert_string_equal(left, right);
        if (config_keys[i].kind == OPTION_REAL)
            assert_memory_equal((const char *)a + config_keys[i].offset,
                                (const char *)b + config_keys[i].offset, sizeof(double));
    }
    assert_int_equal(a->network.line_count, b->network.line_count);
    for (size_t i = 0; i < a->network.line_count; i++) {
        assert_string_equal(a->network.lines[i].name, b->network.lines[i].name);
        assert_string_equal(a->network.lines[i].text, b->network.lines[i].text);
    }
}

static void round_trip(const char *path, const char *text)
{
    struct config config, again;
    char *written = NULL, *rewritten = NULL;
    assert_done(config_parse(&config, path, text, NULL, 0));
    assert_done(config_text(&config, &written));
    assert_done(config_parse(&again, "other.ini", written, NULL, 0));
    assert_same(&config, &again);
    assert_done(config_text(&again, &rewritten));
    assert_string_equal(written, rewritten);
    free(written);
    free(rewritten);
    config_destroy(&config);
    config_destroy(&again);
}

static void text_reads_back(void **state)
{
    (void)state;
    round_trip("a.ini", LAYERS);
    round_trip("a.ini", full_text);
    char text[4 * OPTION_TEXT_MAX], value[OPTION_TEXT_MAX];
    for (size_t i = 0; i + 1 < sizeof value; i++)
        value[i] = "a;b#c=[d] "[i % 10];
    value[sizeof value - 1] = 0;
    value[sizeof value - 2] = 'e';
    snprintf(text, sizeof text, LAYERS "long = relu %s\n[data]\nfile = %s\n", value, value);
    for (char *p = text + sizeof LAYERS; (p = strstr(p, " a;")); p += 2)
        p[1] = 'x';
    round_trip("a.ini", text);
}

/* Every key, one by one, at a value that is not its default. */
static void every_key_reads_back(void **state)
{
    (void)state;
    static const char *const values[] = {"no",   "yes",  "0.7",  "3",      "4x5x6",   "step",       "tree",
                                         "text", "sqrt", "lamb", "random", "reflect", "flip,shift", "bf16"};
    for (size_t i = 0; i < config_key_count; i++) {
        size_t changes = 0;
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            struct config config;
            char text[512];
            snprintf(text, sizeof text, "[%s]\n%s = %s\n" LAYERS, config_keys[i].section, config_keys[i].name,
                     values[v]);
            if (parse(&config, text) == STATUS_OK) {
                config_destroy(&config);
                round_trip("a.ini", text);
                changes += strcmp(values[v], config_keys[i].fallback) != 0;
            }
        }
        if (!changes)
            fail_msg("no value for %s", config_keys[i].name);
    }
}

static void text_is_pleasant(void **state)
{
    (void)state;
    static const char *const overridden[] = {"network.out=linear"};
    struct config config;
    char *text = NULL;
    assert_done(config_parse(&config, "digits.ini", LAYERS, overridden, 1));
    assert_done(config_text(&config, &text));
    static const char begin[] = "; the configuration in effect, written by cnn-train " CNN_VERSION "\n"
                                "\n"
                                "[run]\n"
                                "name   = digits\n"
                                "output = checkpoints/digits\n"
                                "seed   = 1\n"
                                "\n"
                                "[data]\n"
                                "shuffle = yes\n"
                                "share   = yes\n"
                                "memory  = 0\n"
                                "window  = 0\n"
                                "\n"
                                "[augment]\n"
                                "flip       = no\n"
                                "pad        = 0\n"
                                "padding    = zero\n"
                                "cutout     = 0\n"
                                "brightness = 0\n"
                                "contrast   = 0\n"
                                "mixup      = 0\n"
                                "\n"
                                "[network]\n"
                                "flat  = flatten\n"
                                "fc1   = dense units=10\n"
                                "out   = linear\n"
                                "\n"
                                "[train]\n"
                                "epochs            = 10\n";
    text[strlen(begin) < strlen(text) ? strlen(begin) : 0] = 0;
    assert_string_equal(text, begin);
    free(text);
    config_destroy(&config);
}

static void files(void **state)
{
    (void)state;
    char *text = NULL;
    assert_failure(config_read_text(scratch_path("none.ini"), &text), STATUS_USAGE,
                   "none.ini: cannot be opened: No such", NULL);
    assert_failure(config_read_text(scratch_path(""), &text), STATUS_USAGE, "this is a folder", NULL);
    scratch_write(scratch_path("zero.ini"), "[a]\0b", 5);
    assert_failure(config_read_text(scratch_path("zero.ini"), &text), STATUS_USAGE, "zero.ini", "zero byte",
                   NULL);
    char *large = calloc(1, (1 << 20) + 1);
    assert_non_null(large);
    memset(large, 'x', (1 << 20) + 1);
    scratch_write(scratch_path("large.ini"), large, (1 << 20) + 1);
    assert_failure(config_read_text(scratch_path("large.ini"), &text), STATUS_USAGE, "longer than 1 MiB",
                   NULL);
    if (geteuid()) {
        chmod(scratch_path("large.ini"), 0);
        assert_failure(config_read_text(scratch_path("large.ini"), &text), STATUS_USAGE, "Permission denied",
                       NULL);
    }
    assert_null(text);
    scratch_write(scratch_path("good.ini"), large, 1 << 20);
    assert_done(config_read_text(scratch_path("good.ini"), &text));
    assert_int_equal(strlen(text), 1 << 20);
    free(text);
    scratch_write(scratch_path("empty.ini"), "", 0);
    assert_done(config_read_text(scratch_path("empty.ini"), &text));
    assert_string_equal(text, "");
    free(text);
    free(large);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One change: a byte flipped or replaced, the end cut off, a line said twice, bytes taken out. */
static void mutate(char *text, size_t space, uint64_t *random)
{
    static const char odd[] = "[]=:;#\n\r\t \"x0-.\x1b\xff";
    size_t length = strlen(text), at = length ? random_next(random) % length : 0;
    char *line = text + at;
    switch (random_next(random) % 6) {
    case 0:
        text[at] = (char)(text[at] ^ (1 << random_next(random) % 8));
        break;
    case 1:
        text[at] = odd[random_next(random) % (sizeof odd - 1)];
        break;
    case 2:
        if (random_next(random) % 8 == 0)
            text[at] = 0;
        break;
    case 3: {
        size_t count = strcspn(line, "\n") + 1;
        if (at + count <= length && length + count < space)
            memmove(line + count, line, length - at + 1);
        break;
    }
    case 4: {
        size_t count = random_next(random) % 40;
        if (at + count <= length)
            memmove(line, line + count, length - at - count + 1);
        break;
    }
    default: {
        size_t count = random_next(random) % 400;
        if (length + count < space) {
            memmove(line + count, line, length - at + 1);
            memset(line, odd[random_next(random) % (sizeof odd - 1)], count);
        }
    }
    }
}

static void survives_anything(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252;
    size_t good = 0, bad = 0;
    for (int i = 0; i < 20000; i++) {
        char text[8192], override[64];
        const char *list[] = {override};
        snprintf(text, sizeof text, "%s", full_text);
        snprintf(override, sizeof override, "network.conv1=conv2d filters=3");
        for (uint64_t changes = 1 + random_next(&random) % 4; changes; changes--)
            mutate(text, sizeof text, &random);
        if (i % 2)
            mutate(override, sizeof override, &random);
        struct config config;
        enum status status = config_parse(&config, "a.ini", text, list, 1);
        if (!status) {
            char *written = NULL;
            struct config again;
            assert_done(config_text(&config, &written));
            assert_done(config_parse(&again, "b.ini", written, NULL, 0));
            assert_same(&config, &again);
            free(written);
            config_destroy(&config);
            config_destroy(&again);
            good++;
        } else {
            assert_int_equal(status, STATUS_USAGE);
            assert_true(status_message()[0]);
            bad++;
        }
    }
    assert_true(good > 1000 && bad > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_reads_back),   cmocka_unit_test(every_key_reads_back),
        cmocka_unit_test(text_is_pleasant),  cmocka_unit_test(files),
        cmocka_unit_test(survives_anything),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
