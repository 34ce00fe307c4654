#include "io/config.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LAYERS "[network]\nflat = flatten\nfc1 = dense units=10\nout = softmax\n"

static const char full_text[] = "[run]\n"
                                "name = a run\n"
                                "output = /tmp/x y/z\n"
                                "seed = 18446744073709551615\n"
                                "[data]\n"
                                "file = data/digits.h5\n"
                                "shuffle = no\n"
                                "[network]\n"
                                "input = 8x9x3\n"
                                "conv1 = conv2d filters=8   kernel=3x5 ; comment\n"
                                "a_layer-with_a_name_of_63_letters-0123456789_0123456789_0123456 = relu\n"
                                "sum = add from=conv1,input\n"
                                "out = softmax\n"
                                "[train]\n"
                                "epochs = 7\n"
                                "batch = 33\n"
                                "optimizer = sgd\n"
                                "lr = 0.30000000000000004\n"
                                "momentum = 0.95\n"
                                "nesterov = yes\n"
                                "weight_decay = 5e-4\n"
                                "clip_norm = 2.5\n"
                                "schedule = cosine\n"
                                "warmup = 1.5\n"
                                "warmup_factor = 0.333\n"
                                "step_epochs = 2.5\n"
                                "step_factor = 0.2\n"
                                "final_lr = 1e-7\n"
                                "[distributed]\n"
                                "shards = 16\n"
                                "[checkpoint]\n"
                                "every = 0\n"
                                "keep = 3\n";

static enum status parse(struct config *config, const char *text)
{
    return config_parse(config, "configs/a.ini", text, NULL, 0);
}

static void defaults(void **state)
{
    (void)state;
    struct config config;
    assert_done(parse(&config, LAYERS));
    assert_string_equal(config.path, "configs/a.ini");
    assert_string_equal(config.run.name, "a");
    assert_string_equal(config.run.output, "checkpoints/a");
    assert_int_equal(config.run.seed, 1);
    assert_string_equal(config.data.file, "");
    assert_true(config.data.shuffle && !config.train.nesterov);
    assert_int_equal(shape_count(config.network.input), 0);
    assert_true(config.train.epochs == 10 && config.train.batch == 128);
    assert_true(config.train.lr == 0.01 && config.train.momentum == 0.9 && config.train.clip_norm == 0);
    assert_true(config.train.optimizer == CONFIG_SGD && config.train.schedule == CONFIG_CONSTANT);
    assert_true(config.distributed.shards == 0 && config.checkpoint.every == 1 &&
                config.checkpoint.keep == 0);
    config_destroy(&config);
    config_destroy(&config);
}

static void every_key(void **state)
{
    (void)state;
    struct config config;
    assert_done(parse(&config, full_text));
    assert_string_equal(config.run.name, "a run");
    assert_string_equal(config.run.output, "/tmp/x y/z");
    assert_true(config.run.seed == UINT64_MAX);
    assert_string_equal(config.data.file, "data/digits.h5");
    assert_false(config.data.shuffle);
    assert_true(shape_equal(config.network.input, (struct shape){8, 9, 3}));
    assert_true(config.train.epochs == 7 && config.train.batch == 33 && config.train.optimizer == CONFIG_SGD);
    assert_true(config.train.lr == 0.30000000000000004 && config.train.momentum == 0.95 &&
                config.train.nesterov);
    assert_true(config.train.weight_decay == 5e-4 && config.train.clip_norm == 2.5);
    assert_true(config.train.schedule == CONFIG_COSINE && config.train.warmup == 1.5);
    assert_true(config.train.warmup_factor == 0.333 && config.train.step_epochs == 2.5);
    assert_true(config.train.step_factor == 0.2 && config.train.final_lr == 1e-7);
    assert_true(config.distributed.shards == 16 && config.checkpoint.every == 0 &&
                config.checkpoint.keep == 3);

    assert_int_equal(config.network.line_count, 4);
    assert_string_equal(config.network.lines[0].name, "conv1");
    assert_string_equal(config.network.lines[0].text, "conv2d filters=8   kernel=3x5");
    assert_string_equal(config.network.lines[0].where, "configs/a.ini:10");
    assert_int_equal(strlen(config.network.lines[1].name), 63);
    assert_string_equal(config.network.lines[3].where, "configs/a.ini:13");
    config_destroy(&config);
}

