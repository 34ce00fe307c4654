#include "core/kernels/parallel.h"

#include <omp.h>

void parallel_for(size_t count, int threads, parallel_task *task, const void *work)
{
    if (threads == 1 || count == 1) {
        for (size_t i = 0; i < count; i++)
            task(work, i, 0);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < count; i++)
        task(work, i, (size_t)omp_get_thread_num());
}
