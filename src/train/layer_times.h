#pragma once
/* Where the time of a training step goes, layer by layer. */
#include "core/network.h"

enum layer_pass { PASS_FORWARD, PASS_INPUT_GRADIENT, PASS_WEIGHT_GRADIENT, LAYER_PASSES };

struct layer_times {
    double seconds[LAYER_PASSES]; /* of n samples; 0: there is no such work */
};

/* A table, one line per layer of the network: milliseconds, and GFLOP/s of those that are matrix products. */
void layer_times_print(const struct network *network, const struct layer_times *times, size_t n);

/* What share of `peak` (operations per second) the layers reach together, and the passes in which most time
 * is lost against it: all the time of what is no matrix product, which a perfect program would hide. */
void layer_times_print_losses(const struct network *network, const struct layer_times *times, size_t n,
                              double peak);
