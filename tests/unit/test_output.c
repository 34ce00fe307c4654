#include "io/output.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_nothing_there(void **state)
{
    (void)state;
    assert_done(output_allowed(scratch_path("new"), false, NULL, 0));
    assert_done(output_allowed(scratch_path("no/new"), false, NULL, 0)); /* who writes will notice */
    const char *const missing[] = {"", scratch_path("new")};
    assert_done(output_allowed(scratch_path("new"), false, missing, 2));
}

static void test_something_there(void **state)
{
    (void)state;
    const char *file = scratch_path("file"), *link = scratch_path("dangling"), *folder = scratch_path("");
    scratch_write(file, "x", 1);
    assert_int_equal(symlink("nowhere", link), 0);
    assert_failure(output_allowed(file, false, NULL, 0), STATUS_USAGE, file, "exists already", "--overwrite",
                   NULL);
    assert_failure(output_allowed(link, false, NULL, 0), STATUS_USAGE, link, "exists already", NULL);
    assert_failure(output_allowed(folder, true, NULL, 0), STATUS_USAGE, "is a folder", NULL);
    assert_done(output_allowed(file, true, NULL, 0));
    assert_done(output_allowed(link, true, NULL, 0));
    const char *const others[] = {"", scratch_path("missing"), "/dev/null"};
    assert_done(output_allowed(file, true, others, 3));
}

/* By every name that a file can have, with and without leave to overwrite. */
static void test_an_input(void **state)
{
    (void)state;
    char *before = getcwd(NULL, 0);
    const char *file = scratch_path("input");
    scratch_write(file, "x", 1);
    assert_int_equal(chdir(scratch_path("")), 0);
    assert_int_equal(mkdir("below", 0777), 0);
    assert_int_equal(symlink("input", "link"), 0);
    assert_int_equal(symlink("../link", "below/link"), 0);
    assert_int_equal(link("input", "twin"), 0);
    static const char *const names[] = {"input", "./input", "below/../input", "link", "below/link", "twin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const inputs[] = {"", "missing", file}, *const linked[] = {"below/link"};
        for (int overwrite = 0; overwrite < 2; overwrite++) {
            assert_failure(output_allowed(names[i], overwrite, inputs, 3), STATUS_USAGE, names[i],
                           "the same file as", file, NULL);
            assert_failure(output_allowed(names[i], overwrite, linked, 1), STATUS_USAGE, names[i],
                           "the same file as below/link", NULL);
        }
        assert_done(output_allowed(names[i], true, inputs, 2));
    }
    assert_int_equal(chdir(before), 0);
    free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_something_there),
        cmocka_unit_test(test_an_input),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
