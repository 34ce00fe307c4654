#include "core/kernels/parallel.h"

#include "core/kernels/cut.h"

#include <omp.h>
#include <stdatomic.h>

enum { PORTIONS_MAX = 128, CACHE_LINE = 64 };

/* A contiguous part of the tasks, on a cache line of its own. */
struct portion {
    _Alignas(CACHE_LINE) atomic_size_t next;
    size_t end;
};

static void portion_run(struct portion *portion, parallel_task *task, const void *work, size_t thread)
{
    size_t i = atomic_load_explicit(&portion->next, memory_order_relaxed);
    while (i < portion->end &&
           (i = atomic_fetch_add_explicit(&portion->next, 1, memory_order_relaxed)) < portion->end)
        task(work, i, thread);
}

void parallel_for(size_t count, int threads, parallel_task *task, const void *work)
{
    if (threads == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++)
            task(work, i, 0);
        return;
    }
    size_t parts = size_min((size_t)threads, PORTIONS_MAX);
    struct portion portions[PORTIONS_MAX];
    for (size_t part = 0; part < parts; part++) {
        atomic_init(&portions[part].next, size_cut(count, parts, part));
        portions[part].end = size_cut(count, parts, part + 1);
    }
#pragma omp parallel num_threads(threads)
    {
        size_t thread = (size_t)omp_get_thread_num();
        for (size_t i = 0; i < parts; i++)
            portion_run(&portions[(thread * parts / (size_t)threads + i) % parts], task, work, thread);
    }
}
