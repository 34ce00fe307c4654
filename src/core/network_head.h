#pragma once
/* The head: a network's first layers where their outputs are large and their weights few. Their outputs would
 * not stay in a cache if layer after layer went through the whole batch; so a group of a few images goes
 * through all of them, forward, and later backward, before the next group does, each thread with groups of
 * its own.
 *
 *   lenet5, 128 images: conv1, relu1, pool1, conv2, relu2, pool2, flat; 8 groups of 16 images. conv1's
 * output, 18 KiB an image, is written and read by pool1 within a cache, and never again: what backward does
 * not need lies in memory of the thread that the next group overwrites.
 *
 * In backward, groups form parts, at most HEAD_PARTS of them. A part sums its gradients into an array of its
 * own, group after group, and the parts' arrays are added in their order. Groups and parts follow from the
 * shapes and the number of samples alone, so that the bits do not depend on the threads. */
#include "core/network.h"

/* Which layers, and how many images a group has. The network's layers are connected; readers[i]: how many
 * read layer i. */
void head_plan(struct network *network, const size_t *readers);

/* The head's own memory, sliced or counted; then the layers' y and, where `training`, dy and dx. */
void head_bind_memory(struct network *network, int threads, bool training, struct arena *arena);
void head_bind_output(struct network *network, struct layer *layer, size_t batch, struct arena *arena);
void head_bind_gradients(struct network *network);

void head_forward(const struct network *network, const struct pass *pass);
void head_backward(const struct network *network, const struct pass *pass);

/* For who goes through the groups himself: images of a group in a pass over n samples; and, in the memory of
 * thread `thread`, the pass and a layer of the group that begins with sample `first`. Whole groups are
 * forwarded in order of the layers; gradients as in the given pass. */
size_t head_group(const struct network *network, size_t n);
struct pass head_pass(const struct network *network, const struct pass *pass, size_t first, size_t thread);
struct layer head_layer(const struct network *network, size_t i, size_t first, size_t thread);
