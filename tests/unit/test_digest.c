#include "io/digest.h"

#include "support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* XXH3_64bits of these bytes, as its own documentation and other implementations have them. */
static void test_known(void **state)
{
    (void)state;
    assert_int_equal(digest_bytes("", 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(digest_bytes("a", 1), UINT64_C(0xe6c632b61e964e1f));
}

/* Longer than what is read at a time; whole, and in two parts. */
static void test_file(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) * 2 + 777};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t size = sizes[s], head = size / 3;
        unsigned char *bytes = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(i * 31 + i / 251);
        const char *path = scratch_path("file");
        scratch_write(path, bytes, size);
        uint64_t truth = digest_bytes(bytes, size), digest = 0;
        assert_done(digest_file(path, STATUS_DATA, &digest));
        assert_int_equal(digest, truth);
        int fd = open(path, O_RDONLY);
        assert_int_equal(lseek(fd, (off_t)head, SEEK_SET), head);
        digest = 0;
        assert_done(digest_rest(fd, bytes, head, path, STATUS_DATA, &digest));
        close(fd);
        assert_int_equal(digest, truth);
        free(bytes);
    }
}

static void test_failures(void **state)
{
    (void)state;
    uint64_t digest;
    assert_failure(digest_file(scratch_path("none"), STATUS_USAGE, &digest), STATUS_USAGE, "none",
                   "No such file", NULL);
    assert_failure(digest_file(scratch_path(""), STATUS_DATA, &digest), STATUS_DATA, "cannot be read", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
