#include "io/checkpoint.h"

#include "io/h5.h"
#include "support/array.h"
#include "support/checkpoint_sample.h"
#include "support/scratch.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct sample sample;

static int setup(void **state)
{
    int failed = scratch_create(state);
    sample_create(&sample, 1);
    return failed;
}

static int teardown(void **state)
{
    sample_destroy(&sample);
    return scratch_destroy(state);
}

static const char *written(void)
{
    return sample_write(&sample, scratch_path(""), 123, false);
}

static void test_everything_comes_back(void **state)
{
    (void)state;
    struct sample other;
    struct checkpoint_info info;
    const char *path = written();
    size_t count = sample.network.parameter_count;
    assert_done(checkpoint_verify(path));
    assert_done(checkpoint_read_info(path, &info));
    assert_memory_equal(&info.progress, &sample.progress, sizeof info.progress);
    assert_string_equal(info.config_text, SAMPLE_CONFIG);
    assert_int_equal(info.data_digest, sample.content.data_digest);
    assert_int_equal(info.class_count, sample.content.class_count);
    for (size_t i = 0; i < info.class_count; i++)
        assert_string_equal(info.class_names[i], sample.content.class_names[i]);
    assert_true(info.normalization.present);
    assert_int_equal(info.normalization.channels, 1);
    assert_same_bits("mean", info.normalization.mean, sample.normalization.mean, 1);
    assert_same_bits("std", info.normalization.std, sample.normalization.std, 1);
    checkpoint_info_destroy(&info);

    sample_create(&other, 2);
    assert_done(checkpoint_read_model(path, &other.network));
    assert_same_bits("model", other.network.parameters, sample.network.parameters, count);
    assert_done(checkpoint_read_slots(path, &other.network, &other.momentum, 1));
    assert_same_bits("momentum", other.momentum.values, sample.momentum.values, count);
    sample_destroy(&other);
}

static void test_bare(void **state)
{
    (void)state;
    struct checkpoint_info info;
    struct sample bare;
    sample_create(&bare, 3);
    bare.normalization.present = false;
    bare.progress.best_metric = NAN;
    bare.content.class_names = NULL;
    bare.content.class_count = bare.content.slot_count = 0;
    bare.content.config_text = "";
    const char *path = sample_write(&bare, scratch_path(""), 5, false);
    assert_done(checkpoint_verify(path));
    assert_done(checkpoint_read_info(path, &info));
    assert_false(info.normalization.present);
    assert_true(isnan(info.progress.best_metric));
    assert_null(info.class_names);
    assert_string_equal(info.config_text, "");
    checkpoint_info_destroy(&info);
    assert_done(checkpoint_read_slots(path, &bare.network, NULL, 0));
    assert_failure(checkpoint_read_slots(path, &bare.network, &bare.momentum, 1), STATUS_CHECKPOINT, path,
                   "no arrays in /optimizer", NULL);
    sample_destroy(&bare);
}

static void test_many_class_names(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct checkpoint_info info;
    const char **names = malloc(MANY * sizeof *names);
    for (size_t i = 0; i < MANY; i++)
        names[i] = "a name that is not short, and there are thousands";
    struct checkpoint_content content = sample.content;
    char path[1024];
    content.class_names = names;
    content.class_count = MANY;
    assert_done(checkpoint_write(scratch_path(""), &content, false, path));
    assert_done(checkpoint_read_info(path, &info));
    assert_int_equal(info.class_count, MANY);
    assert_string_equal(info.class_names[MANY - 1], names[0]);
    checkpoint_info_destroy(&info);
    free(names);
}

static void assert_no_times(hid_t file, const char *name)
{
    hbool_t tracked = true;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    assert_true(object >= 0);
    hid_t made =
        H5Iget_type(object) == H5I_DATASET ? H5Dget_create_plist(object) : H5Gget_create_plist(object);
    assert_true(H5Pget_obj_track_times(made, &tracked) >= 0);
    assert_false(tracked);
    H5Pclose(made);
    H5Oclose(object);
}

static void test_no_time_stamps(void **state)
{
    (void)state;
    static const char *const names[] = {
        "/",       "/model", "/model/conv1", "/model/conv1/weight", "/optimizer", "/optimizer/momentum",
        "/config", "/state"};
    hid_t file;
    assert_done(h5_open(written(), STATUS_CHECKPOINT, &file));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_no_times(file, names[i]);
    H5Fclose(file);
}

