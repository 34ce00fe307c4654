/* What differs between two configurations, each difference once, with both values. */
#include "io/config_compare.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char base[] = "[network]\nconv1 = conv2d filters=8 kernel=3\nflat = flatten\nout = softmax\n";

static enum status append(void *user, const struct config_difference *d)
{
    char *all = user;
    size_t used = strlen(all);
    snprintf(all + used, 4096 - used, "%s%d: %s -> %s\n", d->name, (int)d->change, d->was, d->is);
    return STATUS_OK;
}

static enum status refuse(void *user, const struct config_difference *d)
{
    ++*(size_t *)user;
    return status_set(STATUS_USAGE, "no: %s", d->name);
}

/* Between `base` and `other`, both with their overrides. */
static void assert_differences(const char *other, const char *override, const char *expected)
{
    struct config a, b;
    char all[4096] = "";
    assert_done(config_parse(&a, "run.ini", base, NULL, 0));
    assert_done(config_parse(&b, "run.ini", other, &override, override != NULL));
    assert_done(config_compare(&a, &b, append, all));
    assert_string_equal(all, expected);
    config_destroy(&a);
    config_destroy(&b);
}

static void test_keys(void **state)
{
    (void)state;
    assert_differences(base, NULL, "");
    assert_differences(base, "train.lr=0.5", "train.lr0: 0.01 -> 0.5\n");
    assert_differences(base, "train.lr=1e-2", "");
    assert_differences(base, "train.batch=64", "train.batch1: 128 -> 64\n");
    assert_differences(base, "run.seed=2", "run.seed2: 1 -> 2\n");
    assert_differences(base, "data.shuffle=off", "data.shuffle2: yes -> no\n");
    assert_differences(base, "distributed.shards=4", "distributed.shards2: 0 -> 4\n");
    assert_differences(base, "network.input=8x8", "network.input2:  -> 8x8x1\n");
    assert_differences(base, "run.name=b",
                       "run.name0: run -> b\nrun.output0: checkpoints/run -> checkpoints/b\n");
}

/* The first line that differs, and only that. */
static void test_layers(void **state)
{
    (void)state;
    assert_differences("[network]\nconv1 =  conv2d \t filters=8   kernel=3\nflat = flatten\nout = softmax\n",
                       NULL, "");
    assert_differences("[network]\nconv1 = conv2d filters=9 kernel=3\nflat = flatten\nout = linear\n", NULL,
                       "network.conv12: conv2d filters=8 kernel=3 -> conv2d filters=9 kernel=3\n");
    assert_differences("[network]\nconv1 = conv2d filters=8 kernel=3\nflat2 = flatten\nout = softmax\n", NULL,
                       "network.flat22: flat = flatten -> flat2 = flatten\n");
    assert_differences("[network]\nconv1 = conv2d filters=8 kernel=3\nflat = flatten\n", NULL,
                       "network.out2: softmax -> no layer\n");
    assert_differences(
        "[network]\nconv1 = conv2d filters=8 kernel=3\nflat = flatten\nout = softmax\nmore = softmax\n", NULL,
        "network.more2: no layer -> softmax\n");
}

static void test_ends_where_told(void **state)
{
    (void)state;
    static const char *const overrides[] = {"train.lr=0.5", "train.epochs=3"};
    struct config a, b;
    size_t calls = 0;
    assert_done(config_parse(&a, "run.ini", base, NULL, 0));
    assert_done(config_parse(&b, "run.ini", base, overrides, 2));
    assert_failure(config_compare(&a, &b, refuse, &calls), STATUS_USAGE, "no: train.epochs", NULL);
    assert_int_equal(calls, 1);
    config_destroy(&a);
    config_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_ends_where_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
