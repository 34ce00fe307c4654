#include "io/dataset_digest.h"

#include <xxhash.h>

struct dataset_digest *dataset_digest_begin(const struct dataset_split *split)
{
    const struct shape s = split->shape;
    const struct normalization *n = &split->normalization;
    const uint64_t head[] = {split->count,           s.h,       s.w, s.c, split->is_float, split->outputs,
                             split->classes != NULL, n->present};
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return NULL;
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, head, sizeof head);
    XXH3_64bits_update(state, n->mean, n->channels * sizeof *n->mean);
    XXH3_64bits_update(state, n->std, n->channels * sizeof *n->std);
    return (struct dataset_digest *)state;
}

void dataset_digest_images(struct dataset_digest *digest, const void *images, size_t bytes)
{
    XXH3_64bits_update((XXH3_state_t *)digest, images, bytes);
}

uint64_t dataset_digest_end(struct dataset_digest *digest, const struct dataset_split *split)
{
    XXH3_state_t *state = (XXH3_state_t *)digest;
    if (split->classes)
        XXH3_64bits_update(state, split->classes, split->count * sizeof *split->classes);
    if (split->values)
        XXH3_64bits_update(state, split->values, split->count * split->outputs * sizeof *split->values);
    uint64_t value = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return value;
}
