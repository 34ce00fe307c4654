/* Moving average and Lookahead against their formulas in double, for any number of threads. */
#include "core/average.h"
#include "support/array.h"
#include "support/network_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 20 };
static const char lines[] =
    "fc1 = dense units=97\nbn = batchnorm scale=no shift=no\nfc2 = dense units=13\nout = linear"; /* more than
                                                                                                     one block
                                                                                                   */
static const struct shape input = {1, 1, 101};

/* Weights and buffers after STEPS steps, each of which adds something else: trained, and to be used; to be
 * freed. */
struct result {
    float *trained, *used, *trained_buffers, *used_buffers;
};

static void result_destroy(struct result *result)
{
    free(result->trained);
    free(result->used);
    free(result->trained_buffers);
    free(result->used_buffers);
}

static struct result train(const struct average_settings *settings, int threads)
{
    struct network network;
    struct average average;
    network_must_plan(&network, input, lines);
    size_t count = network.parameter_count;
    size_t buffers = network.buffer_count;
    struct result result = {array_floats(count), array_floats(count), array_floats(buffers),
                            array_floats(buffers)};
    float *move = array_floats(count);
    assert_int_equal(network_bind(&network, 1, true, threads), STATUS_OK);
    assert_int_equal(average_create(&average, settings, count, buffers), STATUS_OK);
    array_fill(network.parameters, count, 1);
    array_fill(network.buffers, buffers, 1);
    average_begin(&average, &network);
    for (uint64_t step = 1; step <= STEPS; step++) {
        array_fill(move, count, 1 + step);
        for (size_t i = 0; i < count; i++)
            network.parameters[i] += move[i];
        array_fill(move, buffers, 1 + step);
        for (size_t i = 0; i < buffers; i++)
            network.buffers[i] += move[i];
        average_step(&average, &network, step);
    }
    memcpy(result.trained, network.parameters, count * sizeof(float));
    memcpy(result.trained_buffers, network.buffers, buffers * sizeof(float));
    bool averaged = average_exchange(&average, &network);
    assert_int_equal(averaged, average_arrays(settings) > 0);
    memcpy(result.used, network.parameters, count * sizeof(float));
    memcpy(result.used_buffers, network.buffers, buffers * sizeof(float));
    average_exchange(&average, &network);
    assert_same_bits("exchanged twice", network.parameters, result.trained, count);
    assert_same_bits("buffers exchanged twice", network.buffers, result.trained_buffers, buffers);
    free(move);
    average_destroy(&average);
    network_destroy(&network);
    return result;
}

/* torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn, and Zhang et al. 2019, algorithm 1. */
static void truth(const struct average_settings *s, size_t count, double *w, double *used)
{
    double *slow = array_bytes(count * sizeof *slow);
    float *start = array_floats(count), *move = array_floats(count);
    array_fill(start, count, 1);
    for (size_t i = 0; i < count; i++)
        w[i] = used[i] = slow[i] = start[i];
    for (int step = 1; step <= STEPS; step++) {
        array_fill(move, count, 1 + (uint64_t)step);
        double alpha = 1 - (1 - s->alpha) * pow(fmin(step / s->steps, 1), s->power);
        for (size_t i = 0; i < count; i++) {
            w[i] += move[i];
            if (s->lookahead && step % (int)s->lookahead == 0)
                w[i] = slow[i] = slow[i] + alpha * (w[i] - slow[i]);
            if (s->ema > 0)
                used[i] = step == 1 ? w[i] : s->ema * used[i] + (1 - s->ema) * w[i];
            else
                used[i] = s->lookahead ? slow[i] : w[i];
        }
    }
    free(slow);
    free(start);
    free(move);
}

static void test_formulas(void **state)
{
    (void)state;
    static const struct average_settings settings[] = {
        {.steps = 20},
        {.ema = 0.9, .steps = 20},
        {.lookahead = 5, .alpha = 0.5, .steps = 20},
        {.lookahead = 3, .alpha = 0.2262, .power = 3, .steps = 24},
        {.lookahead = 3, .alpha = 0, .power = 1, .steps = 10}, /* slow weights stand still in the end */
        {.ema = 0.99, .lookahead = 6, .alpha = 0.8, .steps = 20},
        {.ema = 0.5, .lookahead = 1, .alpha = 0.25, .steps = 20},
        {.lookahead = 3, .alpha = 0.2262, .power = 3, .steps = 24, .buffers = true},
        {.lookahead = 7, .alpha = 0.5, .steps = 20, .buffers = true},
        {.ema = 0.9, .lookahead = 3, .alpha = 0.5, .steps = 20, .buffers = true},
        {.ema = 0.9, .steps = 20, .buffers = true},
    };
    size_t count = 101 * 97 + 97 + 97 * 13 + 13, buffers = 2 * 97;
    double *w = array_bytes(count * sizeof *w), *used = array_bytes(count * sizeof *used);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        truth(&settings[i], count, w, used);
        struct result one = train(&settings[i], 1), three = train(&settings[i], 3);
        assert_close("trained", one.trained, w, count, 1e-6);
        assert_close("used", one.used, used, count, 1e-6);
        struct average_settings of_buffers = settings[i]; /* the moving average leaves them alone */
        of_buffers.ema = 0;
        of_buffers.lookahead = settings[i].buffers ? settings[i].lookahead : 0;
        truth(&of_buffers, buffers, w, used);
        assert_close("trained buffers", one.trained_buffers, w, buffers, 1e-6);
        assert_close("used buffers", one.used_buffers, settings[i].ema > 0 ? w : used, buffers, 1e-6);
        assert_same_bits("used buffers with 3 threads", three.used_buffers, one.used_buffers, buffers);
        assert_same_bits("trained with 3 threads", three.trained, one.trained, count);
        assert_same_bits("used with 3 threads", three.used, one.used, count);
        result_destroy(&one);
        result_destroy(&three);
    }
    free(w);
    free(used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formulas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
