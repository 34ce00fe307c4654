/* Which kernel is used: the fastest, or the one that CNN_ISA names. */
#include "core/kernels/isa.h"
#include "core/layer_isa.h"
#include "core/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_fastest_first(void **state)
{
    (void)state;
    size_t count = 0;
    unsetenv("CNN_ISA");
    assert_non_null(isa_kernel(0));
    assert_ptr_equal(isa_choose(), isa_kernel(0));
    setenv("CNN_ISA", "", 1);
    assert_ptr_equal(isa_choose(), isa_kernel(0));
    for (; isa_kernel(count); count++)
        assert_true(count == 0 || isa_kernel(count)->vector <= isa_kernel(count - 1)->vector);
    assert_string_equal(isa_kernel(count - 1)->name, "portable");
    assert_null(isa_kernel(count + 1));
}

static void test_named(void **state)
{
    (void)state;
    for (size_t i = 0; isa_kernel(i); i++) {
        const struct tile_kernel *kernel;
        setenv("CNN_ISA", isa_kernel(i)->name, 1);
        assert_ptr_equal(isa_choose(), isa_kernel(i));
        assert_int_equal(layer_choose_isa(&kernel), STATUS_OK);
        assert_ptr_equal(kernel, isa_kernel(i));
    }
    unsetenv("CNN_ISA");
}

static void test_unknown_names_those_there_are(void **state)
{
    (void)state;
    const struct tile_kernel *kernel;
    const char *const wrong[] = {"avx2", "x86-64-v", "portable "};
    for (size_t i = 0; i < 3; i++) {
        setenv("CNN_ISA", wrong[i], 1);
        assert_null(isa_choose());
        assert_int_equal(layer_choose_isa(&kernel), STATUS_USAGE);
        assert_non_null(strstr(status_message(), wrong[i]));
        assert_non_null(strstr(status_message(), "portable"));
    }
    unsetenv("CNN_ISA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fastest_first),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_unknown_names_those_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
