#pragma once
/* Averages of the weights over the steps, kept beside them: an exponential moving average, as
 * torch.optim.swa_utils.get_ema_multi_avg_fn, and Lookahead (Zhang et al. 2019, arXiv 1907.08610), whose slow
 * weights follow the fast ones every few steps and then replace them, with running statistics (buffers) where
 * that is wanted, as Jordan 2024 (arXiv 2404.00498, section 3.4). What depends on the number of steps
 * taken is a function of it. The weights to use, where something is averaged, are the moving average, or else
 * the slow weights. Same bits for any number of threads. */
#include "core/network.h"

struct average_settings {
    double ema;       /* share of the moving average kept at a step; 0: there is none */
    size_t lookahead; /* steps from one meeting of slow and fast weights to the next; 0: never */
    /* Slow weights go alpha(t) of the way: from 1 at the start to `alpha` at the end, alpha(t) = 1 - (1 -
     * alpha) t^power, where t is the share of `steps` taken; power 0: alpha always. */
    double alpha, power;
    double steps;
    bool buffers; /* the network's buffers follow as the weights do */
};

struct average {
    struct average_settings settings;
    size_t count;      /* floats */
    float *ema, *slow; /* each (count), or NULL; owned */
    size_t buffer_count;
    float *slow_buffers; /* (buffer_count), or NULL: they do not follow; owned */
    struct arena arena;
};

/* Takes memory for a network with so many parameters and buffers. average_destroy frees; it may be called on
 * a zeroed one. */
enum status average_create(struct average *average, const struct average_settings *settings,
                           size_t parameter_count, size_t buffer_count);
void average_destroy(struct average *average);

/* Arrays that the settings ask for. */
size_t average_arrays(const struct average_settings *settings);

/* Before the first step: the averages are the network's weights. */
void average_begin(struct average *average, const struct network *network);

/* After the optimizer's step `number`, counted from 1. */
void average_step(struct average *average, struct network *network, uint64_t number);

/* Exchanges the network's parameter array with the weights to use, and again exchanges them back; nothing
 * where nothing is averaged. True where there was something. Meanwhile the array that is trained lies where
 * that of the average was: `ema`, or else `slow`. Slow weights take their buffers with them. */
bool average_exchange(struct average *average, struct network *network);
