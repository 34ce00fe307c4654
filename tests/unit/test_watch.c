/* With one rank there is nobody to watch: no thread, and no MPI. The watch of several:
 * tests/mpi/test_watch.c. */
#include "dist/watch.h"
#include "support/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static size_t count_threads(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void test_alone(void **state)
{
    (void)state;
    const struct comm comm = {.size = 1, .world = MPI_COMM_NULL, .threads = true};
    struct watch watch;
    size_t before = count_threads();
    int started = 1;
    assert_done(watch_create(&watch, &comm, 0.1, 0.2));
    assert_null(watch.watcher);
    assert_int_equal(count_threads(), before);
    watch_phase(&watch, WATCH_FORWARD, 3);
    assert_int_equal(watch_place_phase(watch.place), WATCH_FORWARD);
    assert_int_equal(watch_place_step(watch.place), 3);
    watch_destroy(&watch);
    MPI_Initialized(&started);
    assert_false(started);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
