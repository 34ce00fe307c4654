#include "io/checkpoint.h"

#include "support/array.h"
#include "support/checkpoint_sample.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct sample sample, other; /* what is written; what is read into */

static int setup(void **state)
{
    int failed = scratch_create(state);
    sample_create(&sample, 1);
    sample_create(&other, 2);
    return failed;
}

static int teardown(void **state)
{
    sample_destroy(&sample);
    sample_destroy(&other);
    return scratch_destroy(state);
}

/* A checkpoint of which an array has been replaced, as a file that others made: without digests. */
struct foreign {
    const char *path;
    hid_t file;
};

static struct foreign foreign_begin(void)
{
    struct foreign f = {.path = sample_write(&sample, scratch_path(""), 1, false)};
    f.file = sample_edit(f.path);
    assert_true(H5Ldelete(f.file, "/digest", H5P_DEFAULT) >= 0);
    return f;
}

/* type < 0: only deleted; values NULL: not written. */
static void replace(struct foreign *f, const char *name, hid_t type, int rank, const hsize_t *dimensions,
                    const void *values)
{
    if (H5Lexists(f->file, name, H5P_DEFAULT) > 0)
        assert_true(H5Ldelete(f->file, name, H5P_DEFAULT) >= 0);
    if (type < 0)
        return;
    hid_t space = rank ? H5Screate_simple(rank, dimensions, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(f->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    if (values)
        assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* Both readers refuse it with these words, and nothing has been changed. */
static void assert_model_refused(struct foreign *f, const char *word, const char *another)
{
    size_t count = other.network.parameter_count, bytes = count * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, other.network.parameters, bytes);
    sample_edited(f->path, f->file);
    enum status status = checkpoint_read_model(f->path, &other.network);
    assert_same_bits("parameters", other.network.parameters, before, count);
    free(before);
    assert_failure(status, STATUS_CHECKPOINT, f->path, word, another, NULL);
}

static const hsize_t conv_weight[] = {4, 1, 3, 3};

static void test_foreign_file_is_taken(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    assert_true(H5Ldelete(f.file, "/config", H5P_DEFAULT) >= 0);
    assert_true(H5Ldelete(f.file, "/state", H5P_DEFAULT) >= 0);
    assert_true(H5Ldelete(f.file, "/optimizer", H5P_DEFAULT) >= 0);
    sample_edited(f.path, f.file);
    array_fill(other.network.parameters, other.network.parameter_count, 5);
    assert_done(checkpoint_read_model(f.path, &other.network));
    assert_same_bits("model", other.network.parameters, sample.network.parameters,
                     sample.network.parameter_count);
}

static void test_chunked_and_compressed(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    hid_t made = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(4, conv_weight, NULL);
    H5Pset_chunk(made, 4, (hsize_t[]){3, 1, 2, 2});
    H5Pset_deflate(made, 6);
    H5Ldelete(f.file, "/model/conv1/weight", H5P_DEFAULT);
    hid_t set =
        H5Dcreate2(f.file, "/model/conv1/weight", H5T_IEEE_F32LE, space, H5P_DEFAULT, made, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, sample.network.parameters) >=
                0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(made);
    sample_edited(f.path, f.file);
    array_fill(other.network.parameters, other.network.parameter_count, 5);
    assert_done(checkpoint_read_model(f.path, &other.network));
    assert_same_bits("model", other.network.parameters, sample.network.parameters,
                     sample.network.parameter_count);
}

static void test_no_model(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    replace(&f, "/model", -1, 0, NULL, NULL);
    assert_model_refused(&f, "no arrays in /model", "");
    f = foreign_begin();
    replace(&f, "/model", H5T_IEEE_F32LE, 0, NULL, NULL);
    assert_model_refused(&f, "/model", "not a group");
}

static void test_missing(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    replace(&f, "/model/conv1/bias", -1, 0, NULL, NULL);
    assert_model_refused(&f, "/model/conv1/bias is missing", "");
    f = foreign_begin();
    H5Lmove(f.file, "/model/conv1", f.file, "/model/cnov1", H5P_DEFAULT, H5P_DEFAULT);
    assert_model_refused(&f, "/model/conv1/weight is missing", "nearest there is cnov1/weight");
    f = foreign_begin(); /* as near as fc1, which is there by right */
    H5Lmove(f.file, "/model/conv1", f.file, "/model/kxyz1", H5P_DEFAULT, H5P_DEFAULT);
    assert_model_refused(&f, "/model/conv1/weight is missing", "nearest there is kxyz1/weight");
}

static void test_superfluous(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    replace(&f, "/model/fc1/bias", H5T_IEEE_F32LE, 1, (hsize_t[]){10}, NULL);
    assert_model_refused(&f, "/model/fc1/bias is superfluous", "");
    f = foreign_begin();
    H5Ocopy(f.file, "/model/conv1", f.file, "/model/conv2", H5P_DEFAULT, H5P_DEFAULT);
    assert_model_refused(&f, "/model/conv2/weight is superfluous", "the nearest it has is conv1/weight");
    f = foreign_begin();
    H5Lcreate_soft("/nowhere", f.file, "/model/link", H5P_DEFAULT, H5P_DEFAULT);
    assert_model_refused(&f, "/model/link", "neither an array nor a group");
}

static void test_circle(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    H5Lcreate_hard(f.file, "/model", f.file, "/model/again", H5P_DEFAULT, H5P_DEFAULT);
    sample_edited(f.path, f.file);
    assert_done(checkpoint_read_model(f.path, &other.network));
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        int rank;
        hsize_t dimensions[5];
        const char *is;
    } wrong[] = {
        {4, {8, 1, 3, 3}, "/model/conv1/weight is 8x1x3x3 in "},
        {4, {4, 3, 1, 3}, "is 4x3x1x3 in "},
        {2, {4, 9}, "is 4x9 in "},
        {5, {4, 1, 3, 3, 1}, "is 4x1x3x3x1 in "},
        {0, {0}, "is a single number in "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct foreign f = foreign_begin();
        replace(&f, "/model/conv1/weight", H5T_IEEE_F32LE, wrong[i].rank, wrong[i].dimensions, NULL);
        assert_model_refused(&f, wrong[i].is, "the network wants 4x1x3x3 (layer conv1)");
    }
}

static void test_sizes_that_cannot_be(void **state)
{
    (void)state;
    struct foreign f = foreign_begin();
    replace(&f, "/model/conv1/bias", H5T_IEEE_F32LE, 1, (hsize_t[]){0}, NULL);
    assert_model_refused(&f, "/model/conv1/bias has no elements", "");
    f = foreign_begin();
    replace(&f, "/model/conv1/weight", H5T_IEEE_F32LE, 4, (hsize_t[]){1u << 31, 1, 3, 3}, NULL);
    assert_model_refused(&f, "2147483648x1x3x3", "wants 4x1x3x3");
    f = foreign_begin();
    hid_t space = H5Screate(H5S_NULL);
    replace(&f, "/model/conv1/bias", -1, 0, NULL, NULL);
    H5Dclose(H5Dcreate2(f.file, "/model/conv1/bias", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
    assert_model_refused(&f, "/model/conv1/bias", "");
}

static void test_types(void **state)
{
    (void)state;
    const struct {
        hid_t type;
        const char *is;
    } wrong[] = {
        {H5T_IEEE_F64LE, "of 64-bit float"},  {H5T_IEEE_F32BE, "of big-endian 32-bit float"},
        {H5T_STD_I32LE, "of 32-bit integer"}, {H5T_STD_U8LE, "of 8-bit integer"},
        {H5T_C_S1, "of something else"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct foreign f = foreign_begin();
        replace(&f, "/model/conv1/weight", wrong[i].type, 4, conv_weight, NULL);
        assert_model_refused(&f, wrong[i].is, "/model/conv1/weight");
    }
}

static void test_not_finite(void **state)
{
    (void)state;
    float values[36] = {0};
    values[9 * 2 + 3 + 2] = NAN;
    struct foreign f = foreign_begin();
    replace(&f, "/model/conv1/weight", H5T_IEEE_F32LE, 4, conv_weight, values);
    assert_model_refused(&f, "/model/conv1/weight[2,0,1,2] is ", "nan");
    values[0] = -INFINITY;
    f = foreign_begin();
    replace(&f, "/model/conv1/weight", H5T_IEEE_F32LE, 4, conv_weight, values);
    assert_model_refused(&f, "/model/conv1/weight[0,0,0,0] is -inf", "");
}

/* Digests of a file under a right seal are checked; one that says nothing of an array does no harm. */
static void test_digests_are_checked_where_there_are_any(void **state)
{
    (void)state;
    struct foreign f = {.path = sample_write(&sample, scratch_path(""), 1, false)};
    sample_flip(f.path, sample_find(f.path, sample.network.parameters, 36 * sizeof(float)));
    f.file = sample_edit(f.path);
    assert_model_refused(&f, "/model/conv1/weight is damaged", "digest");
    f.path = sample_write(&sample, scratch_path(""), 1, false);
    f.file = sample_edit(f.path);
    H5Adelete_by_name(f.file, "/digest", "/model/conv1/weight", H5P_DEFAULT);
    sample_edited(f.path, f.file);
    assert_done(checkpoint_read_model(f.path, &other.network));
}

static void test_broken_seal(void **state)
{
    (void)state;
    const char *path = sample_write(&sample, scratch_path(""), 1, false);
    sample_flip(path, sample_find(path, sample.network.parameters, 36 * sizeof(float)));
    assert_failure(checkpoint_read_model(path, &other.network), STATUS_CHECKPOINT, path, "damaged", NULL);
    assert_failure(checkpoint_read_slots(path, &other.network, &other.momentum, 1), STATUS_CHECKPOINT, path,
                   "damaged", NULL);
}

/* Without a seal HDF5 itself has to cope with a file that ends early. */
static void test_truncated_without_a_seal(void **state)
{
    (void)state;
    size_t size;
    const char *path = scratch_path("bare.h5");
    char *bytes = scratch_read(sample_write(&sample, scratch_path(""), 1, false), &size);
    memset(bytes, 0, 512);
    scratch_write(path, bytes, size);
    assert_done(checkpoint_read_model(path, &other.network));
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, "does not begin as one", NULL);
    for (size_t length = 0; length + 512 < size; length += 41) {
        scratch_write(path, bytes, length);
        assert_failure(checkpoint_read_model(path, &other.network), STATUS_CHECKPOINT, path, NULL);
    }
    free(bytes);
}

static void test_another_network(void **state)
{
    (void)state;
    struct network wider;
    const char *path = sample_write(&sample, scratch_path(""), 1, false);
    network_must_plan(
        &wider, (struct shape){8, 8, 1},
        "conv1 = conv2d filters=6 kernel=3\nflat = flatten\nfc1 = dense units=10 bias=no\nout = "
        "softmax");
    assert_done(network_bind(&wider, 1, false, 1));
    assert_failure(checkpoint_read_model(path, &wider), STATUS_CHECKPOINT,
                   "/model/conv1/weight is 4x1x3x3 in", path, "the network wants 6x1x3x3 (layer conv1)",
                   NULL);
    network_destroy(&wider);
}

static void test_slots(void **state)
{
    (void)state;
    const char *path = sample_write(&sample, scratch_path(""), 1, false);
    struct checkpoint_slot slots[] = {other.momentum, {"variance", other.network.parameters}};
    float *before = array_floats(other.network.parameter_count);
    memcpy(before, other.momentum.values, other.network.parameter_count * sizeof *before);
    assert_failure(checkpoint_read_slots(path, &other.network, slots, 2), STATUS_CHECKPOINT, path,
                   "/optimizer/variance/conv1/weight is missing", NULL);
    assert_failure(checkpoint_read_slots(path, &other.network, slots, 0), STATUS_CHECKPOINT, path,
                   "/optimizer/momentum/conv1/weight is superfluous", NULL);
    assert_same_bits("momentum", other.momentum.values, before, other.network.parameter_count);
    free(before);
}

static void test_no_file(void **state)
{
    (void)state;
    assert_failure(checkpoint_read_model(scratch_path("none.h5"), &other.network), STATUS_CHECKPOINT,
                   "none.h5", "no such file", NULL);
    scratch_write(scratch_path("text.h5"), "[run]\n", 6);
    assert_failure(checkpoint_read_model(scratch_path("text.h5"), &other.network), STATUS_CHECKPOINT,
                   "text.h5", "not an HDF5 file", NULL);
    scratch_write(scratch_path("empty.h5"), "", 0);
    assert_failure(checkpoint_read_model(scratch_path("empty.h5"), &other.network), STATUS_CHECKPOINT,
                   "empty", NULL);
    assert_failure(checkpoint_read_model(scratch_path(""), &other.network), STATUS_CHECKPOINT, "folder",
                   NULL);
}

/* Running statistics stand beside the weights, and among the optimizer's slots in those only that have some;
 * PyTorch's counter of batches may stand there too. */
static void test_buffers(void **state)
{
    (void)state;
    struct network out, in;
    struct network *const both[] = {&out, &in};
    for (size_t i = 0; i < 2; i++) {
        network_must_plan(both[i], (struct shape){4, 4, 3},
                          "b.0 = batchnorm scale=no\nflat = flatten\nfc1 = dense units=2\nout = softmax");
        assert_done(network_bind(both[i], 1, false, 1));
        array_fill(both[i]->parameters, both[i]->parameter_count, i);
        array_fill(both[i]->buffers, both[i]->buffer_count, i + 2);
    }
    size_t count = out.parameter_count, buffer_count = out.buffer_count;
    struct checkpoint_slot slots[] = {{"momentum", array_floats(count), NULL},
                                      {"trained", array_floats(count), array_floats(buffer_count)}},
                           back[] = {{"momentum", array_floats(count), NULL},
                                     {"trained", array_floats(count), array_floats(buffer_count)}};
    array_fill(slots[0].values, count, 9);
    array_fill(slots[1].values, count, 10);
    array_fill(slots[1].buffers, buffer_count, 11);
    struct checkpoint_content content = sample.content;
    char path[1024];
    content.network = &out;
    content.slots = slots;
    content.slot_count = 2;
    assert_done(checkpoint_write(scratch_path(""), &content, false, path));
    assert_done(checkpoint_verify(path));
    assert_done(checkpoint_read_model(path, &in));
    assert_done(checkpoint_read_slots(path, &in, back, 2));
    assert_same_bits("momentum", back[0].values, slots[0].values, count);
    assert_same_bits("trained", back[1].values, slots[1].values, count);
    assert_same_bits("trained buffers", back[1].buffers, slots[1].buffers, buffer_count);
    assert_failure(checkpoint_read_slots(
                       path, &in, (struct checkpoint_slot[]){back[0], {"trained", back[1].values, NULL}}, 2),
                   STATUS_CHECKPOINT, "/optimizer/trained/b.0/running_mean is superfluous", NULL);
    assert_same_bits("parameters", in.parameters, out.parameters, out.parameter_count);
    assert_same_bits("buffers", in.buffers, out.buffers, out.buffer_count);

    struct foreign f = {path, sample_edit(path)};
    assert_true(H5Ldelete(f.file, "/digest", H5P_DEFAULT) >= 0);
    replace(&f, "/model/b.0/num_batches_tracked", H5T_NATIVE_INT64, 0, NULL, NULL);
    replace(&f, "/model/b.0/running_mean", H5T_IEEE_F32LE, 1, (hsize_t[]){3}, (float[]){1, 2, 3});
    sample_edited(path, f.file);
    assert_done(checkpoint_read_model(path, &in));
    assert_true(in.buffers[0] == 1 && in.buffers[2] == 3);
    f.file = sample_edit(path);
    replace(&f, "/model/b.0/running_var", -1, 0, NULL, NULL);
    sample_edited(path, f.file);
    in.buffers[0] = 7;
    assert_failure(checkpoint_read_model(path, &in), STATUS_CHECKPOINT, "/model/b.0/running_var is missing",
                   NULL);
    assert_true(in.buffers[0] == 7);
    for (size_t i = 0; i < 2; i++) {
        free(slots[i].values);
        free(slots[i].buffers);
        free(back[i].values);
        free(back[i].buffers);
    }
    network_destroy(&out);
    network_destroy(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_file_is_taken),
        cmocka_unit_test(test_chunked_and_compressed),
        cmocka_unit_test(test_no_model),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_superfluous),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_sizes_that_cannot_be),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_digests_are_checked_where_there_are_any),
        cmocka_unit_test(test_broken_seal),
        cmocka_unit_test(test_truncated_without_a_seal),
        cmocka_unit_test(test_another_network),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