static void wrong_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "configs/a.ini: the file is empty"},
        {"\n \t\r\n", "configs/a.ini: the file is empty"},
        {"; nothing\n", "configs/a.ini: there is no layer"},
        {"[network]\n", "configs/a.ini: there is no layer: [network] needs lines"},
        {"[network]\ninput = 8x8\n", "there is no layer"},
        {"x\n", "configs/a.ini:1: expected `name = value`"},
        {LAYERS "[trian]\n", "configs/a.ini:5: unknown section [trian]; did you mean `train`?"},
        {LAYERS "[hyper]\nlr = 1\n",
         "unknown section [hyper]; there are run, data, network, train, distributed"},
        {LAYERS "[Train]\nlr = 1\n", "unknown section [Train]; did you mean `train`?"},
        {LAYERS "[train]\nepoch = 1\n",
         "configs/a.ini:6: unknown key `epoch` in [train]; did you mean `epochs`?"},
        {LAYERS "[train]\nLR = 1\n", "did you mean `lr`?"},
        {LAYERS "[train]\nlerning_rate = 1\n",
         "in [train]; there are epochs, batch, optimizer, lr, momentum"},
        {LAYERS "[data]\nbatch = 1\n", "unknown key `batch` in [data]; `batch` belongs to [train]"},
        {LAYERS "lr = 0.1\n", "configs/a.ini:5: unknown key `lr` in [network]; `lr` belongs to [train]"},
        {LAYERS "[train]\nlr = fast\n", "configs/a.ini:6: lr = fast: expected a number, 0 or more"},
        {LAYERS "[train]\nlr =\n", "configs/a.ini:6: lr = : expected a number"},
        {LAYERS "[train]\nlr = -1\n", "lr = -1: expected a number, 0 or more"},
        {LAYERS "[train]\nepochs = 0\n", "epochs = 0: expected a whole number from 1 to 1000000"},
        {LAYERS "[train]\nepochs = 1.5\n", "epochs = 1.5: expected a whole number"},
        {LAYERS "[train]\nmomentum = 1.1\n", "momentum = 1.1: expected a number from 0 to 1"},
        {LAYERS "[train]\nnesterov = maybe\n", "nesterov = maybe: expected yes or no"},
        {LAYERS "[train]\nschedule = cosin\n", "schedule = cosin: unknown, did you mean `cosine`?"},
        {LAYERS "[train]\nstep_epochs = 0\n", "step_epochs = 0: expected"},
        {LAYERS "input = 28\n", "input = 28: expected HEIGHTxWIDTHxCHANNELS"},
        {LAYERS "[train]\nlr = 1\n[data]\n[train]\nlr = 2\n",
         "configs/a.ini:9: `lr` is given twice in [train]; it is in line 6 already"},
        {LAYERS "fc1 = relu\n", "configs/a.ini:5: layer `fc1` is there already, at configs/a.ini:3"},
        {LAYERS "a.b = relu\n", "configs/a.ini:5: layer name `a.b`: only letters, digits, _ and -"},
        {LAYERS "a b = relu\n", "layer name `a b`"},
        {LAYERS "a/b = relu\n", "layer name `a/b`"},
        {LAYERS "input = relu\n", "configs/a.ini:5: input = relu: expected"},
        {LAYERS "a123456789_123456789_123456789_123456789_123456789_123456789_123 = relu\n",
         "longer than 63"},
        {LAYERS "[train]\nnesterov = yes\nmomentum = 0\n", "configs/a.ini:6: nesterov = yes needs momentum"},
        {LAYERS "[train]\nepochs = 3\nwarmup = 3.5\n",
         "configs/a.ini:7: warmup = 3.5 is longer than the run, epochs = 3"},
        {LAYERS "[run]\nname = a/b\n", "configs/a.ini:6: `a/b` cannot be [run] name"},
        {LAYERS "[run]\nname = ..\n", "configs/a.ini:6: `..` cannot be [run] name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config;
        assert_failure(parse(&config, rows[i].text), STATUS_USAGE, rows[i].message, NULL);
        assert_null(config.network.lines);
        assert_int_equal(config.network.line_count, 0);
    }
}

