#include "core/kernels/axis.h"

/* Adds target o to the last class if it continues that, else as a class of its own. `one`: a class of count
 * 1. */
static size_t append(struct axis_class *classes, size_t count, struct axis_class one, size_t step)
{
    struct axis_class *last = count ? &classes[count - 1] : NULL;
    if (last && last->taps == one.taps && last->tap == one.tap && last->tap_step == one.tap_step &&
        last->first + last->count * step == one.first) {
        last->count++;
        return count;
    }
    one.step = step;
    classes[count] = one;
    return count + 1;
}

size_t axis_forward(const struct window *w, struct axis_class *classes)
{
    size_t count = 0;
    for (size_t o = 0; o < w->out; o++) {
        struct window_range range = window_inside(w, o);
        struct axis_class one = {.first = o,
                                 .count = 1,
                                 .tap_step = 1,
                                 .taps = range.last - range.first,
                                 .source_step = w->stride,
                                 .source_tap = w->dilation};
        if (one.taps) {
            one.tap = range.first;
            one.source = window_input(w, o, range.first);
        }
        count = append(classes, count, one, 1);
    }
    return count;
}

/* The kernel positions, turned around, that hand input i to some output. They are evenly spaced: position k
 * does if stride divides i + pad - k * dilation. */
static struct axis_class input_class(const struct window *w, size_t i)
{
    struct axis_class one = {.first = i, .count = 1, .tap_step = 1, .source_step = 1};
    size_t last = 0;
    for (size_t t = 0; t < w->kernel; t++) {
        size_t at = i + w->pad, reach = (w->kernel - 1 - t) * w->dilation;
        if (at < reach || (at - reach) % w->stride || (at - reach) / w->stride >= w->out)
            continue;
        size_t source = (at - reach) / w->stride;
        if (one.taps == 0) {
            one.tap = t;
            one.source = source;
        } else if (one.taps == 1) {
            one.tap_step = t - last;
            one.source_tap = source - one.source;
        }
        one.taps++;
        last = t;
    }
    return one;
}

size_t axis_backward(const struct window *w, struct axis_class *classes)
{
    size_t count = 0;
    for (size_t phase = 0; phase < w->stride && phase < w->in; phase++)
        for (size_t i = phase; i < w->in; i += w->stride)
            count = append(classes, count, input_class(w, i), w->stride);
    return count;
}

struct axis_class axis_clip(const struct axis_class *c, size_t begin, size_t end)
{
    struct axis_class part = *c;
    size_t skip = begin > c->first ? (begin - c->first + c->step - 1) / c->step : 0;
    size_t stop = end > c->first ? (end - c->first + c->step - 1) / c->step : 0;
    if (stop > c->count)
        stop = c->count;
    if (skip > stop)
        skip = stop;
    part.first += skip * c->step;
    part.source += skip * c->source_step;
    part.count = stop - skip;
    return part;
}

struct window_range axis_outputs(const struct window *w, size_t k)
{
    size_t at = k * w->dilation; /* in the padded image, of output 0 */
    struct window_range range = {0, 0};
    if (at < w->pad)
        range.first = (w->pad - at + w->stride - 1) / w->stride;
    if (at < w->pad + w->in)
        range.last = (w->pad + w->in - at + w->stride - 1) / w->stride;
    if (range.last > w->out)
        range.last = w->out;
    if (range.first > range.last)
        range.first = range.last;
    return range;
}
