#pragma once
/* Who does what. The global batch of a step is cut into `shards` slices, whatever the number of ranks; a rank
 * does the slices of the shards that it owns. Pure arithmetic. */
#include <stddef.h>

struct range {
    size_t first, count;
};

/* Part `part` of `count` things cut into `parts` contiguous pieces whose sizes differ by at most one:
 * [part*count/parts, (part+1)*count/parts). */
struct range shard_range(size_t count, size_t parts, size_t part);

/* Samples of a global batch of `batch` samples (fewer at the end of an epoch) that shard `shard` of `shards`
 * takes. May be empty. */
struct range shard_samples(size_t batch, size_t shards, size_t shard);

/* How many the rank with the most owns. */
size_t shard_most(size_t shards, size_t size);

/* Shards that rank `rank` of `size` owns. May be empty. */
struct range shard_owned(size_t shards, size_t size, size_t rank);
