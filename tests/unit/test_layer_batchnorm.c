/* batchnorm against its definition: values, gradients, statistics, running statistics, and the relu behind
 * it. */
#include "support/array.h"
#include "support/network_text.h"
#include "support/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One channel in double: rows of x and dy `c` apart, and what comes of them. */
struct channel {
    size_t rows, c;
    const float *x, *dy;
    double weight, bias, eps, mean, variance;
};

static void moments(struct channel *k)
{
    k->mean = k->variance = 0;
    for (size_t r = 0; r < k->rows; r++)
        k->mean += k->x[r * k->c] / (double)k->rows;
    for (size_t r = 0; r < k->rows; r++)
        k->variance += pow(k->x[r * k->c] - k->mean, 2) / (double)k->rows;
}

/* y, dx and the sums for weight and bias; `training`: the mean and the variance depend on x too. */
static void normalise(const struct channel *k, bool training, double *y, double *dx, double *dweight,
                      double *dbias)
{
    double deviation = sqrt(k->variance + k->eps), n = (double)k->rows;
    *dweight = *dbias = 0;
    for (size_t r = 0; r < k->rows; r++) {
        double hat = (k->x[r * k->c] - k->mean) / deviation;
        y[r * k->c] = hat * k->weight + k->bias;
        *dweight += k->dy[r * k->c] * hat;
        *dbias += k->dy[r * k->c];
    }
    for (size_t r = 0; r < k->rows; r++) {
        double hat = (k->x[r * k->c] - k->mean) / deviation, through = *dbias / n + hat * *dweight / n;
        dx[r * k->c] = k->weight / deviation * (k->dy[r * k->c] - (training ? through : 0));
    }
}

struct row {
    const char *options;
    bool scale, shift;
    double eps;
};

static const struct row rows[] = {
    {"", true, true, 1e-5},
    {" eps=0.3 scale=no", false, true, 0.3},
    {" shift=no", true, false, 1e-5},
    {" scale=no shift=no eps=0.01", false, false, 0.01},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* Beyond one part in rows and in channels, with channels that are no multiple of anything. */
static const struct shape shapes[] = {{1, 1, 1}, {5, 3, 17}, {1, 1, 33}, {31, 34, 5}, {7, 7, 131}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void check_statistics(const struct probe *p, size_t i, const struct channel *k)
{
    double truth[2] = {k->mean, k->variance * (double)k->rows / (double)(k->rows - 1)};
    for (size_t b = 0; b < 2; b++)
        assert_close("statistics", &p->statistics[b * k->c + i], &truth[b], 1, b ? 1e-5 : 1e-3);
}

static void check(const struct row *row, struct shape shape, size_t n, bool training)
{
    char text[128];
    struct probe p;
    snprintf(text, sizeof text, "a = conv2d filters=%zu kernel=1\nprobe = batchnorm%s" PROBE_TAIL, shape.c,
             row->options);
    probe_create(&p, shape, text, n);
    p.pass.training = training;
    assert_int_equal(p.layer.parameter_count, row->scale + row->shift);
    double *y = array_bytes(p.y_count * sizeof *y), *dx = array_bytes(p.x_count * sizeof *dx);
    double *gradients = array_bytes((p.parameter_count + 1) * sizeof *gradients), unused[2];
    memset(gradients, 0, p.parameter_count * sizeof *gradients);
    const struct parameter *w = &p.layer.parameters[0], *b = &p.layer.parameters[row->scale];
    for (size_t i = 0; i < p.x_count; i++)
        p.x[0][i] += 2 * (float)(i % shape.c % 3) - 1;
    probe_forward(&p, 1);
    for (size_t i = 0; i < shape.c; i++) {
        struct channel k = {n * shape.h * shape.w, shape.c, p.x[0] + i, p.dy + i, 1, 0, row->eps, 0, 0};
        k.weight = row->scale ? p.parameters[w->offset + i] : 1;
        k.bias = row->shift ? p.parameters[b->offset + i] : 0;
        k.mean = p.buffers[i];
        k.variance = p.buffers[shape.c + i];
        if (training) {
            moments(&k);
            check_statistics(&p, i, &k);
        } else
            assert_true(isnan(p.statistics[i]) && isnan(p.statistics[shape.c + i]));
        normalise(&k, training, y + i, dx + i, row->scale ? &gradients[w->offset + i] : &unused[0],
                  row->shift ? &gradients[b->offset + i] : &unused[1]);
    }
    probe_check(&p, &(struct probe_truth){.y = y, .dx = {dx}, .gradients = gradients});
    free(y);
    free(dx);
    free(gradients);
    probe_destroy(&p);
}

static void test_grid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t s = 0; s < SHAPES; s++)
            for (size_t n = 4; n <= 9; n += 5)
                for (int training = 0; training < 2; training++) {
                    print_message("batchnorm%s, shape %zu, %zu samples, training %d\n", rows[i].options, s, n,
                                  training);
                    check(&rows[i], shapes[s], n, training);
                }
}

