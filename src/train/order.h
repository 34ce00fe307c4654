#pragma once
/* The order in which an epoch goes through the samples: a pure function of seed and epoch, so that nothing of
 * it need be kept. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order { /* zero-initialised is empty */
    size_t *samples, count;
    uint64_t seed, epoch;
    bool shuffle, ready;
};

/* For `count` samples; without `shuffle` every epoch is in file order. order_destroy frees. */
enum status order_create(struct order *order, size_t count, uint64_t seed, bool shuffle);
void order_destroy(struct order *order);

/* The samples of an epoch in their order: (count), valid until the next call. */
const size_t *order_of_epoch(struct order *order, uint64_t epoch);
