#pragma once
/* What one rank knows of all ranks, how that spreads, and who holds the others up. Pure: times are seconds of
 * the rank's own clock and come as arguments.
 *
 * Each rank counts its own beats and tells its whole table to the ranks 1, 2, 4, ... above it; of two entries
 * for a rank the one with the later beat is the newer. What a rank does is so known to all after at most
 * log2(ranks) tellings (Hensgen, Finkel and Manber, Two algorithms for barrier synchronization, 1988: the
 * dissemination barrier). As clocks of ranks have nothing in common, entries travel with ages. */
#include "dist/watch_place.h"

#include <stddef.h>

/* One rank, as told to another. */
struct watch_entry {
    uint64_t place;
    uint32_t beat;
    uint32_t place_age; /* ms for which the rank was there when it was told */
    uint32_t heard_age; /* ms since the rank's beat */
    int32_t deaf;       /* a rank that messages from this one do not reach; -1: none known */
};

/* One rank, as known here. */
struct watch_known {
    uint64_t place;
    double since, heard; /* when it came there, and when it last gave a sign of life */
    uint32_t beat;
    int32_t deaf;
};

struct watch_table {
    struct watch_known *known; /* (size), owned */
    int rank, size;
    double silence; /* a rank that gave no sign of life for longer is silent; may change */
};

/* False: no memory, and the table is empty. At the time `now` every rank is taken to be alive, and at its
 * start. */
bool watch_table_create(struct watch_table *table, int rank, int size, double now);
void watch_table_destroy(struct watch_table *table);

/* This rank's own beat. `deaf` as in the entry. */
void watch_table_beat(struct watch_table *table, uint64_t place, int deaf, double now);

/* Entries of the ranks first .. first+count-1, as they are to be told; and taking in what was told. */
void watch_table_tell(const struct watch_table *table, int first, int count, double now,
                      struct watch_entry *entries);
void watch_table_hear(struct watch_table *table, int first, int count, double now,
                      const struct watch_entry *entries);

bool watch_table_silent(const struct watch_table *table, int rank, double now);

/* Who is told: the number of partners, floor(log2(size - 1)) + 1, and the distance to each, 2^partner. */
int watch_partners(int size);
int watch_partner_to(int rank, int size, int partner);
int watch_partner_from(int rank, int size, int partner);

enum watch_kind {
    WATCH_BEHIND, /* has not come as far as those that wait; silent or not */
    WATCH_SILENT, /* has come as far, or farther, and gives no sign of life any more */
    WATCH_ASTRAY, /* has come as far, and waits in another phase: the ranks do not do the same */
    WATCH_LINK,   /* is alive, and so is the one that it does not reach */
};

struct watch_culprit {
    enum watch_kind kind;
    int rank;
};

enum { WATCH_CULPRITS_MAX = 4 };

/* A stall as it looks from here. */
struct watch_verdict {
    bool waiting;    /* this rank waits; if not, the rest is empty */
    bool speaker;    /* the lowest living rank that waits: the one to tell */
    double waited;   /* seconds for which the first of the ranks that wait where this one does has done so */
    size_t culprits; /* all of them; the worst come first: by kind, farthest behind first */
    struct watch_culprit worst[WATCH_CULPRITS_MAX];
};

struct watch_verdict watch_table_judge(const struct watch_table *table, double now);
