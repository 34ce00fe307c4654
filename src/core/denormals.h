#pragma once
/* Numbers too small for a float's full precision (denormals: below 1.2e-38). Processors compute with them
 * tens of times slower, and the momentum of a weight that rests decays through them. A thread can be told to
 * take them for zero. */

/* From now on the calling thread's results and operands that are denormal are zero (x86: flush to zero and
 * denormals are zero; AArch64: flush to zero; elsewhere nothing happens). Threads that it starts afterwards
 * inherit it. */
void denormals_flush(void);

/* Likewise for the calling thread and the others of an OpenMP team of so many. */
void denormals_flush_team(int threads);
