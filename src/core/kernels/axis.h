#pragma once
/* What a convolution reads along one axis, without the zeros of its padding: the numbers to be computed are
 * put into classes that reach inside with the same kernel positions. So no class ever touches what lies
 * outside, and nothing is multiplied that is not part of the sum.
 *
 * The classes of a 3-wide kernel with padding 1 over 7 pixels: {0}, with positions 1 and 2; {1 .. 5}, with
 * all three; {6}, with 0 and 1. */
#include "core/kernels/window.h"

/* Targets first + j*step (j < count) take from kernel positions tap + t*tap_step (t < taps) the sources
 * source + j*source_step + t*source_tap. */
struct axis_class {
    size_t first, step, count;
    size_t tap, tap_step, taps;
    size_t source, source_step, source_tap;
};

/* Forward: targets are outputs, sources inputs. At most w->out classes; returns how many. */
size_t axis_forward(const struct window *w, struct axis_class *classes);

/* Input gradient: targets are inputs, sources outputs. The positions are counted in the kernel turned around
 * (position k is kernel - 1 - k there), so that a class's positions and sources rise together. At most w->in
 * classes. */
size_t axis_backward(const struct window *w, struct axis_class *classes);

/* The part of a class with targets in begin .. end-1. Its count may be 0. */
struct axis_class axis_clip(const struct axis_class *c, size_t begin, size_t end);

/* The outputs first .. last-1 for which kernel position k is inside the image. */
struct window_range axis_outputs(const struct window *w, size_t k);
