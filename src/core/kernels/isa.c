#include "core/kernels/isa.h"

#include "core/kernels/bf16.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <stdlib.h>
#include <string.h>

extern const struct tile_kernel tile_portable, tile_bf16_portable;

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
extern const struct tile_kernel tile_x86_64_v4, tile_x86_64_v3, tile_x86_64_v2, tile_bf16_avx512;

/* What compilers have no name for: bits of ecx (Intel's manual, CPUID; AMD's, for the extended leaf). */
static bool has_bits(unsigned leaf, unsigned bits)
{
    unsigned a, b, c, d;
    return __get_cpuid(leaf, &a, &b, &c, &d) && (c & bits) == bits;
}

/* The levels of the x86-64 psABI, which -march takes. */
static bool has_v2(void)
{
    enum { CMPXCHG16B = 1 << 13 };
    return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
           __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") && has_bits(1, CMPXCHG16B);
}

static bool has_v3(void)
{
    enum { MOVBE = 1 << 22, F16C = 1 << 29, LZCNT = 1 << 5 };
    return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && has_bits(1, MOVBE | F16C) &&
           has_bits(0x80000001, LZCNT);
}

static bool has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

static const struct {
    const struct tile_kernel *kernel;
    bool (*supported)(void);
} kernels[] = {
#ifdef __x86_64__
    {&tile_x86_64_v4, has_v4},
    {&tile_x86_64_v3, has_v3},
    {&tile_x86_64_v2, has_v2},
#endif
    {&tile_portable, always},
};

const struct tile_kernel *isa_kernel(size_t i)
{
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
        if (kernels[k].supported() && i-- == 0)
            return kernels[k].kernel;
    return NULL;
}

const struct tile_kernel *isa_choose(void)
{
    const char *name = getenv("CNN_ISA");
    if (!name || !*name)
        return isa_kernel(0);
    const struct tile_kernel *kernel;
    for (size_t i = 0; (kernel = isa_kernel(i)) != NULL; i++)
        if (!strcmp(kernel->name, name))
            break;
    return kernel;
}

bool bf16_is_fast(void)
{
#ifdef __x86_64__
    return isa_choose() == &tile_x86_64_v4 && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

const struct tile_kernel *bf16_kernel(void)
{
#ifdef __x86_64__
    if (bf16_is_fast())
        return &tile_bf16_avx512;
#endif
    return &tile_bf16_portable;
}