static void test_provenance(void **state)
{
    (void)state;
    static const char *const names[] = {"version", "commit", "compiler", "flags",
                                        "hdf5",    "blas",   "host",     "date"};
    hid_t file;
    uint64_t threads = 0;
    sample.content.mpi = "Some MPI 1.2";
    sample.content.hosts = "n01 x 4, n02 x 2";
    sample.content.ranks = 6;
    sample.content.changes = "step 1: train.batch 64 -> 128\nstep 2: more";
    assert_done(h5_open(written(), STATUS_CHECKPOINT, &file));
    hid_t group = H5Gopen2(file, "/provenance", H5P_DEFAULT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = NULL;
        assert_true(h5_read_text(group, names[i], &text));
        assert_true(strlen(text) > 0);
        free(text);
    }
    assert_true(h5_read_u64(group, "threads", &threads));
    assert_int_equal(threads, 2);
    H5Gclose(group);
    H5Fclose(file);

    struct checkpoint_provenance provenance;
    struct checkpoint_info info;
    assert_done(checkpoint_read_provenance(written(), &provenance));
    assert_string_equal(checkpoint_fact(&provenance, "mpi"), "Some MPI 1.2");
    assert_string_equal(checkpoint_fact(&provenance, "hosts"), "n01 x 4, n02 x 2");
    assert_string_equal(checkpoint_fact(&provenance, "ranks"), "6");
    assert_string_equal(checkpoint_fact(&provenance, "threads"), "2");
    assert_string_equal(checkpoint_fact(&provenance, "nothing"), "unknown");
    assert_string_equal(provenance.facts[0].name, "blas");
    checkpoint_provenance_destroy(&provenance);
    assert_done(checkpoint_read_info(written(), &info));
    assert_string_equal(info.changes, sample.content.changes);
    checkpoint_info_destroy(&info);
    sample.content.changes = sample.content.mpi = sample.content.hosts = NULL;
    assert_done(checkpoint_read_info(written(), &info));
    assert_string_equal(info.changes, "");
    checkpoint_info_destroy(&info);
    assert_failure(checkpoint_read_provenance(scratch_path("none.h5"), &provenance), STATUS_CHECKPOINT,
                   "none.h5", NULL);
}

static void assert_refused(const char *path)
{
    struct checkpoint_info info;
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, NULL);
    assert_failure(checkpoint_read_info(path, &info), STATUS_CHECKPOINT, path, NULL);
    assert_null(info.config_text);
}

static void test_any_wrong_byte_is_noticed(void **state)
{
    (void)state;
    size_t size;
    const char *path = written();
    free(scratch_read(path, &size));
    for (size_t i = 0; i < size; i++) {
        sample_flip(path, i);
        assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, NULL);
        sample_flip(path, i);
    }
    assert_done(checkpoint_verify(path));
}

static void test_any_truncation_is_noticed(void **state)
{
    (void)state;
    size_t size;
    const char *path = written();
    free(scratch_read(path, &size));
    while (size-- > 0) {
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_refused(path);
        if (size % 97 == 0)
            assert_failure(checkpoint_read_model(path, &sample.network), STATUS_CHECKPOINT, path, NULL);
    }
}

static void test_longer(void **state)
{
    (void)state;
    size_t size;
    const char *path = written();
    free(scratch_read(path, &size));
    assert_int_equal(truncate(path, (off_t)size + 1), 0);
    assert_refused(path);
}

/* A wrong byte under a right seal: what the digests are for. */
static void assert_digest_notices(const void *bytes, size_t size, const char *object)
{
    const char *path = written();
    sample_flip(path, sample_find(path, bytes, size) + 1);
    sample_seal(path);
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, object, "digest", NULL);
}

static void test_digests_name_the_array(void **state)
{
    (void)state;
    const struct network *network = &sample.network;
    for (size_t l = 0; l < network->layer_count; l++)
        for (size_t p = 0; p < network->layers[l].parameter_count; p++) {
            char name[128];
            const struct parameter *parameter = &network->layers[l].parameters[p];
            snprintf(name, sizeof name, "/model/%s/%s ", network->layers[l].name, parameter->name);
            assert_digest_notices(network->parameters + parameter->offset, 4 * parameter->count, name);
            snprintf(name, sizeof name, "/optimizer/momentum/%s/%s ", network->layers[l].name,
                     parameter->name);
            assert_digest_notices(sample.momentum.values + parameter->offset, 4 * parameter->count, name);
        }
    assert_digest_notices(SAMPLE_CONFIG, strlen(SAMPLE_CONFIG), "/config");
}

static void test_state_under_digest(void **state)
{
    (void)state;
    const char *path = written();
    hid_t file = sample_edit(path), group = H5Gopen2(file, "/state", H5P_DEFAULT);
    assert_true(h5_write_u64(group, "epoch", sample.progress.epoch + 1));
    H5Gclose(group);
    sample_edited(path, file);
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, "/state", "digest", NULL);
}

/* Deletes an attribute, or with attribute NULL the object itself. */
static void assert_without(const char *object, const char *attribute, const char *word)
{
    const char *path = written();
    hid_t file = sample_edit(path), id = H5Oopen(file, object, H5P_DEFAULT);
    assert_true((attribute ? H5Adelete(id, attribute) : H5Ldelete(file, object, H5P_DEFAULT)) >= 0);
    H5Oclose(id);
    sample_edited(path, file);
    struct checkpoint_info info;
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, word, NULL);
    assert_failure(checkpoint_read_info(path, &info), STATUS_CHECKPOINT, path, word, NULL);
}

