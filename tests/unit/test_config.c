#include "io/augment.h"
#include "io/config.h"
#include "io/tta.h"

#include "support/full_config.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAYERS "[network]\nflat = flatten\nfc1 = dense units=10\nout = softmax\n"

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
    assert_true(config.data.shuffle && config.data.share && !config.train.nesterov);
    assert_true(config.data.memory == 0 && config.data.window == 0);
    assert_int_equal(shape_count(config.network.input), 0);
    assert_true(config.train.epochs == 10 && config.train.batch == 128);
    assert_true(config.train.lr == 0.01 && config.train.momentum == 0.9 && config.train.clip_norm == 0);
    assert_true(config.train.optimizer == CONFIG_SGD && config.train.schedule == CONFIG_CONSTANT);
    assert_true(config.distributed.shards == 0 && config.checkpoint.every.count == 1 &&
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
    assert_false(config.data.shuffle || config.data.share);
    assert_true(config.data.memory == 700 && config.data.window == 0.25);
    assert_true(config.augment.flip == AUGMENT_FLIP_ALTERNATE && config.augment.pad == 2 &&
                config.augment.padding == AUGMENT_PAD_REFLECT && config.augment.cutout == 3);
    assert_true(config.augment.brightness == 0.25 && config.augment.contrast == 0.5 &&
                config.augment.mixup == 0.25);
    assert_int_equal(config.evaluate.tta, TTA_FLIP_SHIFT);
    assert_int_equal(config.evaluate.every, 2);
    assert_true(shape_equal(config.network.input, (struct shape){8, 9, 3}));
    assert_true(config.train.epochs == 6.75 && config.train.batch == 33 &&
                config.train.optimizer == CONFIG_SGD);
    assert_true(config.train.lr == 0.30000000000000004 && config.train.momentum == 0.95 &&
                config.train.nesterov);
    assert_true(config.train.weight_decay == 5e-4 && config.train.clip_norm == 2.5);
    assert_true(config.train.beta1 == 0.8 && config.train.beta2 == 0.95 && config.train.alpha == 0.9);
    assert_true(config.train.eps == 1e-6 && config.train.trust == 0.02);
    assert_true(config.train.schedule == CONFIG_COSINE && config.train.warmup == 1.5);
    assert_true(config.train.warmup_factor == 0.333 && config.train.step_epochs == 2.5);
    assert_true(config.train.step_factor == 0.2 && config.train.final_lr == 1e-7);
    assert_string_equal(config.train.milestones, "2,4.5");
    assert_true(config.train.power == 2 && config.train.cycle_start == 0.2);
    assert_true(config.train.cycle_peak == 0.23 && config.train.cycle_end == 0.07);
    assert_true(config.train.schedule_epochs == 7.5 && config.train.base_batch == 64);
    assert_true(config.train.lr_scaling == CONFIG_SCALING_SQRT && config.train.label_smoothing == 0.1);
    assert_string_equal(config.train.class_weights, "1,2");
    assert_true(config.train.ema == 0.99 && config.train.lookahead == 4);
    assert_true(config.train.lookahead_alpha == 0.2 && config.train.lookahead_power == 3);
    assert_true(config.distributed.shards == 16 && config.distributed.allreduce == CONFIG_TREE &&
                config.distributed.bucket == 77 && config.distributed.overlap == CONFIG_OVERLAP_NO);
    assert_true(config.distributed.check_every == 5 && config.distributed.stall_warn == 2.5 &&
                config.distributed.stall_abort == 60.5);
    assert_true(config.checkpoint.every.count == 2.5 && config.checkpoint.every.unit == INTERVAL_MINUTES &&
                config.checkpoint.keep == 3);

    assert_int_equal(config.network.line_count, 4);
    assert_string_equal(config.network.lines[0].name, "conv1");
    assert_string_equal(config.network.lines[0].text, "conv2d filters=8   kernel=3x5");
    assert_string_equal(config.network.lines[0].where, "configs/a.ini:21");
    assert_int_equal(strlen(config.network.lines[1].name), 63);
    assert_string_equal(config.network.lines[3].where, "configs/a.ini:24");
    config_destroy(&config);
}

/* PyTorch's default, which is not that of the others; a line or an override says otherwise. */
static void momentum_of_rmsprop(void **state)
{
    (void)state;
    static const char *const rmsprop[] = {"train.optimizer=rmsprop", "train.momentum=0.9"};
    static const struct {
        const char *text;
        size_t overrides;
        double momentum;
    } cases[] = {{LAYERS, 0, 0.9},
                 {LAYERS, 1, 0},
                 {LAYERS, 2, 0.9},
                 {LAYERS "[train]\nmomentum = 0.5\n", 1, 0.5},
                 {LAYERS "[train]\noptimizer = adam\n", 0, 0.9}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config config;
        assert_done(config_parse(&config, "a.ini", cases[i].text, rmsprop, cases[i].overrides));
        assert_true(config.train.momentum == cases[i].momentum);
        config_destroy(&config);
    }
}

