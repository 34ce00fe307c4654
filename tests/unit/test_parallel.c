/* Every task is done once, by a thread that there is; one thread is the caller; nobody's tasks wait for him.
 */
#include "core/kernels/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TASKS = 1000 };

struct record {
    int threads;
    pthread_t caller;
    int *done;    /* (TASKS) */
    bool *strays; /* (TASKS): done by a thread that there is not */
};

static void note(const void *work, size_t index, size_t thread)
{
    const struct record *r = work;
    r->done[index]++;
    r->strays[index] =
        thread >= (size_t)r->threads || (r->threads == 1 && !pthread_equal(r->caller, pthread_self()));
}

static void check(size_t count, int threads)
{
    struct record r = {.threads = threads, .caller = pthread_self()};
    r.done = calloc(TASKS, sizeof *r.done);
    r.strays = calloc(TASKS, sizeof *r.strays);
    parallel_for(count, threads, note, &r);
    for (size_t i = 0; i < TASKS; i++) {
        assert_int_equal(r.done[i], i < count);
        assert_false(r.strays[i]);
    }
    free(r.done);
    free(r.strays);
}

static void test_each_once(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 2, 7, TASKS};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int threads = 1; threads <= 5; threads++)
            check(counts[i], threads);
    check(TASKS, 200); /* more threads than parts */
}

/* Task 0 lasts until all others are done: whoever was to do those that come next has no time for them. */
static void wait_in_first(const void *work, size_t index, size_t thread)
{
    atomic_int *done = *(atomic_int *const *)work;
    (void)thread;
    while (index == 0 && atomic_load(done) < TASKS - 1)
        sched_yield();
    atomic_fetch_add(done, 1);
}

static void test_others_help(void **state)
{
    (void)state;
    atomic_int done = 0, *shared = &done;
    int team = 1;
#pragma omp parallel num_threads(2)
#pragma omp single
    team = omp_get_num_threads();
    if (team < 2)
        skip(); /* OMP_THREAD_LIMIT, or OMP_DYNAMIC */
    parallel_for(TASKS, 2, wait_in_first, &shared);
    assert_int_equal(atomic_load(&done), TASKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_once), cmocka_unit_test(test_others_help)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
