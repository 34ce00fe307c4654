#pragma once
/* Layers from their definitions, in double, as plainly as can be: the oracle of the layers' tests. Written
 * apart from the product, which has no hand in it. Definitions are PyTorch's (Conv2d, MaxPool2d, AvgPool2d
 * with count_include_pad=True, Linear), but `same` with a stride, which is ONNX's SAME_UPPER.
 *
 * x (n, h, w, c), y (n, oh, ow, oc); dx, dw, db are overwritten, and may be NULL. */
#include <stdbool.h>
#include <stddef.h>

/* A window that slides over an image. Set the first part and call naive_window_plan for the second. */
struct naive_window {
    size_t n, h, w, c;
    size_t oc, groups; /* convolution only; pooling: oc = c */
    size_t kernel[2];  /* height, width; as in all pairs below */
    size_t stride[2], dilation[2];
    bool same; /* else padding[] on both sides */
    size_t padding[2];
    bool ceil; /* pooling */

    size_t out[2];    /* oh, ow; 0: nothing fits */
    size_t before[2]; /* padding above, left */
    size_t after[2];  /* padding below, right */
};

void naive_window_plan(struct naive_window *window);

/* weight (oc, c/groups, kh, kw), bias (oc) or NULL */
void naive_conv2d(const struct naive_window *v, const double *x, const double *weight, const double *bias,
                  double *y);
void naive_conv2d_backward(const struct naive_window *v, const double *x, const double *weight,
                           const double *dy, double *dx, double *dw, double *db);

void naive_maxpool(const struct naive_window *v, const double *x, double *y);
/* The gradient of a window goes to its greatest element, of equals to the first. */
void naive_maxpool_backward(const struct naive_window *v, const double *x, const double *dy, double *dx);

void naive_avgpool(const struct naive_window *v, const double *x, double *y);
void naive_avgpool_backward(const struct naive_window *v, const double *dy, double *dx);

/* x (n, in), weight (out, in), bias (out) or NULL, y (n, out) */
void naive_dense(size_t n, size_t in, size_t out, const double *x, const double *weight, const double *bias,
                 double *y);
void naive_dense_backward(size_t n, size_t in, size_t out, const double *x, const double *weight,
                          const double *dy, double *dx, double *dw, double *db);

/* y (n, k) of z (n, k) */
void naive_softmax(size_t n, size_t k, const double *z, double *y);
double naive_sigmoid(double x);
