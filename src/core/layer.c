#include "core/layer.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

/* Of layer_*.c, each defined at the bottom of its file. */
extern const struct layer_ops layer_conv2d, layer_dense, layer_flatten, layer_add;
extern const struct layer_ops layer_relu, layer_leaky_relu, layer_tanh, layer_sigmoid;
extern const struct layer_ops layer_maxpool, layer_avgpool, layer_dropout;
extern const struct layer_ops layer_elu, layer_silu, layer_gelu;
extern const struct layer_ops layer_globalavgpool, layer_concat, layer_scale, layer_dropout2d;
extern const struct layer_ops layer_batchnorm, layer_groupnorm, layer_lrn;
extern const struct layer_ops layer_softmax, layer_linear;

const struct layer_ops *const layer_types[] = {
    &layer_conv2d,  &layer_dense,         &layer_relu,      &layer_leaky_relu, &layer_elu,
    &layer_silu,    &layer_gelu,          &layer_tanh,      &layer_sigmoid,    &layer_maxpool,
    &layer_avgpool, &layer_globalavgpool, &layer_batchnorm, &layer_groupnorm,  &layer_lrn,
    &layer_scale,   &layer_dropout,       &layer_dropout2d, &layer_flatten,    &layer_add,
    &layer_concat,  &layer_softmax,       &layer_linear,
};
const size_t layer_type_count = OPTION_COUNT(layer_types);

const struct layer_ops *layer_type_find(const char *type)
{
    for (size_t i = 0; i < layer_type_count; i++)
        if (!strcmp(layer_types[i]->type, type))
            return layer_types[i];
    return NULL;
}

static struct parameter make_parameter(const char *name, bool decay, size_t dimension_count,
                                       const size_t *dimensions)
{
    struct parameter p = {.name = name, .decay = decay, .dimension_count = dimension_count, .count = 1};
    for (size_t i = 0; i < dimension_count; i++) {
        p.dimensions[i] = dimensions[i];
        p.count *= dimensions[i];
    }
    return p;
}

struct parameter *layer_add_parameter(struct layer *layer, const char *name, bool decay,
                                      size_t dimension_count, const size_t *dimensions)
{
    struct parameter *p = &layer->parameters[layer->parameter_count++];
    *p = make_parameter(name, decay, dimension_count, dimensions);
    return p;
}

struct parameter *layer_add_buffer(struct layer *layer, const char *name, size_t dimension_count,
                                   const size_t *dimensions)
{
    struct parameter *p = &layer->buffers[layer->buffer_count++];
    *p = make_parameter(name, false, dimension_count, dimensions);
    return p;
}

const float *layer_parameter(const struct layer *layer, const float *array, size_t i)
{
    return array && i < layer->parameter_count ? array + layer->parameters[i].offset : NULL;
}

float *layer_gradient(const struct layer *layer, float *array, size_t i)
{
    return array && i < layer->parameter_count ? array + layer->parameters[i].offset : NULL;
}

void layer_init_weight(const struct layer *layer, uint64_t seed, float *parameters, size_t i,
                       enum layer_init kind, size_t fan_in, size_t fan_out)
{
    const struct parameter *p = &layer->parameters[i];
    float *w = parameters + p->offset;
    struct random_stream stream = random_stream(seed, RANDOM_INIT, (uint32_t)layer->index, (uint32_t)i, 0);
    if (kind == LAYER_INIT_HE) {
        float deviation = (float)sqrt(2.0 / (double)fan_in);
        for (size_t e = 0; e < p->count; e++)
            w[e] = deviation * random_normal(&stream, e);
    } else {
        double square = kind == LAYER_INIT_GLOROT ? 6.0 / (double)(fan_in + fan_out) : 1.0 / (double)fan_in;
        float bound = (float)sqrt(square);
        for (size_t e = 0; e < p->count; e++)
            w[e] = bound * (2 * random_uniform(&stream, e) - 1);
    }
}
