/* Chunks that unpack to another length than they should. */
#include "io/h5_chunks.h"

#include "io/h5.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum { ROWS = 5, COLUMNS = 4, CHUNK_ROWS = 2, CHUNK_BYTES = CHUNK_ROWS * COLUMNS * 4 };

enum how { PLAIN = 0, SHUFFLE = 1, DEFLATE = 2, CHECKED = 4, UNCHUNKED = 8 };

static hid_t file;

static hid_t written(unsigned how)
{
    const hsize_t dimensions[2] = {ROWS, COLUMNS}, chunk[2] = {CHUNK_ROWS, COLUMNS};
    float values[ROWS * COLUMNS];
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        values[i] = (float)i;
    h5_quiet();
    file = H5Fcreate(scratch_path("a.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, dimensions, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    if (!(how & UNCHUNKED))
        H5Pset_chunk(list, 2, chunk);
    if (how & SHUFFLE)
        H5Pset_shuffle(list);
    if (how & DEFLATE)
        H5Pset_deflate(list, 4);
    if (how & CHECKED)
        H5Pset_fletcher32(list);
    hid_t set = H5Dcreate2(file, "a", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Pclose(list);
    H5Sclose(space);
    return set;
}

static bool closed(hid_t set)
{
    bool whole = h5_chunks_are_whole(set);
    H5Dclose(set);
    H5Fclose(file);
    return whole;
}

static void test_whole(void **state)
{
    (void)state;
    const unsigned ways[] = {PLAIN,   SHUFFLE,  DEFLATE, SHUFFLE | DEFLATE, SHUFFLE | DEFLATE | CHECKED,
                             CHECKED, UNCHUNKED};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        assert_true(closed(written(ways[i])));
}

/* Puts raw bytes in the place of the second chunk. */
static hid_t with_chunk(unsigned how, uint32_t mask, const void *bytes, size_t size)
{
    hid_t set = written(how);
    assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, mask, (const hsize_t[]){CHUNK_ROWS, 0}, size, bytes) >= 0);
    return set;
}

/* Zeros, so many that they unpack to `size` bytes. */
static hid_t with_packed(size_t size)
{
    unsigned char packed[256];
    unsigned char *zeros = calloc(size, 1);
    uLongf length = sizeof packed;
    assert_int_equal(compress(packed, &length, zeros, size), Z_OK);
    free(zeros);
    return with_chunk(DEFLATE, 0, packed, length);
}

static void test_lengths(void **state)
{
    (void)state;
    const unsigned char bytes[CHUNK_BYTES + 8] = {0};
    assert_true(closed(with_chunk(PLAIN, 0, bytes, CHUNK_BYTES)));
    assert_true(closed(with_chunk(DEFLATE, 1, bytes, CHUNK_BYTES))); /* left as it was */
    assert_false(closed(with_chunk(DEFLATE, 1, bytes, 9)));
    assert_true(closed(with_chunk(CHECKED, 0, bytes, CHUNK_BYTES + 4)));
    assert_false(closed(with_chunk(CHECKED, 0, bytes, CHUNK_BYTES)));
    assert_false(closed(with_chunk(CHECKED, 0, bytes, 3)));
}

static void test_unpacked(void **state)
{
    (void)state;
    assert_true(closed(with_packed(CHUNK_BYTES)));
    assert_false(closed(with_packed(CHUNK_BYTES - 1)));
    assert_false(closed(with_packed(CHUNK_BYTES + 1)));
    assert_false(closed(with_packed(100000)));
    assert_false(closed(with_chunk(DEFLATE, 0, "no stream of zlib", 17)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_unpacked)};
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
