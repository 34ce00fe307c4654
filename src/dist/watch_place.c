#include "dist/watch_place.h"

/* From the highest bit: 34 of step, 18 of waits, 8 that change at every call, 4 of phase. */
enum { PHASE_BITS = 4, CHANGE_BITS = 8, WAIT_BITS = 18 };
enum { WAITS_MAX = (1 << WAIT_BITS) - 1, CHANGES_MAX = (1 << CHANGE_BITS) - 1 };

static const char *const names[WATCH_PHASES] = {
    [WATCH_START] = "start",           [WATCH_READ] = "read",
    [WATCH_FORWARD] = "forward",       [WATCH_BACKWARD] = "backward",
    [WATCH_UPDATE] = "update",         [WATCH_EVALUATE] = "evaluate",
    [WATCH_CHECKPOINT] = "checkpoint", [WATCH_REDUCE] = "reduce",
    [WATCH_AGREE] = "agree",           [WATCH_END] = "end",
};

const char *watch_phase_name(enum watch_phase phase)
{
    return phase < WATCH_PHASES ? names[phase] : "unknown";
}

bool watch_phase_waits(enum watch_phase phase)
{
    return phase >= WATCH_REDUCE;
}

uint64_t watch_place_enter(uint64_t place, enum watch_phase phase, uint64_t step)
{
    uint64_t waits = watch_place_step(place) == step ? watch_place_progress(place) & WAITS_MAX : 0;
    uint64_t changes = ((place >> PHASE_BITS) + 1) & CHANGES_MAX;
    if (watch_phase_waits(phase) && waits < WAITS_MAX)
        waits++;
    return ((step << WAIT_BITS | waits) << CHANGE_BITS | changes) << PHASE_BITS | (uint64_t)phase;
}

uint64_t watch_place_forget(uint64_t place, enum watch_phase phase)
{
    uint64_t one = (uint64_t)1 << (CHANGE_BITS + PHASE_BITS);
    bool counted = watch_place_waits(place) && (watch_place_progress(place) & WAITS_MAX);
    return watch_place_enter(counted ? place - one : place, phase, watch_place_step(place));
}

enum watch_phase watch_place_phase(uint64_t place)
{
    return (enum watch_phase)(place & ((1 << PHASE_BITS) - 1));
}

uint64_t watch_place_step(uint64_t place)
{
    return watch_place_progress(place) >> WAIT_BITS;
}

bool watch_place_waits(uint64_t place)
{
    return watch_phase_waits(watch_place_phase(place));
}

uint64_t watch_place_progress(uint64_t place)
{
    return place >> (CHANGE_BITS + PHASE_BITS);
}
