#include "train/order.h"

#include "core/random.h"

#include <stdlib.h>

enum status order_create(struct order *order, size_t count, uint64_t seed, bool shuffle)
{
    *order = (struct order){.count = count, .seed = seed, .shuffle = shuffle};
    order->samples = malloc(count * sizeof *order->samples);
    return order->samples ? STATUS_OK
                          : status_no_memory("the order of samples", count * sizeof *order->samples);
}

void order_destroy(struct order *order)
{
    free(order->samples);
    *order = (struct order){0};
}

const size_t *order_of_epoch(struct order *order, uint64_t epoch)
{
    if (order->ready && (order->epoch == epoch || !order->shuffle))
        return order->samples;
    if (order->shuffle) {
        struct random_stream stream = random_stream(order->seed, RANDOM_SHUFFLE, 0, 0, (uint32_t)epoch);
        random_permutation(&stream, order->count, order->samples);
    } else {
        for (size_t i = 0; i < order->count; i++)
            order->samples[i] = i;
    }
    order->epoch = epoch;
    order->ready = true;
    return order->samples;
}
