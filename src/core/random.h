#pragma once
/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011), from the Random123 library. A number is a pure function of what it is for, so there is no state
 * to keep, to save, or to share between threads, and different purposes cannot overlap: their counters
 * differ. */
#include <stddef.h>
#include <stdint.h>

enum random_purpose {
    RANDOM_INIT,    /* initial weights:   where = layer and parameter, when = 0 */
    RANDOM_DROPOUT, /* dropout masks:     where = layer, shard = the shard, when = step */
    RANDOM_SHUFFLE, /* order of samples:  where = of all, of runs, within a window (shard); when = epoch */
    RANDOM_INPUT,   /* made-up batches of --benchmark and --check-gradients */
    RANDOM_CHECK,   /* which weights --check-gradients looks at */
    RANDOM_AUGMENT, /* changes to training images: where, shard = the sample's number, high and low; when =
                       epoch */
    RANDOM_MIXUP,   /* shares of blended samples: shard = the shard, when = step */
};

/* A stream of 2^34 numbers: element i belongs to block i/4. A plain value, free to copy. */
struct random_stream {
    uint32_t key[2];     /* the seed */
    uint32_t counter[3]; /* when; where and purpose; shard */
};

/* `where` below 2^24. */
struct random_stream random_stream(uint64_t seed, enum random_purpose purpose, uint32_t where, uint32_t shard,
                                   uint32_t when);

/* Four random words: elements 4*block to 4*block+3 of the stream. */
void random_block(const struct random_stream *stream, uint32_t block, uint32_t out[4]);

/* Words first*4 to (first+count)*4-1; out: count*4 words. The same as `count` calls of random_block, but
 * vectorised. */
void random_blocks(const struct random_stream *stream, uint32_t first, size_t count, uint32_t *out);

/* Element i: uniform in [0, 1), 24 bits. */
float random_uniform(const struct random_stream *stream, size_t i);

/* Element i: normal with mean 0 and deviation 1 (Box and Muller; elements 2i and 2i+1 of the stream). */
float random_normal(const struct random_stream *stream, size_t i);

/* Element i: uniform in [0, bound), bound > 0; exact to 2^-64 (elements 2i and 2i+1 of the stream). */
uint64_t random_below(const struct random_stream *stream, size_t i, uint64_t bound);

/* Shuffles the list (Fisher and Yates). */
void random_shuffle(const struct random_stream *stream, size_t count, size_t *list);

/* A permutation of 0..count-1 into `order`: a shuffled list of them. */
void random_permutation(const struct random_stream *stream, size_t count, size_t *order);
