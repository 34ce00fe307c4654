#pragma once
/* A layer: what the configuration says of it, the shapes planned from that, the memory bound to it, and the
 * functions of its type. Types are static tables, in a file layer_*.c for each or for a family, listed in
 * layer.c.
 *
 * Words: n samples; h, w, c height, width, channels of the input; oh, ow, oc of the output; x input, y
 * output; dx, dy gradients of the loss with respect to them; dw of a weight. Activations are float32 NHWC,
 * parameters lie in the order that files have (PyTorch's): convolution weights OIHW, dense weights (out, in).
 *
 * To add a type: write layer_TYPE.c with its table, declare and list the table in layer.c, add the file's
 * unit test. */
#include "core/option.h"
#include "core/shape.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LAYER_NAME_MAX = 64,
    LAYER_INPUTS_MAX = 8,
    LAYER_PARAMETERS_MAX = 4,
    LAYER_BUFFERS_MAX = 2,
    LAYER_DIMENSIONS_MAX = 4,
};

#define LAYER_NETWORK_INPUT SIZE_MAX /* as an input's index: what the network is fed with */

/* What the network is trained with is fixed by the type of its last layer. */
enum loss_kind {
    LOSS_NONE,                 /* not a type that ends a network */
    LOSS_CROSS_ENTROPY,        /* softmax; labels: class index (n) */
    LOSS_BINARY_CROSS_ENTROPY, /* sigmoid; labels: 0 or 1 (n, k) */
    LOSS_MEAN_SQUARED_ERROR,   /* linear;  labels: float (n, k) */
};

/* One array of trainable numbers, or of numbers that are followed up beside them (a buffer). */
struct parameter {
    const char *name; /* "weight", "bias" */
    size_t dimension_count, dimensions[LAYER_DIMENSIONS_MAX];
    size_t count;  /* product of the dimensions */
    size_t offset; /* in floats, into the network's parameter array and every array parallel to it; of a
                      buffer into the network's buffers and their statistics */
    bool decay;    /* weight decay applies, where the layer's line does not say otherwise */

    /* from the layer's rates */
    double lr, decay_factor; /* times the run's learning rate, and its weight decay */
    double epochs;           /* it is trained in so many; 0: in all */
    bool frozen;             /* it is never trained */
};

/* What a layer's line says of how it learns; see core/layer_rates.h. NAN: not given. */
struct layer_rates {
    double lr, bias_lr, decay, bias_decay, epochs;
    bool frozen;
    const char *given; /* an option that was, or NULL */
};

/* What one forward or backward is about. Everything random hangs on seed, shard and step. */
struct pass {
    size_t n;      /* samples, at most the number bound for */
    size_t first;  /* the first one's number in the shard: random numbers hang on it */
    bool is_group; /* others work off other samples at the same time: nothing is cut into parts */
    bool training; /* dropout drops */
    size_t
        learns_from; /* of a network's backward: layers before this one learn no more, and get no gradients */
    uint64_t seed;
    uint32_t shard, step;
    const float *parameters; /* the network's parameter array */
    const float *buffers;    /* the network's buffers */
    const double *sums;      /* of forward_sums, then of backward_sums, of the whole batch, for the layer with
                                statistics_global that comes next. NULL: this pass has the whole batch */
    size_t batch;            /* samples that the sums are of */
    float *statistics;       /* parallel to the buffers: forward in training writes what it saw of this shard,
                                or, with statistics_global, of all.
                                NULL: not wanted */
    float *gradients;        /* parallel to the parameters; backward adds to it. NULL: not wanted */
    void *workspace;         /* as many bytes as `workspace` of the layer asked for; contents undefined */
    int threads;             /* OpenMP threads to use; results do not depend on it */
};

struct tile_kernel;

struct layer {
    const struct layer_ops *ops;
    char name[LAYER_NAME_MAX];
    size_t index;  /* position in the network */
    void *options; /* the type's own structure: its options, then what plan derived from them; owned by the
                      network */

    struct layer_rates rates;

