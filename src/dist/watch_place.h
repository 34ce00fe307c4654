#pragma once
/* Where a rank is in its work, in one word, so that one store tells it: the step, how many times the rank has
 * begun to wait for the others in this step, and the phase. Pure arithmetic.
 *
 * All ranks wait for each other the same number of times in a step, so that (step, waits) says who has come
 * how far, whatever the order of the phases: a rank that writes a checkpoint between two steps is behind
 * those that wait in the next one, and so is one that has not finished reading. */
#include <stdbool.h>
#include <stdint.h>

enum watch_phase {
    WATCH_START, /* where every rank begins */
    WATCH_READ,
    WATCH_FORWARD,
    WATCH_BACKWARD,
    WATCH_UPDATE,
    WATCH_EVALUATE,
    WATCH_CHECKPOINT,
    WATCH_REDUCE, /* from here on: phases in which a rank waits for the others */
    WATCH_AGREE,
    WATCH_END,
    WATCH_PHASES
};

/* "forward" */
const char *watch_phase_name(enum watch_phase phase);

/* Whether a rank that is in this phase waits for the others. */
bool watch_phase_waits(enum watch_phase phase);

/* The place of a rank that was at `place` (0: at its start) and enters a phase of a step below 2^34. Entering
 * the same phase once more gives another place. Of more than 2^18 - 1 waits in a step the rest is not
 * counted. */
uint64_t watch_place_enter(uint64_t place, enum watch_phase phase, uint64_t step);

/* The place of a rank that was at `place`, where it waited for some of the others, and enters a phase that
 * does not wait: a wait that not all ranks have does not count. */
uint64_t watch_place_forget(uint64_t place, enum watch_phase phase);

enum watch_phase watch_place_phase(uint64_t place);
uint64_t watch_place_step(uint64_t place);
bool watch_place_waits(uint64_t place);

/* How far a rank has come: the larger, the farther. A rank that waits waits for those with less. */
uint64_t watch_place_progress(uint64_t place);