static void test_parts_missing(void **state)
{
    (void)state;
    assert_without("/", "format", "not a checkpoint");
    assert_without("/", "format_version", "not a checkpoint");
    assert_without("/", "complete", "not complete");
    assert_without("/state", NULL, "/state");
    assert_without("/state", "epoch_hits", "/state, epoch_hits");
    assert_without("/state", "best_metric", "/state, best_metric");
    assert_without("/data", NULL, "/data");
    assert_without("/data", "mean", "/data");
    assert_without("/data", "digest", "/data, digest");
    assert_without("/config", NULL, "/config");
    assert_without("/digest", "/config", "/config");
    assert_without("/digest", "/state", "/state");
    assert_without("/digest", NULL, "digest");
}

/* Whole and well sealed, and no good to go on from. */
static void test_not_finite(void **state)
{
    (void)state;
    float *weight = sample.network.parameters + sample.network.layers[0].parameters[0].offset,
          *momentum = sample.momentum.values + sample.network.parameter_count - 1;
    float *const places[] = {&weight[9 + 3 + 2], momentum};
    static const char *const names[] = {"/model/conv1/weight[1,0,1,2] is nan",
                                        "/optimizer/momentum/fc1/weight[9,143] is inf"};
    const float values[] = {NAN, INFINITY};
    for (size_t i = 0; i < 2; i++) {
        float kept = *places[i];
        *places[i] = values[i];
        const char *path = written();
        *places[i] = kept;
        assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, names[i], NULL);
    }
}

static void test_array_without_digest(void **state)
{
    (void)state;
    const char *path = written();
    hid_t file = sample_edit(path);
    assert_true(H5Adelete_by_name(file, "/digest", "/model/fc1/weight", H5P_DEFAULT) >= 0);
    sample_edited(path, file);
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, "no digest of /model/fc1/weight", NULL);
}

/* 2^64 elements: what counts them must not begin anew at 0. */
static void test_array_beyond_all_memory(void **state)
{
    (void)state;
    const char *path = written();
    hid_t file = sample_edit(path), made = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, (hsize_t[]){1ull << 32, 1ull << 32}, NULL);
    H5Pset_chunk(made, 2, (hsize_t[]){2, 2});
    hid_t set = H5Dcreate2(file, "/model/fc1/huge", H5T_IEEE_F32LE, space, H5P_DEFAULT, made, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(made);
    sample_edited(path, file);
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, "/model/fc1/huge", "more than can be",
                   NULL);
}

static void assert_wrong_number(const char *object, const char *name, uint64_t value, const char *word)
{
    const char *path = written();
    hid_t file = sample_edit(path), id = H5Oopen(file, object, H5P_DEFAULT);
    assert_true(h5_write_u64(id, name, value));
    H5Oclose(id);
    sample_edited(path, file);
    assert_failure(checkpoint_verify(path), STATUS_CHECKPOINT, path, word, NULL);
}

static void test_parts_wrong(void **state)
{
    (void)state;
    assert_wrong_number("/", "format_version", 2, "format version 2");
    assert_wrong_number("/", "complete", 0, "not complete");
    assert_wrong_number("/", "format", 1, "not a checkpoint");
    assert_wrong_number("/data", "normalized", 2, "/data");
    assert_wrong_number("/data", "std", 0, "/data");
    assert_wrong_number("/data", "digest", 7, "/data, digest");
    assert_wrong_number("/data", "class_names", 7, "class_names");
    assert_wrong_number("/digest", "/config", 7, "/config");
}

static void test_not_a_checkpoint(void **state)
{
    (void)state;
    struct checkpoint_info info;
    const char *text = scratch_path("text.h5"), *foreign = scratch_path("foreign.h5");
    assert_failure(checkpoint_verify(scratch_path("none.h5")), STATUS_CHECKPOINT, "none.h5", "no such file",
                   NULL);
    assert_failure(checkpoint_verify(scratch_path("")), STATUS_CHECKPOINT, "is a folder", NULL);
    assert_failure(checkpoint_verify("/dev/null"), STATUS_CHECKPOINT, "not a regular file", NULL);
    scratch_write(text, "hello", 5);
    assert_failure(checkpoint_verify(text), STATUS_CHECKPOINT, text, "not an HDF5 file", NULL);
    H5Fclose(H5Fcreate(foreign, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    assert_failure(checkpoint_read_info(foreign, &info), STATUS_CHECKPOINT, foreign, "not a checkpoint",
                   NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_comes_back),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_many_class_names),
        cmocka_unit_test(test_no_time_stamps),
        cmocka_unit_test(test_provenance),
        cmocka_unit_test(test_any_wrong_byte_is_noticed),
        cmocka_unit_test(test_any_truncation_is_noticed),
        cmocka_unit_test(test_longer),
        cmocka_unit_test(test_digests_name_the_array),
        cmocka_unit_test(test_state_under_digest),
        cmocka_unit_test(test_parts_missing),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_array_without_digest),
        cmocka_unit_test(test_array_beyond_all_memory),
        cmocka_unit_test(test_parts_wrong),
        cmocka_unit_test(test_not_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
