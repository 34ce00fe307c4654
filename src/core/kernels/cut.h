#pragma once
/* Small arithmetic of sizes, and of workspaces. */
#include <stddef.h>

enum { LINE_FLOATS = 16 /* of a cache line */ };

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* a / b, rounded up. */
static inline size_t size_divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Where part i begins when `count` things are cut into `parts` as even as can be. */
static inline size_t size_cut(size_t count, size_t parts, size_t i)
{
    return count / parts * i + size_min(i, count % parts);
}

/* A workspace that is handed out, or only counted where memory is NULL. */
struct workspace {
    char *memory;
    size_t used;
};

static inline void *workspace_take(struct workspace *w, size_t bytes)
{
    void *taken = w->memory ? w->memory + w->used : NULL;
    w->used += size_divide_up(bytes, 64) * 64;
    return taken;
}
