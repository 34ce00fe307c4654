#include "dist/shard.h"

/* part * count / parts, without overflow for any count and up to 2^32 parts: split into quotient and
 * remainder. */
static size_t boundary(size_t count, size_t parts, size_t part)
{
    return count / parts * part + count % parts * part / parts;
}

struct range shard_range(size_t count, size_t parts, size_t part)
{
    size_t first = boundary(count, parts, part);
    return (struct range){first, boundary(count, parts, part + 1) - first};
}

struct range shard_samples(size_t batch, size_t shards, size_t shard)
{
    return shard_range(batch, shards, shard);
}

size_t shard_most(size_t shards, size_t size)
{
    return shards / size + (shards % size > 0);
}

struct range shard_owned(size_t shards, size_t size, size_t rank)
{
    return shard_range(shards, size, rank);
}
