#include "core/kernels/window.h"

void window_plan(struct window *w, bool ceil)
{
    size_t padded = w->in + w->pad + w->pad_end, span = window_span(w);
    if (ceil)
        padded += w->stride - 1;
    w->out = padded < span ? 0 : (padded - span) / w->stride + 1;
    if (w->out == 0)
        return;
    if (ceil && (w->out - 1) * w->stride >= w->in + w->pad)
        w->out--;
}

void window_plan_same(struct window *w)
{
    w->out = (w->in + w->stride - 1) / w->stride;
    size_t needed = (w->out - 1) * w->stride + window_span(w), pad = needed > w->in ? needed - w->in : 0;
    w->pad = pad / 2;
    w->pad_end = pad - w->pad;
}

struct window_range window_inside(const struct window *w, size_t o)
{
    size_t start = o * w->stride; /* counted from the first padding element */
    struct window_range range = {0, 0};
    if (start < w->pad)
        range.first = (w->pad - start + w->dilation - 1) / w->dilation;
    if (start < w->pad + w->in)
        range.last = (w->pad + w->in - start + w->dilation - 1) / w->dilation;
    if (range.last > w->kernel)
        range.last = w->kernel;
    if (range.first > range.last)
        range.first = range.last;
    return range;
}