/* Parts of the last epoch may be beyond a schedule; a milestone that is not used may be anywhere. */
static void schedules_that_end_late_enough(void **state)
{
    (void)state;
    static const char *const texts[] = {
        LAYERS "[train]\nepochs = 10\nschedule = triangular\nschedule_epochs = 9.5\n",
        LAYERS "[train]\nepochs = 10\nschedule = cosine\nschedule_epochs = 10\n",
        LAYERS "[train]\nepochs = 10\nschedule_epochs = 1\nmilestones = 3,20\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config config;
        assert_done(parse(&config, texts[i]));
        config_destroy(&config);
    }
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
         "unknown section [hyper]; there are run, data, augment, network, train, evaluate"},
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
        {LAYERS "[train]\nepochs = 0\n", "epochs = 0: expected a number from 0.001 to 1000000"},
        {LAYERS "[train]\nepochs = few\n", "epochs = few: expected a number"},
        {LAYERS "[train]\nmomentum = 1.1\n", "momentum = 1.1: expected a number from 0 to 1"},
        {LAYERS "[train]\nnesterov = maybe\n", "nesterov = maybe: expected yes or no"},
        {LAYERS "[train]\nschedule = cosin\n", "schedule = cosin: unknown, did you mean `cosine`?"},
        {LAYERS "[train]\nstep_epochs = 0\n", "step_epochs = 0: expected"},
        {LAYERS "input = 28\n", "input = 28: expected HEIGHTxWIDTHxCHANNELS"},
        {LAYERS "[train]\nlr = 1\n[data]\n[train]\nlr = 2\n",
         "configs/a.ini:9: `lr` is given twice in [train]; it is in line 6 already"},
        {LAYERS "fc1 = relu\n", "configs/a.ini:5: layer `fc1` is there already, at configs/a.ini:3"},
        {LAYERS "a..b = relu\n", "configs/a.ini:5: layer name `a..b`: dots stand between"},
        {LAYERS "a b = relu\n", "layer name `a b`"},
        {LAYERS "a/b = relu\n", "layer name `a/b`"},
        {LAYERS "input = relu\n", "configs/a.ini:5: input = relu: expected"},
        {LAYERS "a123456789_123456789_123456789_123456789_123456789_123456789_123 = relu\n",
         "longer than 63"},
        {LAYERS "[train]\nnesterov = yes\nmomentum = 0\n", "configs/a.ini:6: nesterov = yes needs momentum"},
        {LAYERS "[train]\noptimizer = lamb\nnesterov = yes\n",
         "configs/a.ini:7: nesterov = yes is for optimizer = sgd only"},
        {LAYERS "[train]\nepochs = 10\nschedule = onecycle\nschedule_epochs = 9\n",
         "configs/a.ini:8: the schedule ends after schedule_epochs = 9, the run after epochs = 10"},
        {LAYERS "[train]\nschedule = onecycle\nwarmup = 1\n",
         "configs/a.ini:7: warmup = 1: schedule = onecycle"},
        {LAYERS "[train]\nschedule = multistep\n", "configs/a.ini:6: schedule = multistep needs milestones"},
        {LAYERS "[train]\nmilestones = 3,x\n", "configs/a.ini:6: milestones = 3,x: expected up to 32 epochs"},
        {LAYERS "[train]\nmilestones = 3,2\n", "milestones = 3,2: they must be above 0 and rise"},
        {LAYERS "[train]\nschedule = multistep\nmilestones = 3,10\n",
         "configs/a.ini:7: milestones = 3,10: the run ends before 10, after epochs = 10"},
        {LAYERS "[train]\noptimizer = adam_w\n", "did you mean `adamw`?"},
        {LAYERS "[train]\nbeta1 = 1\n", "beta1 = 1: expected a number from 0 to 0.999999"},
        {LAYERS "[train]\nepochs = 2.5\nschedule = multistep\nmilestones = 2.5\n",
         "configs/a.ini:8: milestones = 2.5: the run ends before 2.5, after epochs = 2.5"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_key),
        cmocka_unit_test(momentum_of_rmsprop),
        cmocka_unit_test(schedules_that_end_late_enough),
        cmocka_unit_test(wrong_texts),
        cmocka_unit_test(layers_are_not_planned),
        cmocka_unit_test(too_many_layers),
        cmocka_unit_test(names_from_paths),
        cmocka_unit_test(overrides),
        cmocka_unit_test(wrong_overrides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
