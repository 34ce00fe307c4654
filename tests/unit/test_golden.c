/* Whole networks against PyTorch's numbers: output, loss, every gradient, ten steps of training. The files
 * are made, and their layout is told, by tests/golden/make_golden.py. */
#include "core/mixup.h"
#include "core/network.h"
#include "core/optimizer.h"
#include "support/array.h"
#include "support/network_text.h"

#include <dirent.h>
#include <hdf5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 10, FILES_MIN = 26 };
static const double TOLERANCE = 1e-4;

/* One file; `name` is for messages. */
struct golden {
    hid_t file;
    const char *name;
    size_t n;
    float *x, *label_values;
    int32_t *label_classes;
    int32_t *label_others; /* NULL: nothing is blended */
    double lr, clip_norm, share, label_smoothing;
    const struct optimizer_ops *optimizer;
    struct optimizer_settings settings;
    char *text;
    struct shape input;
};

/* What one run with one number of threads gave. */
struct run {
    double losses[STEPS];
    float *output, *gradients, *after, *buffers, *evaluated; /* evaluated: after the steps, not training */
};

static void read_attribute(hid_t file, const char *name, hid_t type, void *value)
{
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    assert_true(attribute >= 0);
    assert_true(H5Aread(attribute, type, value) >= 0);
    H5Aclose(attribute);
}

/* Fixed-length text; to be freed. */
static char *read_text(hid_t file, const char *name)
{
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), stored = H5Aget_type(attribute),
          type = H5Tcopy(H5T_C_S1);
    size_t size = H5Tget_size(stored);
    assert_true(H5Tset_size(type, size + 1) >= 0);
    char *text = array_bytes(size + 1);
    assert_true(H5Aread(attribute, type, text) >= 0);
    H5Tclose(type);
    H5Tclose(stored);
    H5Aclose(attribute);
    return text;
}

/* A dataset of `expected` elements (0: as many as there are), converted to `type`; to be freed. */
static void *read_array(hid_t file, const char *path, hid_t type, size_t expected, size_t *dimensions)
{
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    if (dataset < 0)
        fail_msg("no %s", path);
    hid_t space = H5Dget_space(dataset);
    hsize_t sizes[4] = {0};
    int rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    if (expected && count != expected)
        fail_msg("%s has %zu elements, not %zu", path, count, expected);
    for (int i = 0; dimensions && i < rank; i++)
        dimensions[i] = (size_t)sizes[i];
    void *values = array_bytes(count * H5Tget_size(type));
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Sclose(space);
    H5Dclose(dataset);
    return values;
}

/* Files of other optimizers than SGD name theirs. */
static void read_optimizer(struct golden *g)
{
    g->optimizer = optimizer_types[0];
    if (H5Aexists(g->file, "optimizer") <= 0)
        return;
    char *name = read_text(g->file, "optimizer");
    for (size_t i = 0; i < optimizer_type_count; i++)
        if (!strcmp(optimizer_types[i]->name, name))
            g->optimizer = optimizer_types[i];
    assert_string_equal(g->optimizer->name, name);
    read_attribute(g->file, "beta1", H5T_NATIVE_DOUBLE, &g->settings.beta1);
    read_attribute(g->file, "beta2", H5T_NATIVE_DOUBLE, &g->settings.beta2);
    read_attribute(g->file, "alpha", H5T_NATIVE_DOUBLE, &g->settings.alpha);
    read_attribute(g->file, "eps", H5T_NATIVE_DOUBLE, &g->settings.eps);
    free(name);
}

/* Files of blended samples tell how. */
static void read_blend(struct golden *g)
{
    if (H5Aexists(g->file, "share") <= 0)
        return;
    read_attribute(g->file, "share", H5T_NATIVE_DOUBLE, &g->share);
    read_attribute(g->file, "label_smoothing", H5T_NATIVE_DOUBLE, &g->label_smoothing);
}

static struct golden golden_open(const char *path, const char *name)
{
    struct golden g = {.name = name};
    g.file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(g.file >= 0);
    size_t d[4] = {0};
    long long nesterov;
    g.text = read_text(g.file, "network");
    g.x = read_array(g.file, "x", H5T_NATIVE_FLOAT, 0, d);
    g.n = d[0];
    g.input = (struct shape){d[1], d[2], d[3]};
    read_attribute(g.file, "lr", H5T_NATIVE_DOUBLE, &g.lr);
    read_attribute(g.file, "clip_norm", H5T_NATIVE_DOUBLE, &g.clip_norm);
    read_attribute(g.file, "momentum", H5T_NATIVE_DOUBLE, &g.settings.momentum);
    read_attribute(g.file, "weight_decay", H5T_NATIVE_DOUBLE, &g.settings.weight_decay);
    read_attribute(g.file, "nesterov", H5T_NATIVE_LLONG, &nesterov);
    g.settings.nesterov = nesterov != 0;
    read_optimizer(&g);
    read_blend(&g);
    return g;
}

