#include "train/layer_times.h"

#include "core/log.h"

#include <math.h>

enum { LOSSES_SHOWN = 5 };

static const char *const pass_names[] = {"forward", "input gradient", "weight gradient"};

/* Of one pass of a layer. */
static double operations(const struct layer *layer, size_t n)
{
    return 2 * (double)n * layer->multiply_adds;
}

/* "  1.234   56.7": milliseconds and GFLOP/s; nothing where there is no such work, no rate where it is no
 * matrix product. */
static void print_time(double seconds, double flop)
{
    if (seconds <= 0)
        log_print(" %9s %8s", "-", "-");
    else if (flop > 0)
        log_print(" %9.3f %8.1f", 1e3 * seconds, flop / seconds / 1e9);
    else
        log_print(" %9.3f %8s", 1e3 * seconds, "-");
}

void layer_times_print(const struct network *network, const struct layer_times *times, size_t n)
{
    double totals[LAYER_PASSES] = {0};
    log_print("  %-14s %-11s", "", "");
    for (size_t p = 0; p < LAYER_PASSES; p++)
        log_print(" %18s", pass_names[p]);
    log_print("\n  %-14s %-11s", "layer", "type");
    for (size_t p = 0; p < LAYER_PASSES; p++)
        log_print(" %9s %8s", "ms", "GFLOP/s");
    log_print("\n");
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        log_print("  %-14.14s %-11s", layer->name, layer->ops->type);
        for (size_t p = 0; p < LAYER_PASSES; p++) {
            totals[p] += times[i].seconds[p];
            print_time(times[i].seconds[p], operations(layer, n));
        }
        log_print("\n");
    }
    log_print("  %-14s %-11s", "all", "");
    for (size_t p = 0; p < LAYER_PASSES; p++)
        print_time(totals[p], 0);
    log_print("\n");
}

struct loss {
    const struct layer *layer;
    size_t pass;
    double seconds, lost;
};

/* Keeps the greatest, in order. */
static void note(struct loss losses[LOSSES_SHOWN], struct loss loss)
{
    for (size_t k = 0; k < LOSSES_SHOWN; k++) {
        struct loss held = losses[k];
        if (loss.lost <= held.lost)
            continue;
        losses[k] = loss;
        loss = held;
    }
}

void layer_times_print_losses(const struct network *network, const struct layer_times *times, size_t n,
                              double peak)
{
    struct loss losses[LOSSES_SHOWN] = {0};
    double seconds = 0, flop = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        for (size_t p = 0; p < LAYER_PASSES; p++) {
            double taken = times[i].seconds[p], work = taken > 0 ? operations(layer, n) : 0;
            seconds += taken;
            flop += work;
            note(losses, (struct loss){layer, p, taken, fmax(taken - work / peak, 0)});
        }
    }
    if (seconds <= 0)
        return;
    log_print("the layers reach %.0f %% of the peak, which is %.1f GFLOP/s%s on %d thread%s; what holds them "
              "back most:\n\n",
              100 * flop / seconds / peak, peak / 1e9, network->layers[0].bf16 ? " in float32" : "",
              network->threads, network->threads > 1 ? "s" : "");
    log_print("  %-14s %-15s %9s %14s %16s\n", "layer", "pass", "ms", "share of peak", "ms above peak");
    for (size_t k = 0; k < LOSSES_SHOWN && losses[k].lost > 0; k++) {
        const struct loss *l = &losses[k];
        double work = operations(l->layer, n);
        log_print("  %-14.14s %-15s %9.3f", l->layer->name, pass_names[l->pass], 1e3 * l->seconds);
        if (work > 0)
            log_print(" %12.0f %%", 100 * work / l->seconds / peak);
        else
            log_print(" %14s", "-");
        log_print(" %16.3f\n", 1e3 * l->lost);
    }
    log_print("\n");
}
