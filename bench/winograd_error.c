/* Rounding errors of both ways of convolution (core/kernels/conv2d_winograd.h), 3x3 at 8 pixels, 4 images:
 * inputs are the positive part of normal numbers, weights normal with variance 2 / (9 c); root of the mean
 * squared error over that of the values themselves, which the formula gives in double. */
#include "core/kernels/conv2d.h"
#include "core/kernels/isa.h"
#include "core/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8, IMAGES = 4 };

static void *memory(size_t bytes)
{
    void *taken = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!taken)
        abort();
    return taken;
}

static float *normal(size_t count, uint32_t which, float deviation)
{
    struct random_stream stream = random_stream(1, RANDOM_INPUT, which, 0, 0);
    float *values = memory(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = deviation * random_normal(&stream, i);
    return values;
}

static double *doubles(const float *values, size_t count)
{
    double *copy = memory(count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = values[i];
    return copy;
}

static double relative_error(const float *got, const double *truth, size_t count)
{
    double error = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        error += (got[i] - truth[i]) * (got[i] - truth[i]);
        all += truth[i] * truth[i];
    }
    return sqrt(error / all);
}

/* dw[o][i][ky][kx] from its formula. */
static void weight_reference(size_t c, const double *x, const double *dy, double *dw)
{
    memset(dw, 0, c * c * 9 * sizeof *dw);
    for (size_t pixel = 0; pixel < IMAGES * SIZE * SIZE; pixel++)
        for (size_t tap = 0; tap < 9; tap++) {
            size_t image = pixel / (SIZE * SIZE), row = pixel / SIZE % SIZE + tap / 3 - 1,
                   column = pixel % SIZE + tap % 3 - 1; /* wrapped around before the image */
            if (row >= SIZE || column >= SIZE)
                continue;
            const double *from = x + ((image * SIZE + row) * SIZE + column) * c;
            for (size_t o = 0; o < c; o++)
                for (size_t i = 0; i < c; i++)
                    dw[(o * c + i) * 9 + tap] += dy[pixel * c + o] * from[i];
        }
}

static void compare(size_t c)
{
    struct window window = {.in = SIZE, .kernel = 3, .stride = 1, .dilation = 1, .pad = 1, .pad_end = 1};
    window_plan(&window, false);
    struct conv2d g = {.h = window, .w = window, .c = c, .oc = c, .groups = 1, .kernel = isa_choose()};
    size_t count = IMAGES * SIZE * SIZE * c, weights = c * c * 9;
    float *x = normal(count, 0, 1), *dy = normal(count, 1, 1),
          *weight = normal(weights, 2, sqrtf(2 / (9 * (float)c)));
    float *y = memory(count * sizeof *y), *dw = memory(weights * sizeof *dw);
    for (size_t i = 0; i < count; i++)
        x[i] = fmaxf(x[i], 0);
    double *x_exact = doubles(x, count), *dy_exact = doubles(dy, count),
           *weight_exact = doubles(weight, weights);
    double *y_truth = memory(count * sizeof *y_truth), *dw_truth = memory(weights * sizeof *dw_truth);
    conv2d_reference(&g, IMAGES, x_exact, weight_exact, NULL, y_truth);
    weight_reference(c, x_exact, dy_exact, dw_truth);
    for (int way = 0; way < 2; way++) {
        g.winograd = way == 1;
        void *workspace = memory(conv2d_workspace(&g, IMAGES, 1));
        conv2d_forward(&g, IMAGES, x, weight, &(struct conv2d_epilogue){.bias = NULL}, y, workspace, 1);
        memset(dw, 0, weights * sizeof *dw);
        conv2d_backward_weight(&g, IMAGES, x, dy, dw, NULL, workspace, 1);
        printf("%8zu  %-8s  %9.1e  %15.1e\n", c, way ? "winograd" : "direct",
               relative_error(y, y_truth, count), relative_error(dw, dw_truth, weights));
        free(workspace);
    }
    void *const arrays[] = {x, dy, weight, y, dw, x_exact, dy_exact, weight_exact, y_truth, dw_truth};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
}

int main(void)
{
    printf("%8s  %-8s  %9s  %15s\n", "channels", "way", "forward", "weight gradient");
    for (size_t c = 16; c <= 512; c *= 2)
        compare(c);
    return 0;
}
