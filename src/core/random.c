#include "core/random.h"

#include <Random123/philox.h>
#include <math.h>

struct random_stream random_stream(uint64_t seed, enum random_purpose purpose, uint32_t where, uint32_t shard,
                                   uint32_t when)
{
    return (struct random_stream){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {when, where | (uint32_t)purpose << 24, shard},
    };
}

static inline philox4x32_ctr_t philox_block(const struct random_stream *s, uint32_t block)
{
    philox4x32_ctr_t counter = {{block, s->counter[0], s->counter[1], s->counter[2]}};
    philox4x32_key_t key = {{s->key[0], s->key[1]}};
    return philox4x32(counter, key);
}

void random_block(const struct random_stream *stream, uint32_t block, uint32_t out[4])
{
    philox4x32_ctr_t r = philox_block(stream, block);
    for (int i = 0; i < 4; i++)
        out[i] = r.v[i];
}

/* The ten rounds of philox4x32, over LANES counters side by side. A test holds this against Random123's own
 * function. */
enum { LANES = 8 };

static void philox_lanes(const struct random_stream *s, uint32_t first, uint32_t *out)
{
    typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));
    const lanes zero = {0}, below = zero + UINT32_MAX; /* all are below 2^32: products need no widening */
    lanes c0 = {0, 1, 2, 3, 4, 5, 6, 7}, c1 = zero + s->counter[0], c2 = zero + s->counter[1],
          c3 = zero + s->counter[2];
    uint32_t k0 = s->key[0], k1 = s->key[1];
    c0 = (c0 + first) & below;
    for (int round = 0; round < 10; round++) {
        lanes product0 = c0 * PHILOX_M4x32_0, product1 = c2 * PHILOX_M4x32_1;
        c0 = (product1 >> 32) ^ c1 ^ k0;
        c1 = product1 & below;
        c2 = (product0 >> 32) ^ c3 ^ k1;
        c3 = product0 & below;
        k0 += PHILOX_W32_0;
        k1 += PHILOX_W32_1;
    }
    for (int i = 0; i < LANES; i++) {
        out[4 * i] = (uint32_t)c0[i];
        out[4 * i + 1] = (uint32_t)c1[i];
        out[4 * i + 2] = (uint32_t)c2[i];
        out[4 * i + 3] = (uint32_t)c3[i];
    }
}

void random_blocks(const struct random_stream *stream, uint32_t first, size_t count, uint32_t *out)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        philox_lanes(stream, first + (uint32_t)i, out + 4 * i);
    for (; i < count; i++)
        random_block(stream, first + (uint32_t)i, out + 4 * i);
}

static uint32_t word(const struct random_stream *stream, size_t i)
{
    return philox_block(stream, (uint32_t)(i / 4)).v[i % 4];
}

static float uniform(uint32_t bits)
{
    return (float)(bits >> 8) * 0x1p-24f;
}

float random_uniform(const struct random_stream *stream, size_t i)
{
    return uniform(word(stream, i));
}

float random_normal(const struct random_stream *stream, size_t i)
{
    double u = (word(stream, 2 * i) + 0.5) * 0x1p-32, v = (word(stream, 2 * i + 1) + 0.5) * 0x1p-32;
    return (float)(sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v));
}

uint64_t random_below(const struct random_stream *stream, size_t i, uint64_t bound)
{
    uint64_t bits = (uint64_t)word(stream, 2 * i) << 32 | word(stream, 2 * i + 1);
    __extension__ typedef unsigned __int128 uint128;
    return (uint64_t)((uint128)bits * bound >> 64);
}

void random_shuffle(const struct random_stream *stream, size_t count, size_t *list)
{
    for (size_t i = count; i-- > 1;) {
        size_t j = (size_t)random_below(stream, i, i + 1), held = list[i];
        list[i] = list[j];
        list[j] = held;
    }
}

void random_permutation(const struct random_stream *stream, size_t count, size_t *order)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    random_shuffle(stream, count, order);
}
