#include "core/arena.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_round(void **state)
{
    (void)state;
    const size_t bytes[] = {0, 1, 63, 64, 65, 128, 1000}, rounded[] = {0, 64, 64, 64, 128, 128, 1024};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(arena_round(bytes[i]), rounded[i]);
}

/* Slices are aligned, zeroed, apart from each other, and fill the arena to the last byte. */
static void test_slices(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 64, 100, 0, 4096, 63};
    enum { SLICES = sizeof sizes / sizeof *sizes };
    struct arena arena;
    size_t total = 0;
    for (size_t i = 0; i < SLICES; i++)
        total += arena_round(sizes[i]);
    assert_int_equal(arena_create(&arena, total, "a test"), STATUS_OK);
    unsigned char *slices[SLICES];
    for (size_t i = 0; i < SLICES; i++) {
        slices[i] = arena_alloc(&arena, sizes[i]);
        assert_int_equal(slices[i] == NULL, sizes[i] == 0);
        assert_int_equal((uintptr_t)slices[i] % ARENA_ALIGNMENT, 0);
        for (size_t b = 0; b < sizes[i]; b++) {
            assert_int_equal(slices[i][b], 0);
            slices[i][b] = (unsigned char)(i + 1);
        }
    }
    for (size_t i = 0; i < SLICES; i++)
        for (size_t b = 0; b < sizes[i]; b++)
            assert_int_equal(slices[i][b], i + 1);
    assert_int_equal(arena.used, arena.size);
    arena_destroy(&arena);
    assert_null(arena.base);
    arena_destroy(&arena);
}

static void test_empty(void **state)
{
    (void)state;
    struct arena zero = {0}, none;
    arena_destroy(&zero);
    assert_int_equal(arena_create(&none, 0, "nothing"), STATUS_OK);
    assert_null(arena_alloc(&none, 0));
    arena_destroy(&none);
}

static void test_counter_tells_what_is_needed(void **state)
{
    (void)state;
    struct arena counter = arena_counter(), arena;
    const size_t sizes[] = {3, 0, 640, 65};
    for (size_t i = 0; i < 4; i++)
        assert_null(arena_alloc(&counter, sizes[i]));
    assert_int_equal(arena_create(&arena, counter.used, "a test"), STATUS_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(arena_alloc(&arena, sizes[i]) == NULL, sizes[i] == 0);
    assert_int_equal(arena.used, arena.size);
    arena_destroy(&counter);
    arena_destroy(&arena);
}

/* Asks AddressSanitizer, where it is there, to refuse like malloc instead of ending the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_too_much_memory_is_told(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_create(&arena, SIZE_MAX / 4, "the activations"), STATUS_INTERNAL);
    assert_non_null(strstr(status_message(), "the activations"));
    arena_destroy(&arena);
}

/* Our own fault ends the program at once: in a child, with its message thrown away. */
static void test_overdraft_ends_the_program(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct arena arena;
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        if (!arena_create(&arena, 128, "a test") && arena_alloc(&arena, 65))
            arena_alloc(&arena, 1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Large ones begin where a huge page may. */
static void test_large(void **state)
{
    (void)state;
    const size_t bytes = 5 * 1024 * 1024 + 64;
    struct arena arena;
    assert_int_equal(arena_create(&arena, bytes, "test"), STATUS_OK);
    const char *slice = arena_alloc(&arena, bytes);
    assert_int_equal((uintptr_t)slice % (2 * 1024 * 1024), 0);
    for (size_t i = 0; i < bytes; i += 64)
        assert_int_equal(slice[i], 0);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_counter_tells_what_is_needed),
        cmocka_unit_test(test_too_much_memory_is_told),
        cmocka_unit_test(test_overdraft_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
