/* Products of tiny floats are zero in every thread that was told so, in those that were there before as well.
 */
#include "core/denormals.h"

#include <float.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 5 };

#if defined __SSE__ || defined __aarch64__
static const bool known = true;
#else
static const bool known = false;
#endif

/* volatile: computed when the program runs, not by the compiler. */
static volatile float tiny = FLT_MIN, half = 0.5f, denormal = FLT_MIN / 4, large = 1e20f;

/* Not a comparison with 0, for which denormal operands would be zero as well. */
static int has_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits != 0;
}

/* In how many of so many threads a result that is denormal is not zero, and an operand that is counts. */
static void count_denormals(int threads, int *results, int *operands, int *normal)
{
    int r = 0, o = 0, n = 0;
#pragma omp parallel num_threads(threads) reduction(+ : r, o, n)
    {
        r += has_bits(tiny * half);
        o += has_bits(denormal * large);
        n += has_bits(tiny * large) && has_bits(tiny);
    }
    *results = r;
    *operands = o;
    *normal = n;
}

static void test_flush(void **state)
{
    (void)state;
    int results, operands, normal;
    if (!known)
        skip();
    omp_set_dynamic(0);
    count_denormals(THREADS, &results, &operands, &normal); /* starts the threads */
    assert_int_equal(results, THREADS);
    assert_int_equal(operands, THREADS);
    denormals_flush();
    count_denormals(1, &results, &operands, &normal);
    assert_int_equal(results, 0);
    assert_int_equal(operands, 0);
    denormals_flush_team(THREADS);
    count_denormals(THREADS, &results, &operands, &normal);
    assert_int_equal(results, 0);
    assert_int_equal(operands, 0);
    assert_int_equal(normal, THREADS);
    count_denormals(THREADS + 3, &results, &operands, &normal); /* new ones inherit it */
    assert_int_equal(results, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
