#include "core/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 * 1024 * 1024 };

size_t arena_round(size_t bytes)
{
    return (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
}

static size_t physical_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : SIZE_MAX / 2;
}

enum status arena_check(size_t bytes, const char *what)
{
    return bytes > physical_memory() ? status_no_memory(what, bytes) : STATUS_OK;
}

enum status arena_create(struct arena *arena, size_t bytes, const char *what)
{
    *arena = (struct arena){0};
    if (bytes == 0)
        return STATUS_OK;
    enum status status = arena_check(bytes, what);
    if (status)
        return status;
    size_t size = arena_round(bytes), alignment = size < HUGE_PAGE ? ARENA_ALIGNMENT : HUGE_PAGE;
    arena->base = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!arena->base)
        return status_no_memory(what, bytes);
    arena->size = size;
    if (alignment == HUGE_PAGE) /* a wish: where it is not granted, all goes on with small ones */
        madvise(arena->base, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    memset(arena->base, 0, arena->size);
    return STATUS_OK;
}

struct arena arena_counter(void)
{
    return (struct arena){.counts_only = true};
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t rounded = arena_round(bytes);
    if (rounded == 0)
        return NULL;
    if (arena->counts_only) {
        arena->used = rounded > SIZE_MAX - arena->used ? SIZE_MAX : arena->used + rounded;
        return NULL;
    }
    if (rounded > arena->size - arena->used) {
        fprintf(stderr, "internal error: an arena of %zu bytes was planned too small\n", arena->size);
        abort();
    }
    void *slice = arena->base + arena->used;
    arena->used += rounded;
    return slice;
}

void arena_destroy(struct arena *arena)
{
    free(arena->base);
    *arena = (struct arena){0};
}
