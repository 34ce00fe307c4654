#pragma once
/* A block of memory taken once and handed out in slices: nothing is freed one by one, nothing is taken in a
 * training step. Slices are aligned for the widest vectors and for cache lines. A block of 2 MiB or more
 * begins where a huge page does, and asks the system for such pages. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { ARENA_ALIGNMENT = 64 };

struct arena { /* zero-initialised is a valid, empty arena */
    unsigned char *base;
    size_t size, used; /* bytes */
    bool counts_only;
};

/* Bytes that a slice of `bytes` takes: rounded up to the alignment. */
size_t arena_round(size_t bytes);

/* Fails where the machine does not have so much memory in all: the system would promise it, and kill the
 * process later. For what several arenas take together; arena_create looks at its own. */
enum status arena_check(size_t bytes, const char *what);

/* Takes `bytes`, zeroed; `what` names them in the message for want of memory. The arena owns them until
 * arena_destroy. */
enum status arena_create(struct arena *arena, size_t bytes, const char *what);

/* An arena that only counts: slices are NULL, `used` tells what a real one must hold. */
struct arena arena_counter(void);

/* The next slice, zeroed, borrowed from the arena; NULL where `bytes` is 0. Asking for more than is left is
 * our own fault and ends the program. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* Frees everything; every slice is gone. Does nothing to an empty arena. */
void arena_destroy(struct arena *arena);
