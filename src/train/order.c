#include "train/order.h"

#include "core/random.h"

#include <stdlib.h>

enum { WHERE_SAMPLES, WHERE_RUNS, WHERE_WINDOWS }; /* of RANDOM_SHUFFLE */

static enum status create_windows(struct order *o)
{
    const struct order_settings *s = &o->settings;
    o->run_count = (o->count + s->run - 1) / s->run;
    o->window_count = (o->run_count + s->window - 1) / s->window;
    o->runs = malloc(o->run_count * sizeof *o->runs);
    o->window_of = malloc(o->run_count * sizeof *o->window_of);
    o->begins = malloc((o->window_count + 1) * sizeof *o->begins);
    return o->runs && o->window_of && o->begins
               ? STATUS_OK
               : status_no_memory("the order of samples", o->run_count * sizeof *o->runs);
}

enum status order_create(struct order *o, size_t count, const struct order_settings *settings)
{
    *o = (struct order){.count = count, .settings = *settings};
    o->samples = malloc(count * sizeof *o->samples);
    enum status status =
        o->samples ? STATUS_OK : status_no_memory("the order of samples", count * sizeof *o->samples);
    if (!status && settings->window)
        status = create_windows(o);
    if (status)
        order_destroy(o);
    return status;
}

void order_destroy(struct order *o)
{
    free(o->samples);
    free(o->runs);
    free(o->window_of);
    free(o->begins);
    *o = (struct order){0};
}

static void in_file_order(size_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        list[i] = i;
}

/* The samples of one window, from place `begin` on; where it ends. */
static size_t fill_window(struct order *o, uint64_t epoch, size_t window, size_t begin)
{
    const struct order_settings *s = &o->settings;
    size_t end = begin, last = (window + 1) * s->window;
    for (size_t i = window * s->window; i < last && i < o->run_count; i++) {
        size_t first = o->runs[i] * s->run;
        o->window_of[o->runs[i]] = window;
        for (size_t k = first; k < first + s->run && k < o->count; k++)
            o->samples[end++] = k;
    }
    if (s->shuffle) {
        struct random_stream stream =
            random_stream(s->seed, RANDOM_SHUFFLE, WHERE_WINDOWS, (uint32_t)window, (uint32_t)epoch);
        random_shuffle(&stream, end - begin, o->samples + begin);
    }
    return end;
}

static void fill_windows(struct order *o, uint64_t epoch)
{
    in_file_order(o->runs, o->run_count);
    if (o->settings.shuffle) {
        struct random_stream stream =
            random_stream(o->settings.seed, RANDOM_SHUFFLE, WHERE_RUNS, 0, (uint32_t)epoch);
        random_shuffle(&stream, o->run_count, o->runs);
    }
    o->begins[0] = 0;
    for (size_t window = 0; window < o->window_count; window++)
        o->begins[window + 1] = fill_window(o, epoch, window, o->begins[window]);
}

static void fill_whole(struct order *o, uint64_t epoch)
{
    if (o->settings.shuffle) {
        struct random_stream stream =
            random_stream(o->settings.seed, RANDOM_SHUFFLE, WHERE_SAMPLES, 0, (uint32_t)epoch);
        random_permutation(&stream, o->count, o->samples);
    } else {
        in_file_order(o->samples, o->count);
    }
}

const size_t *order_of_epoch(struct order *o, uint64_t epoch)
{
    if (!o->ready || (o->epoch != epoch && o->settings.shuffle)) {
        if (o->settings.window)
            fill_windows(o, epoch);
        else
            fill_whole(o, epoch);
    }
    o->epoch = epoch;
    o->ready = true;
    return o->samples;
}

uint64_t order_window(const struct order *o, size_t sample)
{
    return o->epoch * o->window_count + o->window_of[sample / o->settings.run];
}

/* Runs of window number `window`, which may be one behind the last. */
static size_t runs_of(const struct order *o, size_t window)
{
    size_t first = window * o->settings.window, left = first < o->run_count ? o->run_count - first : 0;
    return left < o->settings.window ? left : o->settings.window;
}

const size_t *order_ahead(const struct order *o, size_t place, size_t *count)
{
    size_t window = 0;
    while (window + 1 < o->window_count && o->begins[window + 1] <= place)
        window++;
    size_t passed = place - o->begins[window], length = o->begins[window + 1] - o->begins[window];
    *count = runs_of(o, window) + (runs_of(o, window + 1) * passed + length - 1) / length;
    return o->runs + window * o->settings.window;
}
