#include "support/allocations.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static atomic_bool counting;
static atomic_size_t count;

void allocations_start(void)
{
    atomic_store(&count, 0);
    atomic_store(&counting, true);
}

size_t allocations_stop(void)
{
    atomic_store(&counting, false);
    return atomic_load(&count);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
bool allocations_are_counted(void)
{
    return false;
}
#else
/* glibc's own, to which the functions below hand on. They stand before it in every library of the process. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

bool allocations_are_counted(void)
{
    return true;
}

static void note(const void *caller)
{
    Dl_info info;
    if (!atomic_load(&counting))
        return;
    if (dladdr(caller, &info) && strstr(info.dli_fname, "libgomp"))
        return;
    atomic_fetch_add(&count, 1);
}

void *malloc(size_t size)
{
    note(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    note(__builtin_return_address(0));
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
    note(__builtin_return_address(0));
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size)
{
    note(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    note(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    note(__builtin_return_address(0));
    void *memory = __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *block = memory;
    return 0;
}
#endif