static void golden_close(struct golden *g)
{
    H5Fclose(g->file);
    free(g->text);
    free(g->x);
    free(g->label_values);
    free(g->label_classes);
    free(g->label_others);
}

static void read_labels(struct golden *g, const struct network *network)
{
    if (network_last(network)->ops->loss == LOSS_CROSS_ENTROPY)
        g->label_classes = read_array(g->file, "labels", H5T_NATIVE_INT32, g->n, NULL);
    else
        g->label_values =
            read_array(g->file, "labels", H5T_NATIVE_FLOAT, g->n * network_outputs(network), NULL);
    if (g->share > 0) {
        g->label_others = array_bytes(g->n * sizeof *g->label_others);
        mixup_partners(g->label_classes, g->n, g->label_others);
        mixup_blend(g->x, g->n, shape_count(g->input), (float)g->share, 1);
    }
}

/* Calls use(values in PyTorch's order, its place in our array) for /GROUP/<layer>/<parameter> of all
 * parameters. */
static void each_parameter(const struct golden *g, const struct network *network, const char *group,
                           void (*use)(const char *what, const float *values, const struct parameter *p,
                                       float *array),
                           float *array)
{
    for (size_t i = 0; i < network->layer_count; i++)
        for (size_t k = 0; k < network->layers[i].parameter_count; k++) {
            const struct parameter *p = &network->layers[i].parameters[k];
            char path[128], what[256];
            size_t d[4] = {0};
            snprintf(path, sizeof path, "%s/%s/%s", group, network->layers[i].name, p->name);
            snprintf(what, sizeof what, "%s: %s", g->name, path);
            float *values = read_array(g->file, path, H5T_NATIVE_FLOAT, p->count, d);
            assert_memory_equal(d, p->dimensions, p->dimension_count * sizeof *d);
            use(what, values, p, array);
            free(values);
        }
}

static void copy_in(const char *what, const float *values, const struct parameter *p, float *array)
{
    (void)what;
    memcpy(array + p->offset, values, p->count * sizeof *values);
}

static void compare(const char *what, const float *values, const struct parameter *p, float *array)
{
    double *truth = array_doubles(values, p->count);
    assert_close(what, array + p->offset, truth, p->count, TOLERANCE);
    free(truth);
}

static struct loss_sum step(const struct golden *g, const struct network *network, float *gradients,
                            float *statistics)
{
    struct pass pass = network_pass(network, g->n);
    pass.training = true;
    pass.gradients = gradients;
    pass.statistics = statistics;
    memset(gradients, 0, network->parameter_count * sizeof *gradients);
    memcpy(network->x, g->x, g->n * shape_count(g->input) * sizeof *g->x);
    network_forward(network, &pass);
    struct labels labels = {.classes = g->label_classes,
                            .values = g->label_values,
                            .others = g->label_others,
                            .share = (float)g->share,
                            .smoothing = (float)g->label_smoothing};
    struct loss_sum sum = network_loss(network, &pass, labels, 1.0f / (float)g->n);
    network_backward(network, &pass, NULL, NULL);
    return sum;
}

static struct run train(struct golden *g, struct network *network, int threads)
{
    size_t outputs = g->n * network_outputs(network), count = network->parameter_count;
    struct run run = {.output = array_floats(outputs),
                      .gradients = array_floats(count),
                      .after = array_floats(count),
                      .buffers = array_floats(network->buffer_count),
                      .evaluated = array_floats(outputs)};
    float *statistics = array_floats(network->buffer_count);
    float *gradients = array_floats(count);
    struct optimizer optimizer;
    assert_int_equal(network_bind(network, g->n, true, threads), STATUS_OK);
    assert_int_equal(optimizer_create(&optimizer, g->optimizer, &g->settings, count), STATUS_OK);
    network_init(network, 1);
    each_parameter(g, network, "model", copy_in, network->parameters);
    for (int s = 0; s < STEPS; s++) {
        run.losses[s] = loss_mean(step(g, network, gradients, statistics));
        if (s == 0) {
            memcpy(run.output, network_last(network)->y, outputs * sizeof *run.output);
            memcpy(run.gradients, gradients, count * sizeof *gradients);
        }
        double norm = optimizer_norm(gradients, count, threads);
        optimizer_step(&optimizer, network, gradients, (uint64_t)s + 1, g->lr, norm, g->clip_norm);
        network_update_buffers(network, statistics, 1);
    }
    struct pass pass = network_pass(network, g->n);
    network_forward(network, &pass);
    memcpy(run.evaluated, network_last(network)->y, outputs * sizeof *run.evaluated);
    if (network->buffer_count)
        memcpy(run.buffers, network->buffers, network->buffer_count * sizeof *run.buffers);
    memcpy(run.after, network->parameters, count * sizeof *run.after);
    optimizer_destroy(&optimizer);
    free(gradients);
    free(statistics);
    return run;
}

