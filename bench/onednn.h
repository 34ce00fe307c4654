#pragma once
/* oneDNN's convolutions, on NHWC activations and with weights in the layout that it likes best, which it is
 * given for nothing. */
#include "core/kernels/conv2d.h"

enum onednn_pass { ONEDNN_FORWARD, ONEDNN_BACKWARD_INPUT, ONEDNN_BACKWARD_WEIGHT };

struct onednn;

/* NULL where the library was not found when this was built. Arrays of its own, filled with a small number. */
struct onednn *onednn_create(const struct conv2d *g, size_t n, enum onednn_pass pass);
void onednn_run(struct onednn *o);
void onednn_destroy(struct onednn *o);
