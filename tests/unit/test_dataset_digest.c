/* Digests tell apart what a network would see differently. */
#include "io/dataset.h"

#include "support/dataset_sample.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_digest_sees_every_part(void **state)
{
    (void)state;
    struct dataset_split split;
    uint64_t digests[4];
    dataset_sample_labelled(&split, H5T_NATIVE_INT32, sample_classes, 1, 0);
    digests[0] = split.digest;
    dataset_destroy(&split);
    sample_bytes[sizeof sample_bytes - 1] ^= 1;
    dataset_sample_labelled(&split, H5T_NATIVE_INT32, sample_classes, 1, 0);
    sample_bytes[sizeof sample_bytes - 1] ^= 1;
    digests[1] = split.digest;
    dataset_destroy(&split);
    dataset_sample_labelled(&split, H5T_NATIVE_INT32, (int32_t[N]){2, 0, 1, 1, 1}, 1, 0);
    digests[2] = split.digest;
    dataset_destroy(&split);
    dataset_sample_labelled(&split, H5T_NATIVE_INT32, sample_classes, 1, 0);
    digests[3] = split.digest;
    dataset_destroy(&split);
    assert_true(digests[0] == digests[3]);
    assert_true(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
}

static uint64_t digest_of_normalization(const float *mean, const float *std)
{
    struct dataset_split split;
    hid_t file = dataset_sample_create();
    dataset_sample_images(file, H5T_NATIVE_UINT8, sample_bytes);
    dataset_sample_classes(file);
    if (mean)
        dataset_sample_annotate(file, "/train/images", "mean", mean, C);
    if (mean)
        dataset_sample_annotate(file, "/train/images", "std", std, C);
    assert_done(dataset_sample_read(file, &split));
    uint64_t digest = split.digest;
    dataset_destroy(&split);
    return digest;
}

/* The same images are other data for a network that sees them through other numbers. */
static void test_digest_sees_normalization(void **state)
{
    (void)state;
    static const float zero[C] = {0}, half[C] = {0, 0.5f};
    float one[C], two[C];
    for (size_t c = 0; c < C; c++)
        one[c] = two[c] = 1;
    two[C - 1] = 2;
    const uint64_t digests[] = {digest_of_normalization(NULL, NULL), digest_of_normalization(zero, one),
                                digest_of_normalization(half, one), digest_of_normalization(zero, two)};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(digests[i] != digests[j]);
    assert_true(digests[2] == digest_of_normalization(half, one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_sees_every_part),
        cmocka_unit_test(test_digest_sees_normalization),
    };
    return cmocka_run_group_tests(tests, dataset_sample_fill, scratch_destroy);
}