/* A mean far from nought does not eat the variance, nor do first rows that are not like the others. */
static void test_large_mean(void **state)
{
    (void)state;
    for (int outliers = 0; outliers < 2; outliers++) {
        struct probe p;
        struct shape shape = {50, 60, 3};
        probe_create(&p, shape, "a = conv2d filters=3 kernel=1\nprobe = batchnorm" PROBE_TAIL, 2);
        for (size_t i = 0; i < p.x_count; i++)
            p.x[0][i] += outliers && i < 64 * 3 ? -3000 : 1000;
        probe_forward(&p, 2);
        for (size_t i = 0; i < shape.c; i++) {
            struct channel k = {2 * shape.h * shape.w, shape.c, p.x[0] + i, p.dy, 1, 0, 1e-5, 0, 0};
            moments(&k);
            double unbiased = k.variance * (double)k.rows / (double)(k.rows - 1);
            assert_close("mean", &p.statistics[i], &k.mean, 1, 1e-6);
            assert_close("variance", &p.statistics[shape.c + i], &unbiased, 1, 1e-5);
        }
        probe_destroy(&p);
    }
}

/* A single value per channel has no variance: the bias comes out, and nothing flows back. A NaN stays one. */
static void test_one_value(void **state)
{
    (void)state;
    struct probe p;
    probe_create(&p, (struct shape){1, 1, 3}, "a = dense units=3\nprobe = batchnorm" PROBE_TAIL, 1);
    p.x[0][2] = NAN;
    probe_forward(&p, 1);
    probe_backward(&p, 1);
    const float *bias = p.parameters + p.layer.parameters[1].offset;
    assert_true(p.y[0] == bias[0] && p.y[1] == bias[1] && isnan(p.y[2]) && isnan(p.statistics[2]));
    assert_true(p.dx[0][0] == 0 && p.dx[0][1] == 0);
    assert_true(p.statistics[0] == p.x[0][0] && p.statistics[3] == 0);
    probe_destroy(&p);
}

/* One pass in parts of 1 and 3 samples, forward or backward: what they sum up, added, is given to each. */
static void run_in_parts(struct probe *p, bool backward)
{
    const struct layer_ops *ops = p->layer.ops;
    size_t item = p->x_count / 4, width = 2 * p->layer.out.c;
    double *sums = array_bytes(2 * width * sizeof *sums), *total = array_bytes(width * sizeof *total);
    void *workspace = array_bytes(ops->workspace(&p->layer, 4, 1));
    for (size_t step = 0; step < 2; step++) {
        for (size_t part = 0; part < 2; part++) {
            struct layer layer = p->layer;
            struct pass pass = p->pass;
            pass.n = part ? 3 : 1;
            pass.batch = 4;
            pass.sums = total;
            pass.statistics = p->statistics;
            pass.gradients = p->gradients;
            pass.parameters = p->parameters;
            pass.workspace = workspace;
            pass.threads = 1;
            layer.x[0] += part * item;
            layer.y += part * item;
            layer.dy += part * item;
            layer.dx[0] += part * item;
            if (step == 0)
                (backward ? ops->backward_sums : ops->forward_sums)(&layer, &pass, sums + part * width);
            else
                (backward ? ops->backward : ops->forward)(&layer, &pass);
        }
        for (size_t i = 0; i < width && step == 0; i++)
            total[i] = sums[i] + sums[width + i];
    }
    free(workspace);
    free(total);
    free(sums);
}