/* A layer may have a key's name, and its type need not be known here. */
static void layers_are_not_planned(void **state)
{
    (void)state;
    struct config config;
    assert_done(parse(&config, "[network]\nbatch = relu\nx = no_such_type a=b\n[train]\nwarmup = 10\n"));
    assert_int_equal(config.network.line_count, 2);
    config_destroy(&config);
}

static void too_many_layers(void **state)
{
    (void)state;
    char *text = malloc(32 * (CONFIG_LAYERS_MAX + 2)), *end = text;
    assert_non_null(text);
    end += sprintf(end, "[network]\n");
    for (int i = 0; i < CONFIG_LAYERS_MAX; i++)
        end += sprintf(end, "l%d = relu\n", i);
    struct config config;
    assert_done(parse(&config, text));
    assert_int_equal(config.network.line_count, CONFIG_LAYERS_MAX);
    assert_string_equal(config.network.lines[CONFIG_LAYERS_MAX - 1].name, "l4095");
    config_destroy(&config);
    strcpy(end, "one_more = relu\n");
    assert_failure(parse(&config, text), STATUS_USAGE, "configs/a.ini:4098: more than 4096 layers", NULL);
    free(text);
}

static void names_from_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name, *message;
    } rows[] = {
        {"a.ini", "a", NULL},
        {"/x/y.z/b.ini", "b", NULL},
        {"c", "c", NULL},
        {"d.ini.ini", "d.ini", NULL},
        {"e.txt", "e.txt", NULL},
        {".ini", ".ini", NULL},
        {"two words.ini", "two words", NULL},
        {"a ;b.ini", NULL, "a ;b.ini: `a ;b` cannot be [run] name: a `;` or `#` behind a blank"},
        {"x/", NULL, "cannot be [run] name: it is empty"},
        {"x/..", NULL, "`..` cannot be [run] name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config;
        enum status status = config_parse(&config, rows[i].path, LAYERS, NULL, 0);
        if (rows[i].name) {
            assert_done(status);
            assert_string_equal(config.run.name, rows[i].name);
            config_destroy(&config);
        } else {
            assert_failure(status, STATUS_USAGE, rows[i].message, NULL);
        }
    }
    char path[2 * OPTION_TEXT_MAX];
    struct config config;
    memset(path, 'p', sizeof path);
    path[OPTION_TEXT_MAX] = 0;
    assert_failure(config_parse(&config, path, LAYERS, NULL, 0), STATUS_USAGE, "path is too long", NULL);
    path[OPTION_TEXT_MAX - 1] = 0;
    assert_failure(config_parse(&config, path, LAYERS, NULL, 0), STATUS_USAGE, "name is too long", NULL);
}

static void overrides(void **state)
{
    (void)state;
    static const char *const list[] = {"train.lr=0.5",
                                       "train.lr = 0.25 ",
                                       "run.name=",
                                       "data.file=a=b.c",
                                       " network.fc1 = dense units=20",
                                       "network.input=4x4"};
    static const char text[] = LAYERS "[train]\nlr = 0.1\n[run]\nname = x\n";
    struct config config;
    assert_done(config_parse(&config, "a.ini", text, list, 6));
    assert_true(config.train.lr == 0.25);
    assert_string_equal(config.run.name, "a");
    assert_string_equal(config.data.file, "a=b.c");
    assert_int_equal(config.network.line_count, 3);
    assert_string_equal(config.network.lines[1].name, "fc1");
    assert_string_equal(config.network.lines[1].text, "dense units=20");
    assert_string_equal(config.network.lines[1].where, "--set  network.fc1 = dense units=20");
    assert_true(shape_equal(config.network.input, (struct shape){4, 4, 1}));
    config_destroy(&config);
}

