#pragma once
/* Index arithmetic of windows that slide over an image: convolution and pooling. */
#include <stdbool.h>
#include <stddef.h>

/* One direction, height or width. Output o reads inputs o*stride - pad + k*dilation for k = 0 .. kernel-1,
 * where these are inside. */
struct window {
    size_t in, out, kernel, stride, dilation;
    size_t pad;     /* before the first input */
    size_t pad_end; /* behind the last */
};

/* Number of inputs that one window spans. */
static inline size_t window_span(const struct window *w)
{
    return (w->kernel - 1) * w->dilation + 1;
}

/* Fills in `out` for padding `pad` and `pad_end`: floor((in + pad + pad_end - span) / stride) + 1, or with
 * `ceil` rounded up, but then without windows that begin behind the last input (PyTorch's rule). 0: the
 * window is larger than the padded input. */
void window_plan(struct window *w, bool ceil);

/* Fills in pad, pad_end and out = ceil(in / stride); an odd one is put at the end (ONNX: SAME_UPPER;
 * PyTorch's padding='same' for stride 1). */
void window_plan_same(struct window *w);

/* The kernel positions first .. last-1 whose inputs are inside the image, for output o; where there are none,
 * first = last. */
struct window_range {
    size_t first, last;
};
struct window_range window_inside(const struct window *w, size_t o);

/* The input that kernel position k of output o reads; only for positions inside. */
static inline size_t window_input(const struct window *w, size_t o, size_t k)
{
    return o * w->stride + k * w->dilation - w->pad;
}