static void run_free(struct run *run)
{
    free(run->output);
    free(run->gradients);
    free(run->after);
    free(run->buffers);
    free(run->evaluated);
}

/* Running statistics after the ten steps, and what the network says with them. */
static void check_evaluation(const struct golden *g, const struct network *network, const struct run *run)
{
    if (!network->buffer_count)
        return;
    double *evaluated =
        read_array(g->file, "evaluated", H5T_NATIVE_DOUBLE, g->n * network_outputs(network), NULL);
    assert_close("output in evaluation", run->evaluated, evaluated, g->n * network_outputs(network),
                 TOLERANCE);
    free(evaluated);
    for (size_t i = 0; i < network->layer_count; i++)
        for (size_t b = 0; b < network->layers[i].buffer_count; b++) {
            const struct parameter *p = &network->layers[i].buffers[b];
            char path[128];
            snprintf(path, sizeof path, "buffers/%s/%s", network->layers[i].name, p->name);
            float *values = read_array(g->file, path, H5T_NATIVE_FLOAT, p->count, NULL);
            compare(path, values, p, run->buffers);
            free(values);
        }
}

static void check_run(const struct golden *g, const struct network *network, const struct run *run)
{
    char what[128];
    size_t outputs = g->n * network_outputs(network);
    double *output = read_array(g->file, "output", H5T_NATIVE_DOUBLE, outputs, NULL);
    double *losses = read_array(g->file, "losses", H5T_NATIVE_DOUBLE, STEPS, NULL);
    double *loss = read_array(g->file, "loss", H5T_NATIVE_DOUBLE, 1, NULL);
    snprintf(what, sizeof what, "%s: output", g->name);
    assert_close(what, run->output, output, outputs, TOLERANCE);
    snprintf(what, sizeof what, "%s: loss", g->name);
    assert_close_double(what, run->losses, loss, 1, TOLERANCE);
    each_parameter(g, network, "grad", compare, run->gradients);
    for (size_t s = 0; s < STEPS; s++) { /* each on its own: they may fall by powers of ten */
        snprintf(what, sizeof what, "%s: loss at step %zu", g->name, s);
        assert_close_double(what, &run->losses[s], &losses[s], 1, TOLERANCE);
    }
    each_parameter(g, network, "after", compare, run->after);
    check_evaluation(g, network, run);
    free(output);
    free(losses);
    free(loss);
}

static void check_file(const char *path, const char *name)
{
    struct golden g = golden_open(path, name);
    struct network network;
    network_must_plan(&network, g.input, g.text);
    read_labels(&g, &network);
    struct run one = train(&g, &network, 1), three = train(&g, &network, 3);
    check_run(&g, &network, &one);
    assert_same_bits("output with 3 threads", three.output, one.output, g.n * network_outputs(&network));
    assert_same_bits("gradients with 3 threads", three.gradients, one.gradients, network.parameter_count);
    assert_same_bits("weights with 3 threads", three.after, one.after, network.parameter_count);
    assert_same_bits("running statistics", three.buffers, one.buffers, network.buffer_count);
    assert_memory_equal(three.losses, one.losses, sizeof one.losses);
    run_free(&one);
    run_free(&three);
    network_destroy(&network);
    golden_close(&g);
}

static int is_golden(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && !strcmp(dot, ".h5");
}

static void test_every_file(void **state)
{
    (void)state;
    struct dirent **entries;
    int count = scandir(TEST_SOURCE_DIR "/tests/golden", &entries, is_golden, alphasort);
    assert_true(count >= FILES_MIN);
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, TEST_SOURCE_DIR "/tests/golden/%s", entries[i]->d_name);
        print_message("%s\n", entries[i]->d_name);
        check_file(path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