    /* planned */
    size_t input_count, inputs[LAYER_INPUTS_MAX]; /* layers that it reads, by index; all before its own */
    struct shape in[LAYER_INPUTS_MAX], out;
    struct parameter parameters[LAYER_PARAMETERS_MAX];
    size_t parameter_count;
    struct parameter buffers[LAYER_BUFFERS_MAX]; /* not trained, kept in checkpoints beside the parameters */
    size_t buffer_count;
    size_t cache_bytes;        /* per sample: what forward keeps for backward beside y */
    size_t cache_fixed;        /* bytes at the cache's beginning, however many samples */
    size_t statistics_over;    /* values per sample and channel that it takes statistics of; 0: takes none */
    bool statistics_global;    /* those of the whole batch are asked for, and not of each shard */
    double whitening;          /* above 0: the initial values of its first parameter are those of
                                  core/whitening.h, with this eps, where there are images to make them from */
    double multiply_adds;      /* per sample, forward, those of matrix products */
    bool shares_input;         /* y is x[0], and dx[0] is dy */
    bool output_relu;          /* forward also applies the relu that alone reads y */
    bool output_relu_backward; /* and backward takes the gradient of that relu's output, y, as dy */
    bool input_relu;           /* forward and backward also do the relu whose output alone x[0] is */
    bool skip_forward, skip_backward; /* of a relu or a sum: others do it, so the network does not call it */
    bool hands_affine_on; /* forward writes no y: the sum that alone reads it does the affine step */
    bool input_affine[LAYER_INPUTS_MAX]; /* of that sum: x[k] is what the layer it names reads; see affine */
    bool shares_gradient[LAYER_INPUTS_MAX]; /* of a sum: dx[k] is dy */
    size_t completer; /* the layer whose backward makes the gradient of y whole; SIZE_MAX: there is none */
    const struct tile_kernel *bf16; /* for products that round their operands to bfloat16; NULL: none do */
    bool frozen;                    /* its parameters get no gradients */
    bool trainable; /* it, or a layer that it reads from, learns: the gradient of its output is wanted */

    /* bound: borrowed from the network's arena; n samples each */
    const float *x[LAYER_INPUTS_MAX];
    float *y;
    const float *affine[LAYER_INPUTS_MAX]; /* where not NULL, input k is (x[k] - mean) * scale + bias with
                                              mean, scale, bias (3, c) from here */
    float *dy; /* completed in place where this layer is a completer, for all who read it; dx[0] where
                  gradient_in_place allows it; else only read */
    const float *dy_more;            /* where not NULL, backward adds this to dy first, */
    const float *dy_relu;            /* and then sets dy to 0 where this, a relu's output, is not above 0 */
    float *dx[LAYER_INPUTS_MAX];     /* overwritten by backward; NULL: not wanted (the network's input) */
    float *dx_sum[LAYER_INPUTS_MAX]; /* where not NULL, the network adds dx, then scratch, to this: an output
                                        with several readers */
    void *cache;
};

/* What of a relu before it a layer can do in passing. */
enum layer_relu {
    LAYER_RELU_NONE,
    LAYER_RELU_BACKWARD, /* dx[0] is the gradient of the relu's input */
    LAYER_RELU_BOTH,     /* and x[0] is the relu's input */
};

struct layer_ops {
    const char *type, *help;
    size_t options_size; /* of the structure behind layer.options */
    const struct option *options;
    size_t option_count;
    size_t input_min, input_max;
    enum loss_kind loss;
    bool last_only;                   /* cannot stand within a network */
    bool flat_input;                  /* takes 1 x 1 x c only */
    bool in_place;                    /* y may be x, and dx may be dy */
    bool gradient_in_place;           /* dx[0] may be dy */
    bool completes_gradient;          /* heeds layer.dy_more and dy_relu */
    bool takes_affine;                /* of a sum: heeds layer.affine, and dx[k] may be dy for every k */
    bool by_image;                    /* a sample's y and dx do not depend on the others, and the head
                                         (network_head.h) may have it */
    bool is_relu;                     /* y = max(x, 0), which others may do in passing: */
    bool takes_output_relu;           /* heeds layer.output_relu */
    bool takes_output_relu_backward;  /* and layer.output_relu_backward */
    enum layer_relu takes_input_relu; /* heeds layer.input_relu */
    bool input_needed;                /* backward reads x */
    bool output_needed;               /* backward reads y, so that nobody may overwrite it */

