#include "core/mixup.h"

#include "core/random.h"

#include <math.h>

/* Joehnk 1964: of u^(1/alpha) and v^(1/alpha), if their sum is at most 1, the first one's part of it; in
 * logarithms, because the powers may be too small for numbers. */
float mixup_share(double alpha, uint64_t seed, uint32_t shard, uint32_t step)
{
    struct random_stream stream = random_stream(seed, RANDOM_MIXUP, 0, shard, step);
    for (size_t i = 0;; i += 2) { /* every second pair and more is taken */
        double a = log(1 - (double)random_uniform(&stream, i)) / alpha;
        double b = log(1 - (double)random_uniform(&stream, i + 1)) / alpha;
        double larger = fmax(a, b), sum = larger + log1p(exp(fmin(a, b) - larger));
        if (sum <= 0)
            return (float)fmax(exp(larger - sum), 0.5);
    }
}

void mixup_blend(float *x, size_t n, size_t item, float share, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < n / 2; i++) {
        float *a = x + i * item, *b = x + (n - 1 - i) * item;
        for (size_t k = 0; k < item; k++) {
            float own = a[k], other = b[k];
            a[k] = share * own + (1 - share) * other;
            b[k] = share * other + (1 - share) * own;
        }
    }
}

void mixup_partners(const int32_t *classes, size_t n, int32_t *others)
{
    for (size_t i = 0; i < n; i++)
        others[i] = classes[n - 1 - i];
}
