/* The length of a run, in samples, steps and epochs, and what goes on until its end. */
#include "train/recipe.h"

#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct job job_of(struct config *config, size_t count, size_t batch, const char *epochs)
{
    char text[256];
    snprintf(text, sizeof text,
             "[network]\nout = softmax\n[train]\nschedule = triangular\nlookahead = 5\nepochs = %s\n",
             epochs);
    assert_done(config_parse(config, "a.ini", text, NULL, 0));
    return (struct job){.config = config, .has_data = true, .train = {.count = count}, .batch = batch};
}

/* Numbers that are no binary ones do not cost or win a step; steps are rounded up. */
static void test_length(void **state)
{
    (void)state;
    static const struct {
        size_t count, batch;
        const char *epochs;
        uint64_t samples, steps, begun;
    } rows[] = {
        {50000, 1024, "9.9", 9 * 50000 + 45 * 1024, 9 * 49 + 45, 10},
        {50000, 1024, "10", 500000, 490, 10},
        {50000, 1024, "0.001", 1024, 1, 1},
        {50000, 1024, "0.99", 50000, 49, 1},
        {1437, 20, "1.3", 1437 + 22 * 20, 72 + 22, 2},
        {1000, 100, "1.1", 1100, 11, 2},
        {1000, 100, "1.9", 1900, 19, 2},
        {1000, 100, "2.0000000001", 2000, 20, 2},
        {1000, 100, "1.9999999999", 2000, 20, 2},
        {1000, 100, "0.3", 300, 3, 1},
        {7, 7, "3.5", 28, 4, 4},
        {7, 100, "1000000", 7000000, 1000000, 1000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config;
        struct job job = job_of(&config, rows[i].count, rows[i].batch, rows[i].epochs);
        assert_int_equal(recipe_samples(&job), rows[i].samples);
        assert_int_equal(recipe_steps(&job), rows[i].steps);
        assert_int_equal(recipe_epochs(&job), rows[i].begun);
        config_destroy(&config);
    }
}

/* Schedule and Lookahead end with the last step, or where schedule_epochs says. */
static void test_ends(void **state)
{
    (void)state;
    struct config config;
    struct job job = job_of(&config, 50000, 1024, "9.9");
    struct schedule schedule = recipe_schedule(&job);
    double end = config.train.lr * config.train.cycle_end;
    assert_true(fabs(schedule_rate(&schedule, recipe_samples(&job)) - end) < 1e-12);
    assert_true(schedule_rate(&schedule, recipe_samples(&job) - 1024) > 1.01 * end);
    assert_true(recipe_average(&job).steps == 486);
    config.train.schedule_epochs = 20;
    assert_true(recipe_schedule(&job).epochs == 20 && recipe_average(&job).steps == 20 * 49);
    job.has_data = false;
    config.train.schedule_epochs = 0;
    assert_true(recipe_schedule(&job).epochs == 9.9);
    config_destroy(&config);
}

/* 10 parameters and 4 buffers: weights, two slots of Adam, moving average, slow weights; buffers once or
 * twice.
 */
static void test_checkpoint_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *train;
        double floats;
    } rows[] = {
        {"momentum = 0.9", 2 * 10 + 4},
        {"optimizer = adam", 3 * 10 + 4},
        {"optimizer = adam\nema = 0.9", 4 * 10 + 4},
        {"optimizer = adam\nema = 0.9\nlookahead = 5", 5 * 10 + 4},
        {"optimizer = adam\nlookahead = 5\nlookahead_buffers = yes", 4 * 10 + 2 * 4},
    };
    const struct network network = {.parameter_count = 10, .buffer_count = 4};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config;
        char text[256];
        snprintf(text, sizeof text, "[network]\nout = softmax\n[train]\n%s\n", rows[i].train);
        assert_done(config_parse(&config, "a.ini", text, NULL, 0));
        assert_true(recipe_checkpoint_bytes(&config, &network) == 4 * rows[i].floats);
        config_destroy(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_length), cmocka_unit_test(test_ends),
                                       cmocka_unit_test(test_checkpoint_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
