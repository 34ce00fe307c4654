#include "core/denormals.h"

#include <stdint.h>

#if defined __SSE__
#include <xmmintrin.h>
enum { FLUSH_TO_ZERO = 1 << 15, DENORMALS_ARE_ZERO = 1 << 6 }; /* of MXCSR */
#elif defined __aarch64__
enum { FLUSH_TO_ZERO = 1 << 24 }; /* of FPCR */
#endif

void denormals_flush(void)
{
#if defined __SSE__
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#elif defined __aarch64__
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | FLUSH_TO_ZERO));
#endif
}

void denormals_flush_team(int threads)
{
#pragma omp parallel num_threads(threads)
    denormals_flush();
}
