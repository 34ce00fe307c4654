/* One step of a collective, round the ranks: who sends how much is different for everyone. ranks: 1 2 3 */
#include "dist/exchange.h"

#include "support/array.h"
#include "support/mpi_group.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 9, LENGTH_MAX = 70, SEGMENT_MAX = 16 };

/* How many floats a rank sends in the n-th trial: none, one, or some. */
static size_t length(int rank, size_t trial)
{
    return trial < 4 ? (trial >> rank % 2 & 1) * LENGTH_MAX
                     : ((size_t)rank * 29 + trial * 13) % (LENGTH_MAX + 1);
}

static float value(int rank, size_t i)
{
    return (float)(rank * 1000) + (float)i;
}

/* NaN, sent, NaN, received, NaN: on an array with nothing to spare. */
static void check(const struct exchange *exchange, size_t trial, bool add)
{
    int next = (exchange->rank + 1) % exchange->size;
    int before = (exchange->rank + exchange->size - 1) % exchange->size;
    struct range sent = {GUARD, length(exchange->rank, trial)};
    struct range received = {sent.first + sent.count + GUARD, length(before, trial)};
    size_t count = received.first + received.count + GUARD;
    float *array = array_floats(count), *truth = array_floats(count);
    for (size_t i = 0; i < sent.count; i++)
        truth[sent.first + i] = array[sent.first + i] = value(exchange->rank, i);
    for (size_t i = 0; i < received.count; i++) {
        float there = add ? (float)i / 2 : NAN;
        array[received.first + i] = there;
        truth[received.first + i] = add ? there + value(before, i) : value(before, i);
    }
    struct exchange_step step = {.to = next, .from = before, .sent = sent, .received = received, .add = add};
    exchange_run(exchange, array, &step);
    assert_same_bits(add ? "added" : "replaced", array, truth, count);
    free(array);
    free(truth);
}

static void test_lengths(void **state)
{
    (void)state;
    static const size_t segments[] = {1, 2, 3, 7, SEGMENT_MAX};
    for (int patient = 0; patient <= 1; patient++)
        for (size_t s = 0; s < sizeof segments / sizeof *segments; s++) {
            const atomic_bool patience = patient;
            struct exchange exchange = {.comm = mpi_group_comm.world,
                                        .rank = mpi_group_comm.rank,
                                        .size = mpi_group_comm.size,
                                        .segment = segments[s],
                                        .scratch = array_floats(EXCHANGE_DEPTH * segments[s]),
                                        .patient = &patience};
            for (size_t trial = 0; trial < (patient ? 8 : 100); trial++) {
                check(&exchange, trial, true);
                check(&exchange, trial, false);
            }
            free(exchange.scratch);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
    };
    return mpi_group_run(argc, argv, tests);
}
