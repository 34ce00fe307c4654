#pragma once
/* The digest of a split: the same whether its images are in memory or were looked at piece by piece. */
#include "io/dataset.h"

struct dataset_digest;

/* For a split with everything but its images; NULL for want of memory. */
struct dataset_digest *dataset_digest_begin(const struct dataset_split *split);

/* All images, in their order, piece by piece. */
void dataset_digest_images(struct dataset_digest *digest, const void *images, size_t bytes);

/* The digest; frees. */
uint64_t dataset_digest_end(struct dataset_digest *digest, const struct dataset_split *split);
