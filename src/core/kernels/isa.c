#include "core/kernels/isa.h"

#include "core/kernels/bf16.h"

#include <stdlib.h>
#include <string.h>

extern const struct tile_kernel tile_portable, tile_bf16_portable;

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
extern const struct tile_kernel tile_x86_64_v4, tile_x86_64_v3, tile_x86_64_v2, tile_bf16_avx512;

static bool has_v2(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}

static bool has_v3(void)
{
    return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
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