    /* From options and in[]: out, parameters (all but the offsets), cache_bytes, multiply_adds. STATUS_USAGE
     * without naming the layer, which the caller does. NULL: out = in[0], nothing else. */
    enum status (*plan)(struct layer *layer);

    /* Initial values of the layer's parameters in the network's array, a function of (seed, layer index), and
     * of its buffers. NULL: zeros. */
    void (*init)(const struct layer *layer, uint64_t seed, float *parameters, float *buffers);

    /* Takes what the shards of a step saw, a sum over those `shards` that had samples, into the layer's
     * buffers. Only of layers with buffers. */
    void (*update)(const struct layer *layer, const float *statistics, size_t shards, float *buffers);

    /* Bytes of workspace for n samples or fewer and this many threads, both passes. NULL: none. */
    size_t (*workspace)(const struct layer *layer, size_t n, int threads);

    /* Where, after forward, the affine step lies that hands_affine_on leaves to another: mean, scale and bias
     * (3, c). NULL: it has none. */
    const float *(*affine)(const struct layer *layer);

    /* Only of layers with statistics_global, for passes over parts of a batch (pass->sums not NULL): what is
     * to be summed over the parts before forward, and before backward, 2 * out.c numbers. backward_sums makes
     * dy whole and adds the parameters' gradients; backward is left with dx. */
    void (*forward_sums)(const struct layer *layer, const struct pass *pass, double *sums);
    void (*backward_sums)(const struct layer *layer, const struct pass *pass, double *sums);

    /* y from x. */
    void (*forward)(const struct layer *layer, const struct pass *pass);

    /* dx (overwritten) and the parameters' gradients (added to) from dy, after forward with the same pass. In
     * a last layer never called: the loss gives the gradient of its input. */
    void (*backward)(const struct layer *layer, const struct pass *pass);

    /* forward from the formula, naively, in double: what the fast one is tested against, and what
     * --check-gradients differentiates. `parameters` is the network's array in double. */
    void (*reference)(const struct layer *layer, const struct pass *pass, const double *parameters,
                      const double *const x[], double *y);
};

/* The types there are, in the order of --help-config. */
extern const struct layer_ops *const layer_types[];
extern const size_t layer_type_count;

/* The type of that name, or NULL with nothing said. */
const struct layer_ops *layer_type_find(const char *type);

/* For plan: appends a parameter with `count` = product of dimensions and returns it. */
struct parameter *layer_add_parameter(struct layer *layer, const char *name, bool decay,
                                      size_t dimension_count, const size_t *dimensions);

/* The same for a buffer. */
struct parameter *layer_add_buffer(struct layer *layer, const char *name, size_t dimension_count,
                                   const size_t *dimensions);

/* The network's array at this layer's parameter i; NULL where the array is NULL or the layer has no such
 * parameter. */
const float *layer_parameter(const struct layer *layer, const float *array, size_t i);
float *layer_gradient(const struct layer *layer, float *array, size_t i);

/* He (normal, deviation sqrt(2/fan_in)) or Glorot (uniform, +-sqrt(6/(fan_in+fan_out))) initialisation, as in
 * He et al. 2015, eq. 10, and Glorot and Bengio 2010, eq. 16; or uniform, +-1/sqrt(fan_in), as PyTorch does
 * where it is not told otherwise, with biases too. */
enum layer_init { LAYER_INIT_HE, LAYER_INIT_GLOROT, LAYER_INIT_UNIFORM };
void layer_init_weight(const struct layer *layer, uint64_t seed, float *parameters, size_t i,
                       enum layer_init kind, size_t fan_in, size_t fan_out);
