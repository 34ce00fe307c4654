/* The end of a start in which the ranks do not come together, in children that are looked at from outside. */
#include "dist/startup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A start of two seconds, of which it has one: its exit code, and what it says. */
static int start(const char *ranks, bool ends, char *said, size_t size)
{
    int status, out[2];
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        close(out[0]);
        setenv("OMPI_COMM_WORLD_SIZE", ranks, 1);
        setenv("OMPI_COMM_WORLD_RANK", "0", 1);
        startup_begin(1, _exit);
        if (ends)
            startup_end();
        struct timespec rest = {2, 0};
        nanosleep(&rest, NULL);
        _exit(0);
    }
    close(out[1]);
    ssize_t length = read(out[0], said, size - 1);
    said[length > 0 ? length : 0] = 0;
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_start(void **state)
{
    (void)state;
    char said[1024], host[256] = "";
    assert_int_equal(start("4", true, said, sizeof said), 0);
    assert_int_equal(start("1", false, said, sizeof said), 0);
    assert_string_equal(said, "");
    assert_int_equal(start("4", false, said, sizeof said), 1);
    gethostname(host, sizeof host - 1);
    assert_non_null(strstr(said, "error (rank 0 on "));
    assert_non_null(strstr(said, host));
    assert_non_null(strstr(said, "4 ranks have not come together within 1 s"));
    assert_string_equal(said + strlen(said) - 1, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
