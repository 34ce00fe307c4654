#pragma once
/* Threads for a kernel's tasks. Every task writes to memory of its own, so that the results do not depend on
 * who does what. */
#include <stddef.h>

/* Task `index` of `work`; `thread` numbers who does it, 0 .. threads-1. */
typedef void parallel_task(const void *work, size_t index, size_t thread);

/* All tasks 0 .. count-1: every thread begins with a contiguous part of them (of more than 128 threads, some
 * share one), so that what is cut by images finds an image's data in the cache of the core that wrote them;
 * who is through helps the others. One thread, or one task, is the caller itself, at no cost: that is how a
 * kernel runs within another's task. */
void parallel_for(size_t count, int threads, parallel_task *task, const void *work);

/* Numbers of an array: with fewer a parallel region costs more than it saves. */
enum { PARALLEL_MIN = 16 * 1024 };

/* So many tasks are enough for threads to help each other; a kernel cuts its work into as many where it can.
 */
static inline size_t parallel_enough(int threads)
{
    return threads > 1 ? 4 * (size_t)threads : 1;
}
