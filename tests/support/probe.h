#pragma once
/* One layer under test, taken out of its network: with arrays of its own, every one exactly as long as the
 * contract says, and poisoned before each pass. */
#include "core/network.h"

enum { PROBE_THREADS = 5 };
extern const int probe_threads[PROBE_THREADS]; /* 1 and then others, all to give the same bits */

/* Put behind a layer under test that cannot be a network's last. */
#define PROBE_TAIL "\ntail_flat = flatten\ntail_out = linear"

struct probe {
    struct network network;
    struct layer layer; /* a copy of the one named "probe", bound to the arrays below */
    struct pass pass;   /* seed, shard, step and training are the test's to change */
    size_t x_count, y_count, parameter_count;
    float *x[LAYER_INPUTS_MAX], *dx[LAYER_INPUTS_MAX], *y, *dy;
    float *parameters, *gradients, *gradients_before;
    void *cache;
    float *buffers, *statistics; /* (buffer_count): filled with positive numbers; poisoned */
    size_t buffer_count;
};

/* `text`: a network with a layer named probe. x, dy and parameters are filled, for n samples. */
void probe_create(struct probe *probe, struct shape input, const char *text, size_t n);
void probe_destroy(struct probe *probe);

/* Run with so many threads, with outputs, cache and workspace poisoned; gradients start from
 * gradients_before. backward follows a forward. */
void probe_forward(struct probe *probe, int threads);
void probe_backward(struct probe *probe, int threads);

/* The layer's reference on the probe's arrays; y (y_count). */
void probe_reference(const struct probe *probe, double *y);

/* What the layer should give, from a naive formula; all arrays the caller's. */
struct probe_truth {
    const double *y;
    const double *dx[LAYER_INPUTS_MAX];
    const double
        *gradients; /* parallel to the parameters: without gradients_before; NULL where there are none */
};

/* Holds everything against everything: forward and reference against the truth, backward against the truth
 * and against finite differences of the reference; other threads, missing dx, missing gradients and working
 * in place give the same bits. */
void probe_check(struct probe *probe, const struct probe_truth *truth);

/* Forward and reference against the naive formula's y, and what needs no truth of backward. */
void probe_check_output(struct probe *probe, const double *y);

/* All of that for n samples of the layer that `options` describe, behind one that can be trained:
 * naive(probe, y) is the formula. */
void probe_check_formula(const char *options, struct shape shape, size_t n, bool training,
                         void (*naive)(const struct probe *probe, double *y));

/* Fails the running cmocka test unless `line`, behind layers a of 4x4x6 and b of 2x2x6, is refused with a
 * message that names its line and holds `part`. */
void probe_must_refuse(const char *line, const char *part);

/* All samples but the first, as pass.first = 1 numbers them, come out as in the whole pass: forward and
 * reference. Changes x and pass. */
void probe_check_first(struct probe *probe);

/* The part of it that needs no truth: backward against finite differences of the reference, and bits. */
void probe_check_gradients(struct probe *probe);
