#pragma once
/* Counts what is taken from the heap by our own code and by libraries that it calls. Not counted is what two
 * of them take and give back within a call, which we cannot change: GCC's OpenMP run-time makes a structure
 * of 1.5 KB for every region of one thread, and OpenBLAS 0.3.21 on processors with AVX-512 a buffer for small
 * products whose width is no multiple of 16. */
#include <stdbool.h>
#include <stddef.h>

/* False, and nothing is counted, under AddressSanitizer, which has an allocator of its own, and with Clang,
 * whose OpenMP run-time lets libc allocate for it. */
bool allocations_are_counted(void);

/* Calls of malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign between start and stop, in all
 * threads. */
void allocations_start(void);
size_t allocations_stop(void);
