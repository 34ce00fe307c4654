#include "core/loss.h"

#include <math.h>

uint64_t loss_tries(enum loss_kind kind, uint64_t samples, size_t k)
{
    return kind == LOSS_CROSS_ENTROPY ? samples : kind == LOSS_BINARY_CROSS_ENTROPY ? samples * k : 0;
}

size_t loss_best(const float *y, size_t k)
{
    size_t best = 0;
    for (size_t j = 1; j < k; j++)
        best = y[j] > y[best] ? j : best;
    return best;
}

static float weight_of(struct labels labels, size_t class)
{
    return labels.weights ? labels.weights[class] : 1;
}

double loss_weight(size_t n, struct labels labels)
{
    double sum = 0;
    for (size_t i = 0; i < n && labels.weights; i++)
        sum += (double)labels.weights[labels.classes[i]];
    return labels.weights ? sum : (double)n;
}

/* log of the sum of exp(z - largest): -log softmax(z)[j] is that less z[j] - largest. */
static float log_total(size_t k, const float *z, float *largest)
{
    float total = 0;
    *largest = z[0];
    for (size_t j = 1; j < k; j++)
        *largest = z[j] > *largest ? z[j] : *largest;
    for (size_t j = 0; j < k; j++)
        total += expf(z[j] - *largest);
    return logf(total);
}

/* The class has the largest output, of equals the first, and that is a number. */
static bool is_hit(size_t k, const float *y, int32_t class)
{
    size_t best = loss_best(y, k);
    return best == (size_t) class && y[best] == y[best];
}

/* -log softmax(z)[class], and dz = scale * (softmax(z) - 1 at the class); y is softmax(z). */
static void cross_entropy(size_t k, const float *z, const float *y, int32_t class, float scale, float *dz,
                          struct loss_sum *sum)
{
    float largest, total = log_total(k, z, &largest);
    sum->loss += (double)total - (double)(z[class] - largest);
    sum->hits += is_hit(k, y, class);
    for (size_t j = 0; dz && j < k; j++)
        dz[j] = scale * (y[j] - (j == (size_t) class ? 1.0f : 0.0f));
}

/* What a sample's labels ask of class j, without smoothing. */
static float asked(struct labels labels, size_t sample, size_t j)
{
    bool own = j == (size_t)labels.classes[sample];
    if (!labels.others)
        return own;
    bool other = j == (size_t)labels.others[sample];
    return (own ? labels.share : 0) + (other ? 1 - labels.share : 0);
}

/* The same, smoothed, weighted and blended: every class is right to the share target[j], and dz = scale * (y
 * * sum of the shares - target). */
static void cross_entropy_smooth(size_t k, const float *z, const float *y, size_t sample,
                                 struct labels labels, float scale, float *dz, struct loss_sum *sum)
{
    float largest, total = log_total(k, z, &largest), all = 0;
    float even = labels.smoothing / (float)k, rest = 1 - labels.smoothing;
    sum->hits += is_hit(k, y, labels.classes[sample]);
    for (size_t j = 0; j < k; j++)
        all += (even + rest * asked(labels, sample, j)) * weight_of(labels, j);
    for (size_t j = 0; j < k; j++) {
        float target = (even + rest * asked(labels, sample, j)) * weight_of(labels, j);
        sum->loss += (double)target * (double)(total - (z[j] - largest));
        if (dz)
            dz[j] = scale * (all * y[j] - target);
    }
}

/* mean over outputs of max(z, 0) - z t + log(1 + exp(-|z|)), and dz = scale / k * (y - t) */
static void binary_cross_entropy(size_t k, const float *z, const float *y, const float *t, float scale,
                                 float *dz, struct loss_sum *sum)
{
    double loss = 0;
    for (size_t j = 0; j < k; j++) {
        loss += (double)((z[j] > 0 ? z[j] : 0) - z[j] * t[j] + log1pf(expf(-fabsf(z[j]))));
        sum->hits += (y[j] > 0.5f) == (t[j] > 0.5f) && y[j] == y[j];
        if (dz)
            dz[j] = scale / (float)k * (y[j] - t[j]);
    }
    sum->loss += loss / (double)k;
}

/* mean over outputs of (y - t)^2, and dz = scale / k * 2 (y - t) */
static void squared_error(size_t k, const float *y, const float *t, float scale, float *dz,
                          struct loss_sum *sum)
{
    double loss = 0;
    for (size_t j = 0; j < k; j++) {
        float difference = y[j] - t[j];
        loss += (double)difference * (double)difference;
        if (dz)
            dz[j] = 2 * scale / (float)k * difference;
    }
    sum->loss += loss / (double)k;
}

struct loss_sum loss_compute(enum loss_kind kind, size_t n, size_t k, const float *z, const float *y,
                             struct labels labels, float scale, float *dz)
{
    struct loss_sum sum = {.samples = n, .tries = loss_tries(kind, n, k)};
    for (size_t i = 0; i < n; i++) {
        float *row = dz ? dz + i * k : NULL;
        if (kind == LOSS_CROSS_ENTROPY && (labels.weights || labels.smoothing > 0 || labels.others))
            cross_entropy_smooth(k, z + i * k, y + i * k, i, labels, scale, row, &sum);
        else if (kind == LOSS_CROSS_ENTROPY)
            cross_entropy(k, z + i * k, y + i * k, labels.classes[i], scale, row, &sum);
        else if (kind == LOSS_BINARY_CROSS_ENTROPY)
            binary_cross_entropy(k, z + i * k, y + i * k, labels.values + i * k, scale, row, &sum);
        else
            squared_error(k, y + i * k, labels.values + i * k, scale, row, &sum);
    }
    return sum;
}

static double reference_row(enum loss_kind kind, size_t k, const double *z, size_t sample, const float *t,
                            struct labels labels)
{
    double loss = 0, total = 0, largest = z[0];
    for (size_t j = 1; j < k; j++)
        largest = fmax(largest, z[j]);
    for (size_t j = 0; j < k; j++) {
        if (kind == LOSS_CROSS_ENTROPY)
            total += exp(z[j] - largest);
        else if (kind == LOSS_BINARY_CROSS_ENTROPY)
            loss += (fmax(z[j], 0) - z[j] * t[j] + log1p(exp(-fabs(z[j])))) / (double)k;
        else
            loss += (z[j] - t[j]) * (z[j] - t[j]) / (double)k;
    }
    if (kind != LOSS_CROSS_ENTROPY)
        return loss;
    for (size_t j = 0; j < k; j++) {
        double share = (double)asked(labels, sample, j) * (1 - (double)labels.smoothing) +
                       (double)labels.smoothing / (double)k;
        loss += share * (double)weight_of(labels, j) * (log(total) + largest - z[j]);
    }
    return loss;
}

double loss_reference(enum loss_kind kind, size_t n, size_t k, const double *z, struct labels labels)
{
    double loss = 0;
    for (size_t i = 0; i < n; i++)
        loss += reference_row(kind, k, z + i * k, i, labels.values ? labels.values + i * k : NULL, labels);
    return loss;
}

struct loss_sum loss_add(struct loss_sum a, struct loss_sum b)
{
    return (struct loss_sum){a.loss + b.loss, a.samples + b.samples, a.hits + b.hits, a.tries + b.tries};
}

double loss_mean(struct loss_sum sum)
{
    return sum.samples ? sum.loss / (double)sum.samples : NAN;
}

double loss_accuracy(struct loss_sum sum)
{
    return sum.tries ? (double)sum.hits / (double)sum.tries : NAN;
}
