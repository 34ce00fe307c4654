#include "core/average.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 4096 }; /* floats that a thread takes at a time */

size_t average_arrays(const struct average_settings *settings)
{
    return (size_t)(settings->ema > 0) + (size_t)(settings->lookahead > 0);
}

enum status average_create(struct average *average, const struct average_settings *settings,
                           size_t parameter_count, size_t buffer_count)
{
    *average =
        (struct average){.settings = *settings, .count = parameter_count, .buffer_count = buffer_count};
    size_t bytes = parameter_count * sizeof(float), buffer_bytes = buffer_count * sizeof(float);
    bool buffers = settings->lookahead > 0 && settings->buffers && buffer_count > 0;
    enum status status = arena_create(&average->arena,
                                      average_arrays(settings) * arena_round(bytes) +
                                          (buffers ? arena_round(buffer_bytes) : 0),
                                      "averaged weights");
    if (!status && settings->ema > 0)
        average->ema = arena_alloc(&average->arena, bytes);
    if (!status && settings->lookahead > 0)
        average->slow = arena_alloc(&average->arena, bytes);
    if (!status && buffers)
        average->slow_buffers = arena_alloc(&average->arena, buffer_bytes);
    return status;
}

void average_destroy(struct average *average)
{
    arena_destroy(&average->arena);
    *average = (struct average){0};
}

void average_begin(struct average *average, const struct network *network)
{
    size_t bytes = average->count * sizeof(float);
    if (average->ema)
        memcpy(average->ema, network->parameters, bytes);
    if (average->slow)
        memcpy(average->slow, network->parameters, bytes);
    if (average->slow_buffers)
        memcpy(average->slow_buffers, network->buffers, average->buffer_count * sizeof(float));
}

/* x goes `share` of the way to w, 1: it becomes w; `back`: w becomes x. What is equal stays as it is. */
static void follow(size_t count, float share, float *restrict x, float *restrict w, bool back)
{
    if (share == 1)
        memcpy(x, w, count * sizeof *x);
    for (size_t i = 0; i < count && share != 1; i++)
        x[i] += share * (w[i] - x[i]);
    if (back)
        memcpy(w, x, count * sizeof *w);
}

void average_step(struct average *average, struct network *network, uint64_t number)
{
    const struct average_settings *s = &average->settings;
    bool meet = average->slow && number % s->lookahead == 0;
    double t = s->steps > 0 ? fmin((double)number / s->steps, 1) : 1;
    float way = (float)(1 - (1 - s->alpha) * pow(t, s->power));
    /* as PyTorch, whose average begins with the weights after the first step */
    float share = number == 1 ? 1 : (float)(1 - s->ema);
    if (!meet && !average->ema)
        return;
    if (meet && average->slow_buffers)
        follow(average->buffer_count, way, average->slow_buffers, network->buffers, true);
#pragma omp parallel for num_threads(network->threads) schedule(static)
    for (size_t first = 0; first < average->count; first += BLOCK) {
        size_t count = average->count - first < BLOCK ? average->count - first : BLOCK;
        float *w = network->parameters + first;
        if (meet)
            follow(count, way, average->slow + first, w, true);
        if (average->ema)
            follow(count, share, average->ema + first, w, false);
    }
}

bool average_exchange(struct average *average, struct network *network)
{
    float **used = average->ema ? &average->ema : &average->slow, *trained = network->parameters;
    if (!*used)
        return false;
    network->parameters = *used;
    *used = trained;
    if (!average->ema && average->slow_buffers) {
        float *buffers = network->buffers;
        network->buffers = average->slow_buffers;
        average->slow_buffers = buffers;
    }
    return true;
}
