#pragma once
/* Counts what is taken from the heap by our own code and by libraries that it calls, such as OpenBLAS. Not
 * counted is what GCC's OpenMP run-time takes for itself: it makes and frees a structure of 1.5 KB for every
 * region of one thread. */
#include <stdbool.h>
#include <stddef.h>

/* False, and nothing is counted, under AddressSanitizer, which has an allocator of its own, and with Clang,
 * whose OpenMP run-time lets libc allocate for it. */
bool allocations_are_counted(void);

/* Calls of malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign between start and stop, in all
 * threads. */
void allocations_start(void);
size_t allocations_stop(void);

/* Likewise, but only what the program itself calls on this thread, our code and the test's, and not its
 * libraries: MPI takes memory for its messages as it likes, and a thread that writes files for its own. */
void allocations_start_own(void);
