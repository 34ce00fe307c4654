#include "dist/watch_table.h"

#include <stdlib.h>

bool watch_table_create(struct watch_table *table, int rank, int size, double now)
{
    *table = (struct watch_table){.rank = rank, .size = size, .silence = 1};
    table->known = calloc((size_t)size, sizeof *table->known);
    if (!table->known)
        return false;
    for (int r = 0; r < size; r++)
        table->known[r] = (struct watch_known){.since = now, .heard = now, .deaf = -1};
    return true;
}

void watch_table_destroy(struct watch_table *table)
{
    free(table->known);
    *table = (struct watch_table){0};
}

void watch_table_beat(struct watch_table *table, uint64_t place, int deaf, double now)
{
    struct watch_known *self = &table->known[table->rank];
    if (place != self->place)
        self->since = now;
    self->place = place;
    self->deaf = deaf;
    self->heard = now;
    self->beat++;
}

static uint32_t milliseconds(double seconds)
{
    return seconds < 0 ? 0 : seconds > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)(seconds * 1000);
}

void watch_table_tell(const struct watch_table *table, int first, int count, double now,
                      struct watch_entry *entries)
{
    for (int i = 0; i < count; i++) {
        const struct watch_known *known = &table->known[first + i];
        entries[i] = (struct watch_entry){known->place, known->beat, milliseconds(now - known->since),
                                          milliseconds(now - known->heard), known->deaf};
    }
}

void watch_table_hear(struct watch_table *table, int first, int count, double now,
                      const struct watch_entry *entries)
{
    for (int i = 0; i < count; i++) {
        const struct watch_entry *entry = &entries[i];
        struct watch_known *known = &table->known[first + i];
        if (first + i != table->rank && entry->beat > known->beat)
            *known = (struct watch_known){entry->place, now - entry->place_age / 1000.0,
                                          now - entry->heard_age / 1000.0, entry->beat, entry->deaf};
    }
}

bool watch_table_silent(const struct watch_table *table, int rank, double now)
{
    return rank != table->rank && now - table->known[rank].heard > table->silence;
}

int watch_partners(int size)
{
    int partners = 0;
    while ((int64_t)1 << partners < size)
        partners++;
    return partners;
}

int watch_partner_to(int rank, int size, int partner)
{
    return (int)((rank + ((int64_t)1 << partner)) % size);
}

int watch_partner_from(int rank, int size, int partner)
{
    return (int)((rank + size - ((int64_t)1 << partner)) % size);
}

/* Adds a culprit to the list, which is in order, if it is among the worst. */
static void accuse(const struct watch_table *table, struct watch_verdict *verdict, enum watch_kind kind,
                   int rank)
{
    uint64_t progress = watch_place_progress(table->known[rank].place);
    size_t listed = verdict->culprits < WATCH_CULPRITS_MAX ? verdict->culprits : WATCH_CULPRITS_MAX;
    size_t at = listed;
    for (; at > 0; at--) {
        const struct watch_culprit *other = &verdict->worst[at - 1];
        if (other->kind < kind ||
            (other->kind == kind && watch_place_progress(table->known[other->rank].place) <= progress))
            break;
    }
    verdict->culprits++;
    for (size_t i = listed < WATCH_CULPRITS_MAX ? listed : WATCH_CULPRITS_MAX - 1; i > at; i--)
        verdict->worst[i] = verdict->worst[i - 1];
    if (at < WATCH_CULPRITS_MAX)
        verdict->worst[at] = (struct watch_culprit){kind, rank};
}

struct watch_verdict watch_table_judge(const struct watch_table *table, double now)
{
    const struct watch_known *self = &table->known[table->rank];
    struct watch_verdict verdict = {.waiting = watch_place_waits(self->place), .speaker = true};
    uint64_t progress = watch_place_progress(self->place);
    if (!verdict.waiting)
        return (struct watch_verdict){0};
    double first = self->since;
    for (int r = 0; r < table->size; r++) {
        const struct watch_known *known = &table->known[r];
        uint64_t theirs = watch_place_progress(known->place);
        bool silent = watch_table_silent(table, r, now);
        bool waits = watch_place_waits(known->place);
        if (waits && theirs == progress && known->since < first)
            first = known->since;
        if (waits && !silent && r < table->rank)
            verdict.speaker = false;
        if (theirs < progress)
            accuse(table, &verdict, WATCH_BEHIND, r);
        else if (silent)
            accuse(table, &verdict, WATCH_SILENT, r);
        else if (waits && theirs == progress &&
                 watch_place_phase(known->place) != watch_place_phase(self->place))
            accuse(table, &verdict, WATCH_ASTRAY, r);
        else if (known->deaf >= 0 && !watch_table_silent(table, known->deaf, now))
            accuse(table, &verdict, WATCH_LINK, r);
    }
    verdict.waited = now - first;
    return verdict;
}
