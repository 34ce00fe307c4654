/* Whom the comparison of replicas accuses. The comparison itself needs ranks: tests/mpi/test_replicas.c. */
#include "dist/replicas.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RANKS_MAX = 9, PARTS = 3 };
static const char *const names[PARTS] = {"conv1", "conv2", "out"};
static const char *const hosts[RANKS_MAX] = {"h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"};

/* Ranks with the same letter have the same digests; 'a' and 'b' differ in part 1 and 2, 'a' and 'c' in 2. */
static void expect(const char *ranks, const char *message)
{
    uint64_t digests[RANKS_MAX][PARTS];
    int size = (int)strlen(ranks);
    char text[STATUS_MESSAGE_MAX], whole[STATUS_MESSAGE_MAX];
    for (int r = 0; r < size; r++) {
        digests[r][0] = 5;
        digests[r][1] = ranks[r] == 'b' ? 1 : 0;
        digests[r][2] = (uint64_t)ranks[r];
    }
    snprintf(whole, sizeof whole,
             "weights differ between ranks%s; faulty hardware or different libraries may be "
             "the cause",
             message);
    replicas_describe("weights", digests[0], names, PARTS, hosts, size, text);
    assert_string_equal(text, whole);
}

static void test_majority(void **state)
{
    (void)state;
    expect("aab", ": rank 2 on h2 (first in conv2) is not like the other 2");
    expect("baa", ": rank 0 on h0 (first in conv2) is not like the other 2");
    expect("aaca", ": rank 2 on h2 (first in out) is not like the other 3");
    expect("cabaa", ": rank 0 on h0 (first in out), rank 2 on h2 (first in conv2) are not like the other 3");
    expect("cbcbaaaaa",
           ": rank 0 on h0 (first in out), rank 1 on h1 (first in conv2), rank 2 on h2 (first in "
           "out), rank 3 on h3 (first in conv2) are not like the other 5");
    expect("bbabb", ": rank 2 on h2 (first in conv2) is not like the other 4");
}

/* Two ranks, halves, and as many kinds as ranks: one cannot know. */
static void test_no_majority(void **state)
{
    (void)state;
    expect("ab",
           ", and it cannot be told which are right: rank 1 on h1 (first in conv2) is not like rank 0 on h0");
    expect("aabb",
           ", and it cannot be told which are right: rank 2 on h2 (first in conv2), rank 3 on h3 (first "
           "in conv2) are not like rank 0 on h0");
    expect("abc",
           ", and it cannot be told which are right: rank 1 on h1 (first in conv2), rank 2 on h2 (first in "
           "out) are not like rank 0 on h0");
    expect("acccdddd",
           ", and it cannot be told which are right: rank 1 on h1 (first in out), rank 2 on h2 (first "
           "in out), rank 3 on h3 (first in out), rank 4 on h4 (first in out) and 3 more are not like "
           "rank 0 on h0");
}

/* Every mixture of three kinds: a kind that more than half of the ranks are of is found, and the others only
 * are accused. */
static void test_all_mixtures(void **state)
{
    (void)state;
    enum { SIZE = 7, KINDS = 3, MIXTURES = 2187 };
    for (int mixture = 1; mixture < MIXTURES - 1; mixture++) {
        uint64_t digests[SIZE];
        int number[KINDS] = {0}, most = 0;
        const char *const name[] = {"all"};
        char text[STATUS_MESSAGE_MAX], end[64];
        for (int r = 0, rest = mixture; r < SIZE; r++, rest /= KINDS) {
            digests[r] = (uint64_t)(rest % KINDS);
            number[digests[r]]++;
        }
        for (int k = 1; k < KINDS; k++)
            most = number[k] > number[most] ? k : most;
        if (number[most] == SIZE)
            continue;
        replicas_describe("it", digests, name, 1, hosts, SIZE, text);
        snprintf(end, sizeof end, "not like the other %d;", number[most]);
        if ((strstr(text, end) != NULL) != (2 * number[most] > SIZE))
            fail_msg("mixture %d: %s", mixture, text);
        for (int r = 0; 2 * number[most] > SIZE && r < SIZE; r++) {
            char who[16];
            bool guilty = digests[r] != (uint64_t)most;
            snprintf(who, sizeof who, " rank %d ", r);
            if ((strstr(text, who) != NULL) != guilty)
                fail_msg("mixture %d, rank %d: %s", mixture, r, text);
        }
    }
}

/* Names of any length do not go beyond the message. */
static void test_long_names(void **state)
{
    (void)state;
    static char host[256], part[4096];
    const char *const long_hosts[] = {host, host, host, host, host, host};
    const char *const long_parts[] = {part};
    const uint64_t digests[] = {1, 2, 3, 4, 5, 6};
    char text[STATUS_MESSAGE_MAX];
    memset(host, 'h', sizeof host - 1);
    memset(part, 'p', sizeof part - 1);
    replicas_describe(part, digests, long_parts, 1, long_hosts, 6, text);
    assert_true(strlen(text) < sizeof text);
    assert_non_null(strstr(text, "and 1 more are not like rank 0 on hhh"));
}

/* One rank has nobody to differ from, and needs no MPI. */
static void test_alone(void **state)
{
    (void)state;
    const struct comm comm = {.size = 1, .world = MPI_COMM_NULL};
    assert_done(replicas_compare(&comm, "weights", (const uint64_t[]){1, 2, 3}, names, PARTS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_majority),     cmocka_unit_test(test_no_majority),
        cmocka_unit_test(test_all_mixtures), cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
