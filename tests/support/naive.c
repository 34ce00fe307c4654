#include "support/naive.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* How many positions o = 0, 1, ... a window has along one axis. */
static size_t position_count(const struct naive_window *v, int axis, size_t size)
{
    size_t reach = v->dilation[axis] * (v->kernel[axis] - 1) + 1, stride = v->stride[axis],
           pad = v->padding[axis];
    size_t count = 0;
    while (count * stride + reach <= size + 2 * pad)
        count++;
    /* ceil: one more that sticks out at the end, if it begins within the image or the padding before it */
    if (v->ceil && count && (count - 1) * stride + reach < size + 2 * pad && count * stride < size + pad)
        count++;
    return count;
}

void naive_window_plan(struct naive_window *v)
{
    const size_t size[2] = {v->h, v->w};
    for (int axis = 0; axis < 2; axis++) {
        if (v->same) {
            v->out[axis] = (size[axis] + v->stride[axis] - 1) / v->stride[axis];
            size_t need =
                (v->out[axis] - 1) * v->stride[axis] + v->dilation[axis] * (v->kernel[axis] - 1) + 1;
            size_t total = need > size[axis] ? need - size[axis] : 0;
            v->before[axis] = total / 2;
            v->after[axis] = total - total / 2;
        } else {
            v->before[axis] = v->after[axis] = v->padding[axis];
            v->out[axis] = position_count(v, axis, size[axis]);
        }
    }
}

/* Of window (oy, ox), kernel position (ky, kx): the pixel's index among h * w, or -1 outside the image. */
static ptrdiff_t pixel(const struct naive_window *v, size_t oy, size_t ox, size_t ky, size_t kx)
{
    ptrdiff_t iy = (ptrdiff_t)(oy * v->stride[0] + ky * v->dilation[0]) - (ptrdiff_t)v->before[0];
    ptrdiff_t ix = (ptrdiff_t)(ox * v->stride[1] + kx * v->dilation[1]) - (ptrdiff_t)v->before[1];
    if (iy < 0 || ix < 0 || iy >= (ptrdiff_t)v->h || ix >= (ptrdiff_t)v->w)
        return -1;
    return iy * (ptrdiff_t)v->w + ix;
}

/* One product of a convolution: y[y] += x[x] * weight[w]. False outside the image. */
struct term {
    size_t x, y, w, oc;
};

/* Calls use(user, term) for every product. */
static void each_term(const struct naive_window *v, void (*use)(void *user, struct term term), void *user)
{
    size_t ic = v->c / v->groups, oc_group = v->oc / v->groups;
    for (size_t n = 0; n < v->n; n++)
        for (size_t oy = 0; oy < v->out[0]; oy++)
            for (size_t ox = 0; ox < v->out[1]; ox++)
                for (size_t ky = 0; ky < v->kernel[0]; ky++)
                    for (size_t kx = 0; kx < v->kernel[1]; kx++) {
                        ptrdiff_t p = pixel(v, oy, ox, ky, kx);
                        if (p < 0)
                            continue;
                        for (size_t o = 0; o < v->oc; o++)
                            for (size_t i = 0; i < ic; i++)
                                use(user,
                                    (struct term){
                                        .x = (n * v->h * v->w + (size_t)p) * v->c + o / oc_group * ic + i,
                                        .y = ((n * v->out[0] + oy) * v->out[1] + ox) * v->oc + o,
                                        .w = ((o * ic + i) * v->kernel[0] + ky) * v->kernel[1] + kx,
                                        .oc = o,
                                    });
                    }
}

struct arrays {
    const double *x, *weight, *dy;
    double *y, *dx, *dw;
};

static void add_y(void *user, struct term t)
{
    struct arrays *a = user;
    a->y[t.y] += a->x[t.x] * a->weight[t.w];
}

static void add_gradients(void *user, struct term t)
{
    struct arrays *a = user;
    if (a->dx)
        a->dx[t.x] += a->dy[t.y] * a->weight[t.w];
    if (a->dw)
        a->dw[t.w] += a->dy[t.y] * a->x[t.x];
}

static size_t output_count(const struct naive_window *v)
{
    return v->n * v->out[0] * v->out[1] * v->oc;
}

static void clear(double *values, size_t count)
{
    if (values)
        memset(values, 0, count * sizeof *values);
}

void naive_conv2d(const struct naive_window *v, const double *x, const double *weight, const double *bias,
                  double *y)
{
    for (size_t i = 0; i < output_count(v); i++)
        y[i] = bias ? bias[i % v->oc] : 0;
    each_term(v, add_y, &(struct arrays){.x = x, .weight = weight, .y = y});
}

void naive_conv2d_backward(const struct naive_window *v, const double *x, const double *weight,
                           const double *dy, double *dx, double *dw, double *db)
{
    clear(dx, v->n * v->h * v->w * v->c);
    clear(dw, v->oc * v->c / v->groups * v->kernel[0] * v->kernel[1]);
    clear(db, v->oc);
    each_term(v, add_gradients, &(struct arrays){.x = x, .weight = weight, .dy = dy, .dx = dx, .dw = dw});
    for (size_t i = 0; db && i < output_count(v); i++)
        db[i % v->oc] += dy[i];
}

/* What a pooling does with window i of the output: `members` are the indices into x of its pixels, in reading
 * order. */
