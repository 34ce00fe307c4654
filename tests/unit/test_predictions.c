/* What cnn-predict writes, read back with HDF5. */
#include "core/loss.h"
#include "io/predictions.h"

#include "io/h5.h"
#include "support/scratch.h"
#include "support/small_disk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 5, OUTPUTS = 3 };
static const float values[COUNT * OUTPUTS] = {0.2f,  0.5f, 0.3f, 0.25f, 0.5f, 0.25f, 0.9f, 0.05f,
                                              0.05f, 0.4f, 0.2f, 0.4f,  NAN,  NAN,   NAN};
static const int32_t best[COUNT] = {1, 1, 0, 0, 0};
static const char *const names[OUTPUTS] = {"T-shirt/top", "Größe", "c"};

static struct predictions make(void)
{
    return (struct predictions){.split = "test",
                                .count = COUNT,
                                .outputs = OUTPUTS,
                                .values = values,
                                .classes = true,
                                .class_names = names,
                                .class_count = OUTPUTS};
}

/* Opens a dataset that must have this shape and a type of this class and size. */
static hid_t open_array(hid_t file, const char *name, H5T_class_t class, int rank, const hsize_t *dimensions)
{
    hsize_t got[2] = {0};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    assert_int_equal(H5Sget_simple_extent_ndims(space), rank);
    H5Sget_simple_extent_dims(space, got, NULL);
    assert_memory_equal(got, dimensions, (size_t)rank * sizeof *got);
    assert_int_equal(H5Tget_class(type), class);
    assert_int_equal(H5Tget_size(type), 4);
    H5Tclose(type);
    H5Sclose(space);
    return dataset;
}

static void assert_values(hid_t file, const char *name)
{
    float got[COUNT * OUTPUTS];
    hid_t dataset = open_array(file, name, H5T_FLOAT, 2, (hsize_t[]){COUNT, OUTPUTS});
    assert_true(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_memory_equal(got, values, sizeof got);
    H5Dclose(dataset);
}

static void assert_predicted(hid_t file, const char *name, bool named)
{
    int32_t got[COUNT];
    hid_t dataset = open_array(file, name, H5T_INTEGER, 1, (hsize_t[]){COUNT});
    assert_true(H5Dread(dataset, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_memory_equal(got, best, sizeof got);
    char **texts;
    size_t count;
    assert_int_equal(h5_has_attribute(dataset, "class_names"), named);
    if (named) {
        assert_true(h5_read_texts(dataset, "class_names", &texts, &count));
        assert_int_equal(count, OUTPUTS);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(texts[i], names[i]);
            free(texts[i]);
        }
        free(texts);
    }
    H5Dclose(dataset);
}

static hid_t open_file(const char *path)
{
    hid_t file;
    assert_done(h5_open(path, STATUS_DATA, &file));
    return file;
}

static void test_comes_back(void **state)
{
    (void)state;
    struct predictions p = make();
    assert_done(predictions_write(scratch_path("a.h5"), &p, false));
    hid_t file = open_file(scratch_path("a.h5"));
    assert_values(file, "/test/probabilities");
    assert_predicted(file, "/test/predicted", true);
    H5Fclose(file);
    p.split = "train";
    p.class_names = NULL;
    assert_done(predictions_write(scratch_path("b.h5"), &p, false));
    file = open_file(scratch_path("b.h5"));
    assert_values(file, "/train/probabilities");
    assert_predicted(file, "/train/predicted", false);
    H5Fclose(file);
}

/* Of sigmoid and linear outputs no class is predicted. */
static void test_values_without_classes(void **state)
{
    (void)state;
    struct predictions p = make();
    p.classes = false;
    assert_done(predictions_write(scratch_path("c.h5"), &p, false));
    hid_t file = open_file(scratch_path("c.h5"));
    assert_values(file, "/test/probabilities");
    assert_true(H5Lexists(file, "/test/predicted", H5P_DEFAULT) == 0);
    H5Fclose(file);
}

static void test_overwrites_only_when_told(void **state)
{
    (void)state;
    struct predictions p = make();
    char text[] = "somebody's", *left;
    scratch_write(scratch_path("d.h5"), text, sizeof text);
    assert_failure(predictions_write(scratch_path("d.h5"), &p, false), STATUS_USAGE, "d.h5", "exists",
                   "--overwrite", NULL);
    left = scratch_read(scratch_path("d.h5"), NULL);
    assert_string_equal(left, text);
    free(left);
    assert_done(predictions_write(scratch_path("d.h5"), &p, true));
    hid_t file = open_file(scratch_path("d.h5"));
    assert_values(file, "/test/probabilities");
    H5Fclose(file);
    assert_failure(predictions_write(scratch_path(""), &p, true), STATUS_USAGE, "is a folder", NULL);
}

/* Nothing is left of what could not be written, and what was there stays. */
static void test_cannot_be_written(void **state)
{
    (void)state;
    struct predictions p = make();
    assert_failure(predictions_write(scratch_path("missing/e.h5"), &p, false), STATUS_DATA, "missing/e.h5",
                   NULL);
    assert_done(predictions_write(scratch_path("e.h5"), &p, false));
    size_t entries = folder_entries(scratch_path("")), size, left;
    char *before = scratch_read(scratch_path("e.h5"), &size), *after;
    for (size_t limit = 0; limit < size; limit += 211) {
        file_size_limit(limit);
        enum status status = predictions_write(scratch_path("e.h5"), &p, true);
        enum status fresh = predictions_write(scratch_path("f.h5"), &p, false);
        file_size_limit(SIZE_MAX);
        assert_int_equal(status, STATUS_DATA);
        assert_failure(fresh, STATUS_DATA, "f.h5", "ulimit", NULL);
        assert_int_equal(folder_entries(scratch_path("")), entries);
    }
    after = scratch_read(scratch_path("e.h5"), &left);
    assert_int_equal(left, size);
    assert_memory_equal(after, before, size);
    free(before);
    free(after);
}

/* Of equals the first; what is no number is never chosen before one that stands first, and never beyond. */
static void test_best(void **state)
{
    (void)state;
    static const struct {
        float values[4];
        size_t best;
    } cases[] = {
        {{0.1f, 0.2f, 0.3f, 0.4f}, 3},
        {{0.4f, 0.3f, 0.2f, 0.1f}, 0},
        {{0.1f, 0.4f, 0.4f, 0.4f}, 1},
        {{0, 0, 0, 0}, 0},
        {{-4, -3, -2, -3}, 2},
        {{-INFINITY, -1, INFINITY, 3}, 2},
        {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, 0},
        {{0.1f, NAN, 0.2f, NAN}, 2},
        {{NAN, NAN, NAN, NAN}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(loss_best(cases[i].values, 4), cases[i].best);
    assert_int_equal(loss_best(cases[0].values, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_values_without_classes),
        cmocka_unit_test(test_overwrites_only_when_told),
        cmocka_unit_test(test_cannot_be_written),
        cmocka_unit_test(test_best),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
