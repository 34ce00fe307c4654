/* Learning rates: their formulas, and that nothing but the samples seen decides. */
#include "core/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;

static void assert_rate(const struct schedule *schedule, double epoch, double expected)
{
    double got = schedule_rate(schedule, (uint64_t)llround(epoch * schedule->epoch_size));
    if (!(fabs(got - expected) <= 1e-12 * fabs(expected)))
        fail_msg("after %g epochs %.17g, not %.17g", epoch, got, expected);
}

static void test_constant(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_CONSTANT, .rate = 0.03, .epoch_size = 1437, .epochs = 10};
    for (double epoch = 0; epoch < 20; epoch += 0.5)
        assert_rate(&s, epoch, 0.03);
}

/* The step comes with the sample that completes the epoch, not one before. */
static void test_step(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_STEP,
                         .rate = 0.1,
                         .epoch_size = 1437,
                         .epochs = 90,
                         .step_epochs = 30,
                         .step_factor = 0.1};
    assert_rate(&s, 0, 0.1);
    assert_rate(&s, 29, 0.1);
    assert_rate(&s, 30, 0.01);
    assert_rate(&s, 59.5, 0.01);
    assert_rate(&s, 60, 0.001);
    assert_rate(&s, 150, 1e-6);
    assert_true(schedule_rate(&s, 30 * 1437 - 1) == 0.1);
    s.step_epochs = 0.5;
    s.epoch_size = 1000;
    assert_rate(&s, 0.499, 0.1);
    assert_rate(&s, 0.5, 0.01);
    assert_rate(&s, 1.25, 0.001);
    s.step_epochs = 0.1; /* 0.3 / 0.1 is a little less than 3 */
    s.step_factor = 0.5;
    assert_rate(&s, 0.3, 0.0125);
}

static void test_cosine(void **state)
{
    (void)state;
    struct schedule s = {
        .kind = SCHEDULE_COSINE, .rate = 0.2, .epoch_size = 600, .epochs = 10, .final_rate = 0.01};
    assert_rate(&s, 0, 0.2);
    assert_rate(&s, 5, 0.105);
    assert_rate(&s, 10, 0.01);
    assert_rate(&s, 20, 0.01); /* a run that goes on stays there */
    assert_rate(&s, 25, 0.01);
    for (double epoch = 0; epoch < 10; epoch += 0.25) {
        assert_rate(&s, epoch, 0.01 + 0.19 / 2 * (1 + cos(PI * epoch / 10)));
        assert_true(schedule_rate(&s, (uint64_t)(epoch * 600)) >
                    schedule_rate(&s, (uint64_t)(epoch * 600) + 1));
    }
}

/* Cosine begins where the warm-up ends, and still reaches the end. */
static void test_cosine_after_warmup(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_COSINE,
                         .rate = 0.2,
                         .epoch_size = 600,
                         .epochs = 12,
                         .warmup_epochs = 2,
                         .warmup_factor = 0.1};
    assert_rate(&s, 0, 0.02);
    assert_rate(&s, 1, 0.11);
    assert_rate(&s, 2, 0.2);
    assert_rate(&s, 7, 0.1);
    assert_true(fabs(schedule_rate(&s, 12 * 600)) < 1e-15);
}

static void test_warmup_rises_and_joins(void **state)
{
    (void)state;
    const enum schedule_kind kinds[] = {SCHEDULE_CONSTANT,  SCHEDULE_STEP,       SCHEDULE_COSINE,
                                        SCHEDULE_MULTISTEP, SCHEDULE_POLYNOMIAL, SCHEDULE_EXPONENTIAL};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct schedule s = {.kind = kinds[k],
                             .rate = 0.4,
                             .epoch_size = 10000,
                             .epochs = 20,
                             .warmup_epochs = 5,
                             .warmup_factor = 0.25,
                             .step_epochs = 8,
                             .step_factor = 0.5,
                             .power = 2,
                             .milestones = {8},
                             .milestone_count = 1};
        assert_rate(&s, 0, 0.1);
        for (double epoch = 0; epoch < 5; epoch += 0.125)
            assert_rate(&s, epoch, 0.4 * (0.25 + 0.75 * epoch / 5));
        double before = schedule_rate(&s, 49999), at = schedule_rate(&s, 50000),
               after = schedule_rate(&s, 50001);
        assert_true(fabs(at - 0.4) < 1e-12 && fabs(before - at) < 1e-5 && fabs(after - at) < 1e-5);
    }
}

static void test_warmup_of_the_whole_run(void **state)
{
    (void)state;
    struct schedule s = {
        .kind = SCHEDULE_COSINE, .rate = 1, .epoch_size = 10, .epochs = 2, .warmup_epochs = 2};
    assert_rate(&s, 1, 0.5);
    assert_true(isfinite(schedule_rate(&s, 20)));
    s.warmup_epochs = 3;
    assert_rate(&s, 2.4, 0.8);
}

static void test_multistep(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_MULTISTEP,
                         .rate = 0.1,
                         .epoch_size = 1437,
                         .epochs = 20,
                         .step_factor = 0.1,
                         .milestones = {3, 7.5, 10},
                         .milestone_count = 3};
    assert_rate(&s, 0, 0.1);
    assert_rate(&s, 3, 0.01);
    assert_true(schedule_rate(&s, 3 * 1437 - 1) == 0.1);
    assert_rate(&s, 7, 0.01);
    assert_rate(&s, 8, 0.001);
    assert_rate(&s, 10, 1e-4);
    assert_rate(&s, 100, 1e-4);
}

