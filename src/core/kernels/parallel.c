#include "core/kernels/parallel.h"

#include <omp.h>
#include <stdatomic.h>

enum { RANGES_MAX = 128, CACHE_LINE = 64 };

/* A contiguous part of the tasks, on a cache line of its own. */
struct range {
    _Alignas(CACHE_LINE) atomic_size_t next;
    size_t end;
};

static void range_run(struct range *range, parallel_task *task, const void *work, size_t thread)
{
    size_t i = atomic_load_explicit(&range->next, memory_order_relaxed);
    while (i < range->end &&
           (i = atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed)) < range->end)
        task(work, i, thread);
}

void parallel_for(size_t count, int threads, parallel_task *task, const void *work)
{
    if (threads == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++)
            task(work, i, 0);
        return;
    }
    size_t parts = threads < RANGES_MAX ? (size_t)threads : RANGES_MAX;
    struct range ranges[RANGES_MAX];
    for (size_t part = 0; part < parts; part++) {
        atomic_init(&ranges[part].next, count * part / parts);
        ranges[part].end = count * (part + 1) / parts;
    }
#pragma omp parallel num_threads(threads)
    {
        size_t thread = (size_t)omp_get_thread_num();
        for (size_t i = 0; i < parts; i++)
            range_run(&ranges[(thread * parts / (size_t)threads + i) % parts], task, work, thread);
    }
}
