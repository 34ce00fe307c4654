#pragma once
/* Mixup (Zhang et al. 2018, arXiv 1710.09412): the samples of a shard are blended in pairs, the i-th with the
 * i-th from the end, lambda x + (1 - lambda) x', and so are their labels. The order of samples is random, and
 * so are the pairs therefore. One lambda per shard and step, of Beta(alpha, alpha); the larger of lambda and
 * 1 - lambda, which only names the two blends of a pair anew: a sample's own class has the larger share. */
#include <stddef.h>
#include <stdint.h>

/* lambda, from 0.5 to 1; alpha in (0, 1]. A pure function. */
float mixup_share(double alpha, uint64_t seed, uint32_t shard, uint32_t step);

/* Blends n samples of `item` floats in place; the middle one of an odd number stays. */
void mixup_blend(float *x, size_t n, size_t item, float share, int threads);

/* others (n): the classes of the samples' partners. */
void mixup_partners(const int32_t *classes, size_t n, int32_t *others);
