#pragma once
/* The watch over ranks that do not arrive. MPI waits for ever, and in silence, for a rank that is stopped,
 * hangs in a read, or cannot be reached. So each rank has a thread that knows where its rank is, tells it to
 * the other ranks' threads (dist/gossip.h) whatever the rank itself is doing, and says who is missing when
 * its rank has waited for long (dist/watch_report.h).
 *
 * Needs MPI_THREAD_MULTIPLE; without, or with one rank, nothing is watched and there is no thread. Time in
 * which a whole process stood still does not count, so that a job may be suspended. */
#include "core/status.h"
#include "dist/comm.h"
#include "dist/watch_place.h"

#include <stdint.h>

struct watcher;

struct watch {
    _Atomic uint64_t place;
    struct watcher *watcher; /* NULL: nobody watches */
};

/* Collective. Ranks that wait for others longer than `warn` seconds have it said on standard error who has
 * not arrived, with its host, and where it was last; after `abort_after` seconds the job is ended with exit
 * code STATUS_INTERNAL. Zero: never. The rank is in WATCH_START of step 0. All ranks fail, or none. */
enum status watch_create(struct watch *watch, const struct comm *comm, double warn, double abort_after);

/* Collective, and waits for the others, which is watched as well. */
void watch_destroy(struct watch *watch);

/* From here on this rank is in `phase` of a step, which is named as people count them: from 1, and 0 before
 * the first. Costs nothing worth mentioning. The steps of a rank never go back, and in each step all ranks
 * enter phases that wait (see watch_phase_waits) equally often; such a phase ends with entering another. To
 * be called by one thread at a time. */
void watch_phase(struct watch *watch, enum watch_phase phase, uint64_t step);

/* Another phase of the same step. NULL: nobody watches. */
void watch_enter(struct watch *watch, enum watch_phase phase);

/* Between the two the rank waits for the others (WATCH_AGREE), and is then where it was before, which the
 * first returns and the second is given. NULL: nobody watches. To be called by one thread at a time, as
 * watch_phase. */
enum watch_phase watch_wait_begin(struct watch *watch);
void watch_wait_end(struct watch *watch, enum watch_phase before);

/* In place of watch_wait_end, where not all ranks waited but those of a host, say: the wait is not counted.
 */
void watch_wait_forget(struct watch *watch, enum watch_phase before);