/* A batch in parts is what it is in one piece, with a mean far from nought too. */
static void test_parts(void **state)
{
    (void)state;
    struct shape shape = {5, 6, 3};
    for (int far = 0; far < 2; far++) {
        struct probe p;
        probe_create(&p, shape, "a = conv2d filters=3 kernel=1\nprobe = batchnorm scope=global" PROBE_TAIL,
                     4);
        for (size_t i = 0; far && i < p.x_count; i++)
            p.x[0][i] += 1000;
        probe_forward(&p, 1);
        probe_backward(&p, 1);
        double *y = array_doubles(p.y, p.y_count), *dx = array_doubles(p.dx[0], p.x_count),
               *statistics = array_doubles(p.statistics, p.buffer_count),
               *gradients = array_doubles(p.gradients, p.parameter_count);
        memcpy(p.gradients, p.gradients_before, p.parameter_count * sizeof *p.gradients);
        array_poison(p.y, p.y_count);
        array_poison(p.dx[0], p.x_count);
        run_in_parts(&p, false);
        run_in_parts(&p, true);
        assert_close("y", p.y, y, p.y_count, far ? 1e-5 : 1e-6);
        assert_close("dx", p.dx[0], dx, p.x_count, far ? 1e-5 : 1e-6);
        assert_close("mean", p.statistics, statistics, 3, 1e-6);
        assert_close("variance", p.statistics + 3, statistics + 3, 3, 1e-6);
        assert_close("gradients", p.gradients, gradients, p.parameter_count, 1e-6);
        free(y);
        free(dx);
        free(statistics);
        free(gradients);
        probe_destroy(&p);
    }
}

/* Running statistics begin with mean 0 and variance 1, and take a share of the mean over the shards. */
static void test_running_statistics(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, (struct shape){2, 2, 2},
                      "a = batchnorm momentum=0.25\nf = flatten\nd = dense units=2\nout = softmax");
    assert_int_equal(network_bind(&network, 3, true, 1), STATUS_OK);
    network_init(&network, 1);
    assert_int_equal(network.buffer_count, 4);
    assert_true(network.buffers[0] == 0 && network.buffers[1] == 0 && network.buffers[2] == 1 &&
                network.buffers[3] == 1);
    assert_true(network.parameters[0] == 1 && network.parameters[1] == 1 && network.parameters[2] == 0);
    network_update_buffers(&network, (float[]){6, -3, 12, 0}, 3);
    const double truth[] = {0.5, -0.25, 1.75, 0.75};
    assert_close("running statistics", network.buffers, truth, 4, 1e-7);
    network_destroy(&network);
}

#define SMOOTH "c = conv2d filters=6 kernel=3\n"

/* The relu behind it, forward and backward, done by batchnorm or by the relu itself: the same bits. */
static void test_relu_in_passing(void **state)
{
    (void)state;
    struct shape shape = {9, 8, 2};
    enum { N = 4 };
    float *gradients[2];
    size_t count = 0;
    for (int apart = 0; apart < 2; apart++) {
        struct network network;
        /* `t` reads the relu beside `p`: neither does the relu's backward in passing */
        network_must_plan(&network, shape,
                          SMOOTH
                          "b = batchnorm\nr = relu\nt = tanh from=r\np = tanh from=r\ns = add from=t,p\n"
                          "f = flatten\nd = dense units=3\nout = softmax");
        const struct layer *norm = &network.layers[1], *relu = &network.layers[2];
        assert_true(norm->output_relu && norm->output_relu_backward && relu->skip_forward &&
                    relu->skip_backward);
        if (apart)
            network_set_apart(&network);
        assert_int_equal(network_bind(&network, N, true, 2), STATUS_OK);
        network_init(&network, 4);
        array_fill(network.x, N * shape_count(shape), 5);
        count = network.parameter_count;
        struct pass pass = network_pass(&network, N);
        pass.training = true;
        pass.gradients = gradients[apart] = array_floats(count);
        memset(gradients[apart], 0, count * sizeof(float));
        network_forward(&network, &pass);
        network_loss(&network, &pass, (struct labels){.classes = (int32_t[N]){0, 1, 2, 1}}, 1.0f / N);
        network_backward(&network, &pass, NULL, NULL);
        network_destroy(&network);
    }
    assert_same_bits("gradients", gradients[0], gradients[1], count);
    assert_true(gradients[0][3] != 0);
    free(gradients[0]);
    free(gradients[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),      cmocka_unit_test(test_large_mean),
        cmocka_unit_test(test_one_value), cmocka_unit_test(test_running_statistics),
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_relu_in_passing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
