#pragma once
/* A network: layers in topological order, their parameters in one array, their activations in one arena.
 * Numbers that are not trained but followed up, such as running statistics, lie in an array of their own: the
 * buffers.
 *
 * plan computes every shape and size from the configuration's lines; bind takes the memory; forward and
 * backward take none. Parameters lie in the order of the layers, within a layer in the order its plan
 * appended them; gradients and optimizer slots are arrays parallel to that one. Backward completes gradients
 * from the array's end. */
#include "core/arena.h"
#include "core/layer.h"
#include "core/loss.h"

/* One line of [network], as written: NAME = TYPE option=value ... */
struct layer_line {
    const char *name;
    const char *text;  /* all behind the equals sign */
    const char *where; /* "configs/x.ini:12", for messages */
};

/* The first layers, where a few images go through all of them before the next ones: core/network_head.h. */
struct network_head {
    size_t layers;          /* 0 .. layers-1 of the network; 0: there is no head */
    size_t images;          /* of a group, at most */
    size_t parameter_count; /* the network's first parameters */

    /* bound: borrowed from the activations' arena */
    char *memory; /* (thread, thread_bytes): two buffers, workspace */
    size_t buffer_bytes, thread_bytes;
    size_t turn;      /* which of the two buffers was given away last */
    float *gradients; /* (parts, part_stride) */
    size_t part_stride;
};

struct network {
    struct shape input;
    struct layer *layers;
    size_t layer_count;
    struct network_head head;
    size_t parameter_count; /* floats in the parameter array */
    float *parameters;      /* owned; NULL before bind */
    size_t buffer_count;    /* floats in the buffers */
    float *buffers;         /* owned; NULL before bind */

    /* bound */
    struct arena parameter_arena, activation_arena;
    size_t batch; /* samples that fit in one pass */
    int threads;
    float *x;        /* (batch, h, w, c): the caller fills it before forward; borrowed from the arena */
    void *workspace; /* for struct pass */
};

/* Plans the layers of `lines` for an input of this shape. On failure STATUS_USAGE, naming line and layer; the
 * network is then empty. The lines may go afterwards. network_destroy frees. */
enum status network_plan(struct network *network, struct shape input, const struct layer_line *lines,
                         size_t count);
void network_destroy(struct network *network);

/* Lets matrix products round their operands to bfloat16 where they can (core/kernels/bf16.h), or, as after
 * plan, not. Before bind, which takes other memory for it. */
void network_set_bf16(struct network *network, bool bf16);

/* Takes memory for `batch` samples a pass, with gradients where `training`, workspace for `threads` threads;
 * called again, it keeps the parameters and buffers and takes the rest anew. */
enum status network_bind(struct network *network, size_t batch, bool training, int threads);

/* Another place for passes of the same network, so that several may stand half-way at a time: the layers with
 * memory of their own, bound as those of `network`, which must stay bound, for training. Has neither
 * parameters nor buffers: passes bring them. network_twin_destroy frees; it does nothing to one that is zero.
 */
enum status network_twin(struct network *twin, const struct network *network);
void network_twin_destroy(struct network *twin);

/* Bytes that such a bind would take for activations, their gradients and workspace. Before bind only: it
 * leaves nothing bound. */
enum status network_memory(struct network *network, size_t batch, bool training, int threads, size_t *bytes);

/* From the next pass on, samples are read from `x` (batch, h, w, c), which the caller owns, instead of from
 * the memory that bind gave; until the next call or bind. */
void network_set_input(struct network *network, float *x);

/* Initial parameters and buffers, a function of the seed. */
void network_init(struct network *network, uint64_t seed);

/* Takes the statistics of one step's shards, summed over those `shards` that had samples, into the buffers.
 */
void network_update_buffers(struct network *network, const float *statistics, size_t shards);

/* x (pass->n samples) through all layers; the last one's y is the result. pass->parameters, workspace and
 * threads are filled in by the caller from the network: see network_pass. */
void network_forward(const struct network *network, const struct pass *pass);

/* A pass over n samples with the network's own parameters and buffers, no gradients, not training; the caller
 * changes what differs. */
struct pass network_pass(const struct network *network, size_t n);

/* After forward: loss and hits of the labels, and with pass->gradients the gradient of the last layer's
 * input, scaled by `scale` = 1/(samples in the global batch). */
struct loss_sum network_loss(const struct network *network, const struct pass *pass, struct labels labels,
                             float scale);

/* Called when the gradients of parameters offset .. offset+count-1 are complete, and with them those of all
 * behind; offsets come falling, down to the first layer that learns. */
typedef void gradient_ready(void *user, size_t offset, size_t count);

/* After network_loss with gradients: adds the gradient of every layer that is not frozen, from
 * pass->learns_from on, to pass->gradients. `on_ready` may be NULL. */
void network_backward(const struct network *network, const struct pass *pass, gradient_ready *on_ready,
                      void *user);

/* A batch whose parts are passed apart, with layers that want statistics of all of it: such a layer cuts the
 * pass. Every part goes as far as there, then says what it sums up; with these sums, added up over the parts,
 * in pass->sums, all go on.
 *
 *   forward     layers 0 .. i-1, network_forward_sums(i)                 layers i ..
 *   backward    layers .. i+1, network_backward_sums(i)                  layers i .. 0
 *
 * Layers first .. end-1 in either direction, which are whole passes with 0 and the number of layers; neither
 * of them lies within the head (core/network_head.h). */
void network_forward_part(const struct network *network, const struct pass *pass, size_t first, size_t end);
void network_backward_part(const struct network *network, const struct pass *pass, size_t first, size_t end,
                           gradient_ready *on_ready, void *user);

/* What this part sums up for layer i, with statistics_global: (2, c), overwritten; see
 * core/kernels/batchnorm.h. Backward's also completes the gradients of the layer's parameters, of which
 * on_ready is not told. network_sums: 2 * c. */
void network_forward_sums(const struct network *network, const struct pass *pass, size_t i, double *sums);
void network_backward_sums(const struct network *network, const struct pass *pass, size_t i, double *sums);
size_t network_sums(const struct network *network, size_t i);

/* Where the parameters of layer i and of those behind it begin in the network's array. */
size_t network_parameters_from(const struct network *network, size_t i);

/* What the last layer was fed with, (batch, outputs), which the caller may change after forward; and the last
 * layer's output from it once more. */
float *network_logits(const struct network *network);
void network_output(const struct network *network, const struct pass *pass);

/* The last layer; number of outputs per sample (classes). */
const struct layer *network_last(const struct network *network);
size_t network_outputs(const struct network *network);

/* The layer of that name, or NULL. */
const struct layer *network_find(const struct network *network, const char *name);
