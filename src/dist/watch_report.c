#include "dist/watch_report.h"

#include <math.h>
#include <stdio.h>

/* The next of warn, 2 warn, 4 warn, ... */
static double next_warning(double warn, double waited)
{
    if (warn <= 0)
        return INFINITY;
    double next = warn;
    while (next <= waited)
        next *= 2;
    return next;
}

enum watch_action watch_report_next(struct watch_report *report, const struct watch_table *table,
                                    const struct watch_verdict *verdict)
{
    uint64_t place = verdict->waiting ? table->known[table->rank].place : 0;
    if (place != report->place && report->warned) {
        report->warned = false;
        report->place = 0;
        return WATCH_RECOVERED;
    }
    if (place != report->place) {
        report->place = place;
        report->next = next_warning(report->warn, verdict->waited);
        report->speaker = verdict->speaker;
    }
    if (verdict->waited < report->abort_after)
        report->speaker = verdict->speaker;
    report->waited = verdict->waited;
    if (!verdict->waiting)
        return WATCH_QUIET;
    double grace = report->speaker ? 0 : WATCH_ABORT_GRACE;
    if (report->abort_after > 0 && verdict->waited >= report->abort_after + grace)
        return WATCH_ABORT;
    if (!verdict->speaker || verdict->waited < report->next)
        return WATCH_QUIET;
    report->next = next_warning(report->warn, verdict->waited);
    report->warned = true;
    report->culprits = verdict->culprits;
    report->worst = verdict->worst[0];
    return WATCH_WARN;
}

struct words {
    char text[128];
};

/* "61 s", "0.4 s" */
static struct words seconds_text(double seconds)
{
    struct words words;
    snprintf(words.text, sizeof words.text, "%.*f s", seconds < 9.95, seconds);
    return words;
}

/* "phase forward of step 12" */
static struct words place_text(uint64_t place)
{
    struct words words;
    const char *phase = watch_phase_name(watch_place_phase(place));
    unsigned long long step = watch_place_step(place);
    if (step)
        snprintf(words.text, sizeof words.text, "phase %s of step %llu", phase, step);
    else
        snprintf(words.text, sizeof words.text, "phase %s before the first step", phase);
    return words;
}

/* "rank 3 on node07" */
static int rank_text(const struct watch_report *report, int rank, char *text, size_t size)
{
    return snprintf(text, size, "rank %d on %.255s", rank, report->hosts[rank]);
}

/* What is known of a culprit, put behind its name. */
static void culprit_text(const struct watch_report *report, const struct watch_table *table, double now,
                         struct watch_culprit culprit, char *text, size_t size)
{
    const struct watch_known *known = &table->known[culprit.rank];
    struct words place = place_text(known->place);
    if (culprit.kind == WATCH_LINK) {
        int used = snprintf(text, size, " does not reach ");
        used += rank_text(report, known->deaf, text + used, size - (size_t)used);
        snprintf(text + used, size - (size_t)used,
                 ", though both are alive: the connection between them is down or very slow");
        return;
    }
    const char *arrived = culprit.kind == WATCH_BEHIND   ? "has not arrived"
                          : culprit.kind == WATCH_ASTRAY ? "waits for something else"
                                                         : "had arrived";
    if (watch_table_silent(table, culprit.rank, now))
        snprintf(text, size, " %s, and has given no sign of life for %s; it was in %s", arrived,
                 seconds_text(now - known->heard).text, place.text);
    else
        snprintf(text, size, " %s: in %s for %s, last heard of %s ago", arrived, place.text,
                 seconds_text(now - known->since).text, seconds_text(now - known->heard).text);
}

bool watch_report_line(const struct watch_report *report, const struct watch_table *table,
                       const struct watch_verdict *verdict, double now, size_t line,
                       char text[WATCH_TEXT_MAX])
{
    size_t listed = verdict->culprits < WATCH_CULPRITS_MAX ? verdict->culprits : WATCH_CULPRITS_MAX;
    size_t rest = verdict->culprits - listed;
    size_t size = WATCH_TEXT_MAX;
    if (line > (listed ? listed - (rest == 0) : 0))
        return false;
    size_t used = (size_t)snprintf(text, size, "waiting for %s in %s: ", seconds_text(verdict->waited).text,
                                   place_text(table->known[table->rank].place).text);
    if (listed == 0) {
        snprintf(text + used, size - used,
                 "all ranks have arrived, and none is silent; a connection between two may be down");
    } else if (line < listed) {
        used += (size_t)rank_text(report, verdict->worst[line].rank, text + used, size - used);
        culprit_text(report, table, now, verdict->worst[line], text + used, size - used);
    } else {
        snprintf(text + used, size - used, "and %zu more rank%s", rest, rest == 1 ? "" : "s");
    }
    return true;
}

void watch_report_end(const struct watch_report *report, char text[WATCH_TEXT_MAX])
{
    snprintf(
        text, WATCH_TEXT_MAX,
        "the job is ended, as stall_abort (%s) says; start it again from its last checkpoint, without a host "
        "that does not answer; where a rank was only slow, with a larger stall_abort",
        seconds_text(report->abort_after).text);
}

void watch_report_recovery(const struct watch_report *report, char text[WATCH_TEXT_MAX])
{
    struct words waited = seconds_text(report->waited);
    int used = 0;
    if (report->culprits && report->worst.kind == WATCH_BEHIND) {
        used = rank_text(report, report->worst.rank, text, WATCH_TEXT_MAX);
        size_t left = WATCH_TEXT_MAX - (size_t)used;
        if (report->culprits > 1)
            snprintf(text + used, left, " and %zu more have arrived after %s", report->culprits - 1,
                     waited.text);
        else
            snprintf(text + used, left, " has arrived after %s", waited.text);
    } else {
        snprintf(text, WATCH_TEXT_MAX, "the ranks go on after %s", waited.text);
    }
}
