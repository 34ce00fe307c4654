#include "train/data_plan.h"

#include "io/host_memory.h"

#include <math.h>
#include <stdint.h>

double data_plan_memory(void)
{
    return 0.5 * host_memory();
}

/* For dataset_scan: images of so many bytes stay in the file, and have `room` there. */
static size_t streamed(double bytes, double room)
{
    return (size_t)fmin(fmax(room, DATA_PLAN_CACHE_MIN), bytes - 1);
}

struct data_plan data_plan_make(double memory, double train, double test, int ranks, bool share)
{
    double copies = share ? 1 : ranks;
    bool all = copies * (train + test) <= memory, keep_test = all || copies * test <= memory / 4,
         keep_train = all || (!keep_test && copies * train <= memory * 3 / 4);
    double kept = copies * ((keep_train ? train : 0) + (keep_test ? test : 0)),
           room = (memory - kept) / ranks;
    struct data_plan plan = {SIZE_MAX, SIZE_MAX, 0};
    if (!keep_train && train > 0) {
        plan.train_limit = streamed(train, room);
        plan.cache = (size_t)fmax(room, DATA_PLAN_CACHE_MIN);
    }
    if (!keep_test && test > 0)
        plan.test_limit = streamed(test, memory / 4 / ranks);
    return plan;
}

double data_plan_window(double cache, double train)
{
    double share = cache / 2 / train, digit = pow(10, floor(log10(share)) - 1);
    return share >= 1 ? 1 : floor(share / digit + 1e-9) * digit;
}

size_t data_plan_window_runs(double window, size_t runs)
{
    size_t whole = (size_t)(window * (double)runs), wanted = whole ? whole : 1;
    return wanted >= runs ? 0 : wanted;
}

size_t data_plan_slots(size_t window_runs, size_t runs)
{
    return window_runs && 2 * window_runs < runs ? 2 * window_runs : runs;
}
