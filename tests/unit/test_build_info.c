#include "core/build_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_everything_is_told(void **state)
{
    (void)state;
    assert_string_equal(build_version(), CNN_VERSION);
    assert_true(strlen(build_commit()) >= strlen("unknown"));
    assert_non_null(strchr(build_compiler(), ' '));
    assert_non_null(strstr(build_flags(), "-ffp-contract=off"));
    assert_non_null(strstr(build_blas(), "OpenBLAS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
