#include "core/status.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_replaces_the_message(void **state)
{
    (void)state;
    assert_int_equal(status_set(STATUS_USAGE, "no file %s", "a.ini"), STATUS_USAGE);
    assert_string_equal(status_message(), "no file a.ini");
    assert_int_equal(status_set(STATUS_DATA, "index %d", 7), STATUS_DATA);
    assert_string_equal(status_message(), "index 7");
}

static void set_takes_its_own_message(void **state)
{
    (void)state;
    status_set(STATUS_USAGE, "inner");
    status_set(STATUS_USAGE, "outer: %s", status_message());
    assert_string_equal(status_message(), "outer: inner");
}

static void prefix_puts_in_front(void **state)
{
    (void)state;
    status_set(STATUS_DATA, "index 7");
    assert_int_equal(status_prefix(STATUS_DATA, "%s: ", "a.h5"), STATUS_DATA);
    assert_string_equal(status_message(), "a.h5: index 7");
    status_prefix(STATUS_DATA, "%s, again ", status_message());
    assert_string_equal(status_message(), "a.h5: index 7, again a.h5: index 7");
}

static void prefix_leaves_success_alone(void **state)
{
    (void)state;
    status_set(STATUS_DATA, "old");
    assert_int_equal(status_prefix(STATUS_OK, "new: "), STATUS_OK);
    assert_string_equal(status_message(), "old");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char text[2 * STATUS_MESSAGE_MAX];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    status_set(STATUS_USAGE, "%s", text);
    assert_int_equal(strlen(status_message()), STATUS_MESSAGE_MAX - 1);
    status_prefix(STATUS_USAGE, "front: ");
    assert_int_equal(strlen(status_message()), STATUS_MESSAGE_MAX - 1);
    assert_memory_equal(status_message(), "front: aaa", 10);
    status_prefix(STATUS_USAGE, "%s", text);
    assert_int_equal(strlen(status_message()), STATUS_MESSAGE_MAX - 1);
}

static void no_memory_says_for_what(void **state)
{
    (void)state;
    assert_int_equal(status_no_memory("images", 3 << 20), STATUS_INTERNAL);
    assert_string_equal(status_message(), "no memory for images (3.0 MiB)");
}

static void *fail_in_thread(void *first)
{
    strcpy(first, status_message());
    status_set(STATUS_DATA, "of the thread");
    return NULL;
}

static void threads_have_messages_of_their_own(void **state)
{
    (void)state;
    char first[STATUS_MESSAGE_MAX] = "?";
    pthread_t thread;
    status_set(STATUS_USAGE, "of main");
    assert_int_equal(pthread_create(&thread, NULL, fail_in_thread, first), 0);
    pthread_join(thread, NULL);
    assert_string_equal(first, "");
    assert_string_equal(status_message(), "of main");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_replaces_the_message),
        cmocka_unit_test(set_takes_its_own_message),
        cmocka_unit_test(prefix_puts_in_front),
        cmocka_unit_test(prefix_leaves_success_alone),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(no_memory_says_for_what),
        cmocka_unit_test(threads_have_messages_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