static void wrong_overrides(void **state)
{
    (void)state;
    static const struct {
        const char *override, *message;
    } rows[] = {
        {"train.lr=x", "--set train.lr=x: lr = x: expected a number, 0 or more"},
        {"train.lr", "--set train.lr: expected section.key=value"},
        {"lr=0.1", "--set lr=0.1: expected section.key=value"},
        {"lr=0.1.2", "expected section.key=value"},
        {".lr=1", "expected section.key=value"},
        {"train.=1", "expected section.key=value"},
        {"", "--set : expected section.key=value"},
        {"trian.lr=1", "--set trian.lr=1: unknown section [trian]; did you mean `train`?"},
        {"train.epoch=1", "unknown key `epoch` in [train]; did you mean `epochs`?"},
        {"data.lr=1", "`lr` belongs to [train]"},
        {"network.fc2=relu",
         "--set network.fc2=relu: [network] has no layer `fc2` to replace; did you mean `fc1`?"},
        {"network.convolution=relu", "has no layer `convolution` to replace"},
        {"run.name=a ;b", "--set run.name=a ;b: this cannot be a value: a `;` or `#` behind a blank"},
        {"run.name=;b", "begins a comment"},
        {"run.name=a\nb", "it holds a control character"},
        {"run.name=a/b", "--set run.name=a/b: `a/b` cannot be [run] name"},
        {"train.warmup=11", "--set train.warmup=11: warmup = 11 is longer than the run, epochs = 10"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config;
        assert_failure(config_parse(&config, "a.ini", LAYERS, &rows[i].override, 1), STATUS_USAGE,
                       rows[i].message, NULL);
        assert_null(config.network.lines);
    }
    static const char *const harmless[] = {"train.lr=1"};
    struct config config;
    assert_failure(config_parse(&config, "a.ini", "[network]\n", harmless, 1), STATUS_USAGE,
                   "a.ini: there is no layer", NULL);
    static const char *const nesterov[] = {"train.nesterov=yes", "train.momentum=0"};
    assert_failure(config_parse(&config, "a.ini", LAYERS, nesterov, 2), STATUS_USAGE,
                   "--set train.nesterov=yes: nesterov = yes needs", NULL);

    char word[5000] = "network.fc1=";
    memset(word + 12, 'x', sizeof word - 13);
    const char *const list[] = {word};
    assert_failure(config_parse(&config, "a.ini", LAYERS, list, 1), STATUS_USAGE,
                   "longer than 4095 characters", NULL);
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
    static const char *const values[] = {"no", "yes", "0.7", "3", "4x5x6", "step", "text"};
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
        if (!changes && strcmp(config_keys[i].name, "optimizer"))
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
                                "\n"
                                "[network]\n"
                                "flat  = flatten\n"
                                "fc1   = dense units=10\n"
                                "out   = linear\n"
                                "\n"
                                "[train]\n"
                                "epochs        = 10\n";
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

static void help(void **state)
{
    (void)state;
    for (int markdown = 0; markdown < 2; markdown++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        config_help(out, markdown);
        fclose(out);
        for (size_t i = 0; i < config_key_count; i++)
            assert_non_null(strstr(text, config_keys[i].name));
        for (size_t i = 0; i < layer_type_count; i++)
            assert_non_null(strstr(text, layer_types[i]->type));
        assert_null(strstr(text, "]\n  \n"));
        assert_null(strstr(text, "]\n\n\n"));
        for (char *line = text; !markdown && *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 100);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),          cmocka_unit_test(every_key),
        cmocka_unit_test(wrong_texts),       cmocka_unit_test(layers_are_not_planned),
        cmocka_unit_test(too_many_layers),   cmocka_unit_test(names_from_paths),
        cmocka_unit_test(overrides),         cmocka_unit_test(wrong_overrides),
        cmocka_unit_test(text_reads_back),   cmocka_unit_test(every_key_reads_back),
        cmocka_unit_test(text_is_pleasant),  cmocka_unit_test(files),
        cmocka_unit_test(survives_anything), cmocka_unit_test(help),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
