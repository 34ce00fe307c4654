#pragma once
/* Counts what is taken from the heap, by whomever: our code, OpenBLAS, the OpenMP run-time, libc. */
#include <stddef.h>

/* Calls of malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign so far, of all threads. */
size_t allocation_count(void);