typedef void pool_window(const struct naive_window *v, size_t i, const size_t *members, size_t count,
                         size_t area, void *user);

/* Elements that the average divides by: the window's, padding included, but not what sticks out beyond it. */
static size_t window_area(const struct naive_window *v, size_t oy, size_t ox)
{
    size_t start[2] = {oy * v->stride[0], ox * v->stride[1]}, area = 1;
    const size_t padded[2] = {v->h + v->before[0] + v->after[0], v->w + v->before[1] + v->after[1]};
    for (int axis = 0; axis < 2; axis++) {
        size_t end = start[axis] + v->kernel[axis];
        area *= (end < padded[axis] ? end : padded[axis]) - start[axis];
    }
    return area;
}

static void each_window(const struct naive_window *v, pool_window *use, void *user)
{
    size_t i = 0;
    for (size_t n = 0; n < v->n; n++)
        for (size_t oy = 0; oy < v->out[0]; oy++)
            for (size_t ox = 0; ox < v->out[1]; ox++)
                for (size_t c = 0; c < v->c; c++, i++) {
                    size_t members[1024], count = 0;
                    for (size_t ky = 0; ky < v->kernel[0]; ky++)
                        for (size_t kx = 0; kx < v->kernel[1]; kx++) {
                            ptrdiff_t p = pixel(v, oy, ox, ky, kx);
                            if (p >= 0)
                                members[count++] = (n * v->h * v->w + (size_t)p) * v->c + c;
                        }
                    use(v, i, members, count, window_area(v, oy, ox), user);
                }
}

static size_t greatest(const double *x, const size_t *members, size_t count)
{
    size_t best = members[0];
    for (size_t m = 1; m < count; m++)
        if (x[members[m]] > x[best])
            best = members[m];
    return best;
}

static void max_forward(const struct naive_window *v, size_t i, const size_t *members, size_t count,
                        size_t area, void *user)
{
    (void)v, (void)area;
    struct arrays *a = user;
    a->y[i] = a->x[greatest(a->x, members, count)];
}

static void max_backward(const struct naive_window *v, size_t i, const size_t *members, size_t count,
                         size_t area, void *user)
{
    (void)v, (void)area;
    struct arrays *a = user;
    a->dx[greatest(a->x, members, count)] += a->dy[i];
}

static void avg_forward(const struct naive_window *v, size_t i, const size_t *members, size_t count,
                        size_t area, void *user)
{
    (void)v;
    struct arrays *a = user;
    a->y[i] = 0;
    for (size_t m = 0; m < count; m++)
        a->y[i] += a->x[members[m]] / (double)area;
}

static void avg_backward(const struct naive_window *v, size_t i, const size_t *members, size_t count,
                         size_t area, void *user)
{
    (void)v;
    struct arrays *a = user;
    for (size_t m = 0; m < count; m++)
        a->dx[members[m]] += a->dy[i] / (double)area;
}

void naive_maxpool(const struct naive_window *v, const double *x, double *y)
{
    each_window(v, max_forward, &(struct arrays){.x = x, .y = y});
}

void naive_maxpool_backward(const struct naive_window *v, const double *x, const double *dy, double *dx)
{
    clear(dx, v->n * v->h * v->w * v->c);
    each_window(v, max_backward, &(struct arrays){.x = x, .dy = dy, .dx = dx});
}

void naive_avgpool(const struct naive_window *v, const double *x, double *y)
{
    each_window(v, avg_forward, &(struct arrays){.x = x, .y = y});
}

void naive_avgpool_backward(const struct naive_window *v, const double *dy, double *dx)
{
    clear(dx, v->n * v->h * v->w * v->c);
    each_window(v, avg_backward, &(struct arrays){.dy = dy, .dx = dx});
}

void naive_dense(size_t n, size_t in, size_t out, const double *x, const double *weight, const double *bias,
                 double *y)
{
    for (size_t s = 0; s < n; s++)
        for (size_t o = 0; o < out; o++) {
            y[s * out + o] = bias ? bias[o] : 0;
            for (size_t i = 0; i < in; i++)
                y[s * out + o] += x[s * in + i] * weight[o * in + i];
        }
}

void naive_dense_backward(size_t n, size_t in, size_t out, const double *x, const double *weight,
                          const double *dy, double *dx, double *dw, double *db)
{
    clear(dx, n * in);
    clear(dw, out * in);
    clear(db, out);
    for (size_t s = 0; s < n; s++)
        for (size_t o = 0; o < out; o++) {
            double d = dy[s * out + o];
            if (db)
                db[o] += d;
            for (size_t i = 0; i < in; i++) {
                if (dx)
                    dx[s * in + i] += d * weight[o * in + i];
                if (dw)
                    dw[o * in + i] += d * x[s * in + i];
            }
        }
}

void naive_softmax(size_t n, size_t k, const double *z, double *y)
{
    for (size_t s = 0; s < n; s++, z += k, y += k) {
        double greatest_z = z[0], sum = 0;
        for (size_t i = 1; i < k; i++)
            greatest_z = fmax(greatest_z, z[i]);
        for (size_t i = 0; i < k; i++)
            sum += exp(z[i] - greatest_z);
        for (size_t i = 0; i < k; i++)
            y[i] = exp(z[i] - greatest_z) / sum;
    }
}

double naive_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
