#include "support/allocations.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static atomic_bool counting, own_only;
static pthread_t owner; /* the thread that own_only counts */
static atomic_size_t count;

static void start(bool own)
{
    atomic_store(&count, 0);
    owner = pthread_self();
    atomic_store(&own_only, own);
    atomic_store(&counting, true);
}

void allocations_start(void)
{
    start(false);
}

void allocations_start_own(void)
{
    start(true);
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

/* Whose calls are not counted: those of libgomp, and with own_only those of every library. */
static bool let_pass(const void *caller)
{
    Dl_info theirs, ours;
    if (!dladdr(caller, &theirs))
        return false;
    if (atomic_load(&own_only) && dladdr(&count, &ours))
        return theirs.dli_fbase != ours.dli_fbase || !pthread_equal(pthread_self(), owner);
    return strstr(theirs.dli_fname, "libgomp") != NULL;
}

static void note(const void *caller)
{
    if (atomic_load(&counting) && !let_pass(caller))
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
