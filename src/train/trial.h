#pragma once
/* Which of two ways to take steps is the faster one here: they are gone in turn, a few steps at a time, and
 * timed. For ways that give the same bits. */
#include <stdbool.h>
#include <stddef.h>

enum {
    TRIAL_BLOCK = 8,   /* steps one way, before it is the other's turn */
    TRIAL_SKIPPED = 2, /* the first of these, which are still under the other's influence */
    TRIAL_BLOCKS = 16, /* of both */
    TRIAL_TIMES = (TRIAL_BLOCK - TRIAL_SKIPPED) * TRIAL_BLOCKS / 2,
};

struct trial { /* zero-initialised has seen nothing yet */
    size_t steps;
    double times[2][TRIAL_TIMES]; /* seconds, of the second way and of the first */
    bool decided, first;          /* first: the way to go from then on */
};

/* Whether the next step is to go the first of the two ways. */
bool trial_is_first(const struct trial *trial);

/* That step took so many seconds. After TRIAL_BLOCK * TRIAL_BLOCKS of them the way with the lower median is
 * chosen, of equals the first. */
void trial_note(struct trial *trial, double seconds);