/* torch.optim.lr_scheduler.PolynomialLR with an end above nought. */
static void test_polynomial(void **state)
{
    (void)state;
    struct schedule s = {
        .kind = SCHEDULE_POLYNOMIAL, .rate = 0.5, .epoch_size = 800, .epochs = 10, .power = 2};
    for (double epoch = 0; epoch <= 10; epoch += 0.25)
        assert_rate(&s, epoch, 0.5 * (1 - epoch / 10) * (1 - epoch / 10));
    assert_rate(&s, 12, 0);
    s.warmup_epochs = 2;
    s.final_rate = 0.1;
    s.power = 1;
    assert_rate(&s, 2, 0.5);
    assert_rate(&s, 6, 0.3);
    assert_rate(&s, 10, 0.1);
}

static void test_exponential(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_EXPONENTIAL,
                         .rate = 0.3,
                         .epoch_size = 100,
                         .epochs = 10,
                         .step_epochs = 1,
                         .step_factor = 0.9};
    for (int epoch = 0; epoch < 10; epoch++)
        assert_rate(&s, epoch, 0.3 * pow(0.9, epoch));
    assert_rate(&s, 2.5, 0.3 * pow(0.9, 2.5));
    s.step_epochs = 2;
    s.warmup_epochs = 1;
    assert_rate(&s, 1, 0.3);
    assert_rate(&s, 5, 0.3 * 0.81);
}

/* torch.optim.lr_scheduler.OneCycleLR(0.6, total_steps=1001, pct_start=0.3), and with
 * anneal_strategy="linear": PyTorch counts its steps from the first to the last, so that its t is step /
 * 1000. */
static void test_cycles(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_ONECYCLE,
                         .rate = 0.6,
                         .epoch_size = 100,
                         .epochs = 10,
                         .cycle_start = 1.0 / 25,
                         .cycle_peak = 0.3,
                         .cycle_end = 1.0 / 25 / 1e4};
    for (int straight = 0; straight < 2; straight++) {
        s.kind = straight ? SCHEDULE_TRIANGULAR : SCHEDULE_ONECYCLE;
        for (uint64_t i = 0; i <= 1000; i++) {
            double first = 0.6 / 25, last = first / 1e4, up = (double)i / 300, down = ((double)i - 300) / 700;
            double a = i <= 300 ? first : 0.6, b = i <= 300 ? 0.6 : last, t = i <= 300 ? up : down;
            double expected = straight ? (b - a) * t + a : b + (a - b) / 2 * (1 + cos(PI * t));
            double got = schedule_rate(&s, i);
            if (!(fabs(got - expected) <= 1e-12))
                fail_msg("at %d %.17g, not %.17g", (int)i, got, expected);
        }
        assert_true(fabs(schedule_rate(&s, 1100) - 0.6 / 25 / 1e4) < 1e-12);
    }
}

/* airbench94's: 0.2 at the start, 1 at 23 %, 0.07 at the end of 9.9 epochs. A peak at either end is no fault.
 */
static void test_triangular(void **state)
{
    (void)state;
    struct schedule s = {.kind = SCHEDULE_TRIANGULAR,
                         .rate = 2,
                         .epoch_size = 1000,
                         .epochs = 9.9,
                         .cycle_start = 0.2,
                         .cycle_peak = 0.23,
                         .cycle_end = 0.07};
    for (uint64_t i = 0; i <= 9900; i += 99) {
        double t = (double)i / 9900;
        assert_rate(&s, (double)i / 1000,
                    2 * (t < 0.23 ? 0.2 + 0.8 * t / 0.23 : 0.07 + 0.93 * (1 - t) / 0.77));
    }
    s.cycle_peak = 0;
    assert_rate(&s, 0, 2);
    assert_rate(&s, 4.95, 1.07);
    s.cycle_peak = 1;
    assert_rate(&s, 0, 0.4);
    assert_true(isfinite(schedule_rate(&s, 9900)) && isfinite(schedule_rate(&s, 20000)));
}

/* The order of questions does not matter, and beyond 2^32 samples it still goes on. */
static void test_pure(void **state)
{
    (void)state;
    struct schedule s = {
        .kind = SCHEDULE_COSINE, .rate = 0.1, .epoch_size = 1e9, .epochs = 100, .warmup_epochs = 1};
    double there[100];
    for (uint64_t e = 0; e < 100; e++)
        there[e] = schedule_rate(&s, e * 1000000000u);
    for (uint64_t e = 100; e-- > 0;)
        assert_true(schedule_rate(&s, e * 1000000000u) == there[e]);
    for (size_t e = 2; e < 100; e++)
        assert_true(there[e] < there[e - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_cosine_after_warmup),
        cmocka_unit_test(test_warmup_rises_and_joins),
        cmocka_unit_test(test_warmup_of_the_whole_run),
        cmocka_unit_test(test_multistep),
        cmocka_unit_test(test_polynomial),
        cmocka_unit_test(test_exponential),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_triangular),
        cmocka_unit_test(test_pure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
