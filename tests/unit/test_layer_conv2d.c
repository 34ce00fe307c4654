/* conv2d against the formula, over a grid of windows, with every instruction set that this processor has. */
#include "core/kernels/bf16.h"
#include "core/kernels/conv2d.h"
#include "core/kernels/isa.h"
#include "support/array.h"
#include "support/naive.h"
#include "support/network_text.h"
#include "support/probe.h"
#include "support/rounded.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAME = -1 };

static const struct row {
    size_t n, h, w, c, filters, groups, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int padding_h, padding_w;
    const char *bias;
} rows[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {1, 7, 5, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    {5, 8, 8, 3, 4, 1, 3, 3, 1, 1, 1, 1, SAME, SAME, "yes"},
    {2, 9, 11, 17, 33, 1, 3, 3, 1, 1, 1, 1, SAME, SAME, "yes"},
    {1, 5, 6, 33, 17, 1, 5, 3, 1, 1, 1, 1, 2, 1, "no"},
    /* pointwise, where the image itself is the matrix */
    {5, 7, 3, 17, 5, 1, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {3, 6, 5, 6, 9, 3, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {2, 5, 7, 4, 3, 1, 1, 1, 2, 3, 1, 1, 0, 0, "yes"},
    {2, 5, 7, 4, 3, 1, 1, 1, 1, 2, 1, 1, 0, 0, "yes"},
    {2, 5, 7, 4, 3, 1, 1, 1, 2, 1, 1, 1, 0, 0, "yes"},
    {2, 3, 4, 2, 3, 1, 1, 1, 1, 1, 1, 1, 2, 1, "yes"},
    {2, 3, 4, 2, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, "yes"},
    {2, 3, 4, 2, 3, 1, 1, 1, 1, 1, 1, 1, 0, 1, "yes"},
    /* even kernels, `same` with the odd row at the end */
    {2, 6, 7, 2, 3, 1, 2, 2, 1, 1, 1, 1, SAME, SAME, "yes"},
    {2, 7, 6, 2, 3, 1, 4, 2, 1, 1, 1, 1, SAME, SAME, "yes"},
    {1, 9, 10, 2, 3, 1, 3, 4, 2, 2, 1, 1, SAME, SAME, "yes"},
    {1, 11, 8, 2, 2, 1, 2, 5, 3, 2, 2, 1, SAME, SAME, "yes"},
    {1, 5, 5, 1, 2, 1, 2, 2, 4, 3, 1, 1, SAME, SAME, "yes"},
    {2, 2, 1, 2, 2, 1, 5, 5, 1, 1, 1, 1, SAME, SAME, "yes"},
    /* strides, also beyond the kernel */
    {2, 9, 14, 3, 5, 1, 3, 2, 2, 1, 1, 1, 1, 0, "yes"},
    {5, 11, 10, 2, 4, 1, 2, 2, 4, 3, 1, 1, 0, 0, "yes"},
    {1, 4, 4, 1, 2, 1, 3, 3, 9, 9, 1, 1, 0, 0, "yes"},
    /* dilation */
    {2, 9, 8, 2, 3, 1, 3, 3, 1, 1, 2, 2, 2, 2, "yes"},
    {1, 13, 9, 3, 2, 1, 2, 3, 2, 1, 4, 3, 1, 2, "no"},
    {2, 10, 7, 2, 2, 1, 3, 2, 1, 1, 3, 5, SAME, SAME, "yes"},
    {1, 4, 4, 1, 1, 1, 2, 2, 1, 1, 6, 6, 3, 3, "yes"},
    /* groups and depthwise */
    {3, 7, 6, 4, 6, 2, 3, 3, 1, 1, 1, 1, SAME, SAME, "yes"},
    {2, 7, 5, 17, 17, 17, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    {1, 8, 9, 3, 12, 3, 3, 2, 2, 2, 1, 2, 1, 1, "no"},
    {1, 5, 5, 6, 3, 3, 2, 2, 1, 1, 1, 1, 0, 0, "yes"},
    /* more padding than the kernel can fill: windows that see nothing of the image */
    {2, 3, 4, 2, 3, 1, 2, 3, 1, 1, 1, 1, 4, 5, "yes"},
    {1, 2, 2, 1, 1, 1, 3, 3, 2, 3, 3, 2, 7, 6, "yes"},
    {2, 3, 3, 2, 40, 1, 1, 1, 1, 7, 1, 1, 0, 2, "yes"},
    /* the kernel covers the whole image */
    {5, 6, 4, 3, 8, 1, 6, 4, 1, 1, 1, 1, 0, 0, "yes"},
    {1, 3, 3, 2, 2, 1, 7, 7, 1, 1, 1, 1, 3, 3, "yes"},
    /* rows and columns alone */
    {2, 1, 13, 3, 4, 1, 1, 5, 1, 2, 1, 1, 0, 2, "yes"},
    {2, 13, 1, 3, 4, 1, 5, 1, 2, 1, 1, 1, 2, 0, "yes"},
    /* enough for several tiles and several partial sums of weight gradients */
    {9, 30, 31, 8, 16, 1, 3, 3, 1, 1, 1, 1, SAME, SAME, "yes"},
    {19, 14, 14, 3, 7, 1, 5, 5, 1, 1, 1, 1, 2, 2, "yes"},
    {3, 40, 41, 17, 20, 1, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {2, 33, 29, 9, 65, 1, 3, 3, 2, 2, 1, 1, 1, 1, "no"},
    /* weights in several pieces, of one part of the images and of more */
    {2, 11, 9, 100, 130, 1, 3, 3, 2, 2, 1, 1, 1, 1, "yes"},
    {1, 8, 7, 140, 200, 2, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {9, 14, 13, 70, 72, 1, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    /* a tile's pixels 4 KiB apart */
    {2, 5, 6, 1024, 40, 1, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {2, 7, 5, 512, 20, 1, 1, 1, 2, 2, 1, 1, 0, 0, "no"},
    {1, 5, 27, 512, 9, 1, 3, 3, 2, 2, 1, 1, 1, 1, "no"},
    {2, 3, 8, 1024, 6, 2, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    /* blocks of 32 channels in groups, whole and not */
    {2, 9, 8, 66, 130, 2, 3, 3, 1, 1, 1, 1, SAME, SAME, "yes"},
    {2, 5, 7, 17, 95, 1, 1, 1, 1, 1, 1, 1, 0, 0, "yes"},
    {2, 6, 7, 8, 190, 2, 1, 1, 2, 2, 1, 1, 0, 0, "yes"},
    {1, 5, 4, 95, 9, 1, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    {3, 7, 7, 128, 64, 1, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    {2, 10, 6, 40, 35, 1, 1, 1, 2, 2, 1, 1, 1, 0, "yes"},
    /* tiles of 4x4 outputs: whole, more than the image, cut on both sides, several chunks of them */
    {2, 8, 4, 16, 32, 1, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    {1, 1, 2, 5, 3, 1, 3, 3, 1, 1, 1, 1, 1, 1, "no"},
    {2, 3, 9, 7, 40, 1, 3, 3, 1, 1, 1, 1, 2, 0, "yes"},
    {3, 9, 3, 20, 6, 1, 3, 3, 1, 1, 1, 1, 0, 2, "yes"},
    {21, 21, 20, 1, 31, 1, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    /* padded planes: channels in three blocks, in bands of one image, and of several; turned around, where
     * registers have 16 floats; a plane that is too large; too few pixels in a row */
    {1, 13, 29, 1, 70, 1, 3, 3, 2, 1, 1, 2, 1, 3, "yes"},
    {3, 9, 15, 1, 70, 1, 3, 3, 1, 1, 1, 1, 1, 1, "yes"},
    {1, 9, 37, 3, 16, 1, 3, 5, 1, 1, 2, 1, 3, 2, "no"},
    {1, 2, 70000, 1, 3, 1, 1, 2, 1, 1, 1, 1, 0, 1, "yes"},
    {3, 28, 1, 1, 40, 1, 3, 1, 1, 1, 1, 1, 1, 0, "yes"},
    {2, 7, 7, 1, 40, 1, 7, 7, 1, 1, 1, 1, 0, 0, "yes"},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* The ways of computing: `direct`, and `winograd` and in bfloat16 where that can be. */
enum { BF16 = 2, WAYS };
static const char *const ways[WAYS] = {"direct", "winograd", "direct"};

static bool row_can(const struct row *r, size_t way)
{
    bool small = r->padding_h <= 2 && r->padding_w <= 2;
    if (way == BF16)
        return r->kernel_h == 1 && r->kernel_w == 1 && r->groups == 1 && r->padding_h == 0 &&
               r->padding_w == 0;
    return way == 0 || (r->kernel_h == 3 && r->kernel_w == 3 && r->stride_h == 1 && r->stride_w == 1 &&
                        r->dilation_h == 1 && r->dilation_w == 1 && r->groups == 1 && small);
}

static struct shape row_shape(const struct row *r)
{
    return (struct shape){r->h, r->w, r->c};
}

static void row_text(const struct row *r, size_t way, char text[512])
{
    char padding[64] = "same";
    if (r->padding_h != SAME)
        snprintf(padding, sizeof padding, "%dx%d", r->padding_h, r->padding_w);
    snprintf(
        text, 512,
        "probe = conv2d filters=%zu kernel=%zux%zu stride=%zux%zu dilation=%zux%zu groups=%zu padding=%s "
        "bias=%s algorithm=%s" PROBE_TAIL,
        r->filters, r->kernel_h, r->kernel_w, r->stride_h, r->stride_w, r->dilation_h, r->dilation_w,
        r->groups, padding, r->bias, ways[way]);
}

static struct naive_window row_window(const struct row *r)
{
    struct naive_window v = {
        .n = r->n,
        .h = r->h,
        .w = r->w,
        .c = r->c,
        .oc = r->filters,
        .groups = r->groups,
        .kernel = {r->kernel_h, r->kernel_w},
        .stride = {r->stride_h, r->stride_w},
        .dilation = {r->dilation_h, r->dilation_w},
        .same = r->padding_h == SAME,
    };
    if (!v.same) {
        v.padding[0] = (size_t)r->padding_h;
        v.padding[1] = (size_t)r->padding_w;
    }
    naive_window_plan(&v);
    return v;
}

static void check_plan(const struct layer *layer, const struct naive_window *v, bool bias)
{
    assert_true(shape_equal(layer->out, (struct shape){v->out[0], v->out[1], v->oc}));
    assert_int_equal(layer->parameter_count, bias ? 2 : 1);
    const struct parameter *p = layer->parameters;
    const size_t dimensions[4] = {v->oc, v->c / v->groups, v->kernel[0], v->kernel[1]};
    assert_string_equal(p[0].name, "weight");
    assert_int_equal(p[0].dimension_count, 4);
    assert_memory_equal(p[0].dimensions, dimensions, sizeof dimensions);
    assert_true(p[0].decay);
    if (!bias)
        return;
    assert_string_equal(p[1].name, "bias");
    assert_int_equal(p[1].dimension_count, 1);
    assert_int_equal(p[1].dimensions[0], v->oc);
    assert_false(p[1].decay);
}

/* Operands are rounded: rounding them before changes nothing. */
static void check_rounding(struct probe *probe)
{
    size_t weights = probe->layer.parameters[0].count, counts[] = {probe->y_count, probe->x_count, weights};
    float *const results[] = {probe->y, probe->dx[0], probe->gradients}, *first[3];
    float *const operands[] = {probe->dy, probe->x[0], probe->parameters}, *saved[3];
    probe_forward(probe, 2);
    probe_backward(probe, 2);
    for (size_t k = 0; k < 3; k++) {
        first[k] = array_floats(counts[k]);
        saved[k] = array_floats(counts[k]);
        memcpy(first[k], results[k], counts[k] * sizeof *first[k]);
        memcpy(saved[k], operands[k], counts[k] * sizeof *saved[k]);
        round_all(operands[k], counts[k]);
    }
    probe_forward(probe, 2);
    probe_backward(probe, 2);
    for (size_t k = 0; k < 3; k++) {
        assert_same_bits("of rounded operands", results[k], first[k], counts[k]);
        memcpy(operands[k], saved[k], counts[k] * sizeof *saved[k]);
        free(first[k]);
        free(saved[k]);
    }
}

/* The relu that reads y, and the gradient of the one that x comes from, in passing. */
static void check_relus(struct probe *probe)
{
    float *y = array_floats(probe->y_count), *dx = array_floats(probe->x_count);
    probe_forward(probe, 3);
    probe_backward(probe, 3);
    for (size_t i = 0; i < probe->y_count; i++)
        y[i] = probe->y[i] > 0 ? probe->y[i] : 0;
    for (size_t i = 0; i < probe->x_count; i++)
        dx[i] = probe->x[0][i] > 0 ? probe->dx[0][i] : 0;
    probe->layer.output_relu = probe->layer.input_relu = true;
    probe_forward(probe, 3);
    probe_backward(probe, 3);
    assert_same_bits("y, relu in passing", probe->y, y, probe->y_count);
    assert_same_bits("dx, relu in passing", probe->dx[0], dx, probe->x_count);
    free(y);
    free(dx);
}

/* As one of several who do some of the images each: in the same workspace. */
static void check_part(struct probe *probe)
{
    probe_backward(probe, 1);
    double *whole = array_doubles(probe->gradients, probe->parameter_count);
    probe->pass.is_group = true;
    probe_backward(probe, 1);
    assert_close("gradients in one part", probe->gradients, whole, probe->parameter_count, 1e-5);
    probe->pass.is_group = false;
    free(whole);
}

static void check_row(const struct row *r, size_t way)
{
    struct naive_window v = row_window(r);
    bool bias = !strcmp(r->bias, "yes");
    char text[512];
    struct probe probe;
    row_text(r, way, text);
    probe_create(&probe, row_shape(r), text, v.n);
    check_plan(&probe.layer, &v, bias);
    if (way == BF16) { /* of numbers that it can hold, products are the same */
        probe.layer.bf16 = bf16_kernel();
        check_rounding(&probe);
        round_all(probe.x[0], probe.x_count);
        round_all(probe.dy, probe.y_count);
        round_all(probe.parameters, probe.layer.parameters[0].count);
    }

    size_t weights = probe.layer.parameters[0].count;
    double *x = array_doubles(probe.x[0], probe.x_count), *dy = array_doubles(probe.dy, probe.y_count);
    double *w = array_doubles(probe.parameters, probe.parameter_count);
    double *y = array_bytes(probe.y_count * sizeof *y), *dx = array_bytes(probe.x_count * sizeof *dx);
    double *dw = array_bytes(probe.parameter_count * sizeof *dw);
    naive_conv2d(&v, x, w, bias ? w + weights : NULL, y);
    naive_conv2d_backward(&v, x, w, dy, dx, dw, bias ? dw + weights : NULL);
    probe_check(&probe, &(struct probe_truth){.y = y, .dx = {dx}, .gradients = dw});
    check_part(&probe);
    check_relus(&probe);
    free(x);
    free(dy);
    free(w);
    free(y);
    free(dx);
    free(dw);
    probe_destroy(&probe);
}

static void test_grid(void **state)
{
    (void)state;
    for (size_t k = 0; isa_kernel(k); k++) {
        setenv("CNN_ISA", isa_kernel(k)->name, 1);
        for (size_t i = 0; i < WAYS * ROWS; i++) {
            if (!row_can(&rows[i / WAYS], i % WAYS))
                continue;
            print_message("%s, row %zu, %s%s\n", isa_kernel(k)->name, i / WAYS, ways[i % WAYS],
                          i % WAYS == BF16 ? " in bfloat16" : "");
            check_row(&rows[i / WAYS], i % WAYS);
        }
    }
    unsetenv("CNN_ISA");
}

static struct conv2d geometry(const struct row *r, size_t way)
{
    struct naive_window v = row_window(r);
    return (struct conv2d){
        .h = {r->h, v.out[0], r->kernel_h, r->stride_h, r->dilation_h, v.before[0], v.after[0]},
        .w = {r->w, v.out[1], r->kernel_w, r->stride_w, r->dilation_w, v.before[1], v.after[1]},
        .c = r->c,
        .oc = r->filters,
        .groups = r->groups,
        .winograd = way == 1,
        .kernel = isa_choose()};
}

/* The arrays of one convolution, called directly. */
struct direct {
    struct conv2d g;
    size_t n, x_count, y_count, weights;
    float *x, *dx, *y, *dy, *weight, *bias, *dweight, *dbias;
};

static struct direct direct_create(const struct row *r, size_t way)
{
    struct direct d = {.g = geometry(r, way), .n = r->n};
    d.x_count = r->h * r->w * r->c;
    d.y_count = d.g.h.out * d.g.w.out * r->filters;
    d.weights = r->kernel_h * r->kernel_w * r->c / r->groups * r->filters;
    float **const arrays[] = {&d.x, &d.dx, &d.y, &d.dy, &d.weight, &d.bias, &d.dweight, &d.dbias};
    const size_t counts[] = {d.n * d.x_count, d.n * d.x_count, d.n * d.y_count, d.n * d.y_count,
                             d.weights,       r->filters,      d.weights,       r->filters};
    for (size_t i = 0; i < 8; i++) {
        *arrays[i] = array_floats(counts[i]);
        array_fill(*arrays[i], counts[i], i);
    }
    return d;
}

static void direct_destroy(struct direct *d)
{
    float *const arrays[] = {d->x, d->dx, d->y, d->dy, d->weight, d->bias, d->dweight, d->dbias};
    for (size_t i = 0; i < 8; i++)
        free(arrays[i]);
}

/* y and dx of images first .. first+n-1; with `relu` one behind, and x as if it were the output of one. */
static void direct_run(struct direct *d, size_t first, size_t n, bool relu)
{
    void *workspace = array_bytes(conv2d_workspace(&d->g, n, 2));
    struct conv2d_epilogue epilogue = {d->bias, relu};
    array_poison(d->y, d->n * d->y_count);
    array_poison(d->dx, d->n * d->x_count);
    conv2d_forward(&d->g, n, d->x + first * d->x_count, d->weight, &epilogue, d->y + first * d->y_count,
                   workspace, 2);
    conv2d_backward_input(&d->g, n, d->dy + first * d->y_count, d->weight,
                          relu ? d->x + first * d->x_count : NULL, d->dx + first * d->x_count, workspace, 2);
    free(workspace);
}

/* What an image gives does not depend on the images beside it, nor on the width of registers where sums are
 * fused. */
static void test_an_image_by_itself_has_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS * ROWS; i++) {
        const struct row *r = &rows[i / WAYS];
        if (!row_can(r, i % WAYS))
            continue;
        struct direct d = direct_create(r, i % WAYS), alone = direct_create(r, i % WAYS);
        direct_run(&d, 0, d.n, false);
        for (size_t image = 0; image < d.n; image++) {
            direct_run(&alone, image, 1, false);
            assert_same_bits("y", alone.y + image * d.y_count, d.y + image * d.y_count, d.y_count);
            assert_same_bits("dx", alone.dx + image * d.x_count, d.dx + image * d.x_count, d.x_count);
        }
        direct_destroy(&d);
        direct_destroy(&alone);
    }
}

static void test_relus_in_passing(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS * ROWS; i++) {
        const struct row *r = &rows[i / WAYS];
        if (!row_can(r, i % WAYS))
            continue;
        struct direct d = direct_create(r, i % WAYS), plain = direct_create(r, i % WAYS);
        direct_run(&plain, 0, d.n, false);
        direct_run(&d, 0, d.n, true);
        for (size_t e = 0; e < d.n * d.y_count; e++)
            plain.y[e] = plain.y[e] < 0 ? 0 : plain.y[e];
        for (size_t e = 0; e < d.n * d.x_count; e++)
            plain.dx[e] = d.x[e] <= 0 ? 0 : plain.dx[e];
        assert_same_bits("y", d.y, plain.y, d.n * d.y_count);
        assert_same_bits("dx", d.dx, plain.dx, d.n * d.x_count);
        direct_destroy(&d);
        direct_destroy(&plain);
    }
}

/* A NaN or an infinity in one input is in all outputs whose windows hold it and in no other; likewise one in
 * dy in all of dx and of the weights' gradients that it is a factor of. */
static void check_not_finite(const struct row *r, float value)
{
    struct direct d = direct_create(r, 0);
    struct naive_window v = row_window(r);
    size_t at_x = d.x_count / 2, at_y = d.y_count / 2, last = d.n - 1;
    double *x = array_bytes(d.n * d.x_count * sizeof *x), *dy = array_bytes(d.n * d.y_count * sizeof *dy);
    double *y = array_bytes(d.n * d.y_count * sizeof *y), *dx = array_bytes(d.n * d.x_count * sizeof *dx);
    double *w = array_doubles(d.weight, d.weights), *dw = array_bytes(d.weights * sizeof *dw);
    double *db = array_bytes(r->filters * sizeof *db);
    memset(x, 0, d.n * d.x_count * sizeof *x);
    memset(dy, 0, d.n * d.y_count * sizeof *dy);
    for (size_t i = 0; i < d.weights; i++)
        w[i] = 1;
    x[last * d.x_count + at_x] = dy[last * d.y_count + at_y] = 1;
    naive_conv2d(&v, x, w, NULL, y); /* not 0 where x reaches */
    naive_conv2d_backward(&v, x, w, dy, dx, dw, db);
    for (size_t i = 0; i < d.n * d.x_count; i++)
        x[i] = 1;
    naive_conv2d_backward(&v, x, w, dy, dx, dw, db); /* dw: not 0 where dy reaches, whatever x */
    d.x[last * d.x_count + at_x] = d.dy[last * d.y_count + at_y] = value;
    direct_run(&d, 0, d.n, false);
    for (size_t i = 0; i < d.n * d.y_count; i++)
        assert_int_equal(isfinite(d.y[i]) == 0, y[i] != 0);
    for (size_t i = 0; i < d.n * d.x_count; i++)
        assert_int_equal(isfinite(d.dx[i]) == 0, dx[i] != 0);
    d.x[last * d.x_count + at_x] = 1; /* else dw has two */
    void *workspace = array_bytes(conv2d_workspace(&d.g, d.n, 2));
    conv2d_backward_weight(&d.g, d.n, d.x, d.dy, d.dweight, d.dbias, workspace, 2);
    for (size_t i = 0; i < d.weights; i++)
        assert_int_equal(isfinite(d.dweight[i]) == 0, dw[i] != 0);
    for (size_t o = 0; o < r->filters; o++)
        assert_int_equal(isfinite(d.dbias[o]) == 0, db[o] != 0);
    free(workspace);
    free(x);
    free(dy);
    free(y);
    free(dx);
    free(w);
    free(dw);
    free(db);
    direct_destroy(&d);
}

static void test_what_is_not_finite_stays_where_it_belongs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        print_message("row %zu\n", i);
        check_not_finite(&rows[i], NAN);
        check_not_finite(&rows[i], INFINITY);
    }
}

/* The last batch of an epoch is smaller than the one that memory was taken for. */
static void test_workspace_suffices_for_fewer_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS * ROWS; i++) {
        if (!row_can(&rows[i / WAYS], i % WAYS))
            continue;
        char text[512];
        struct network network;
        row_text(&rows[i / WAYS], i % WAYS, text);
        network_must_plan(&network, row_shape(&rows[i / WAYS]), text);
        const struct layer *layer = network_find(&network, "probe");
        size_t before = 0;
        for (size_t n = 1; n <= 40; n++) {
            size_t bytes = layer->ops->workspace(layer, n, 3);
            if (bytes < before)
                fail_msg("row %zu: %zu bytes for %zu samples, but %zu for one fewer", i / WAYS, bytes, n,
                         before);
            before = bytes;
        }
        network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_an_image_by_itself_has_the_same_bits),
        cmocka_unit_test(test_relus_in_passing),
        cmocka_unit_test(test_what_is_not_finite_stays_where_it_belongs),
        cmocka_unit_test(test_workspace_suffices_for_fewer_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
