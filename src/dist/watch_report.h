#pragma once
/* When a rank says what of a stall, and when it ends the job. Pure: no clock, and nothing is printed. */
#include "dist/watch_table.h"

#include <stddef.h>

/* Seconds by which other ranks than the speaker end a job later, should it fail to. */
enum { WATCH_ABORT_GRACE = 5 };

struct watch_report {
    double warn, abort_after; /* seconds a wait may take; 0: any number */
    const char *const *hosts; /* (ranks), borrowed */

    /* the running wait; all zero: none */
    uint64_t place;
    double next;   /* how long it must take for the next warning */
    double waited; /* how long it takes by now */
    bool speaker;  /* this rank is, or was when abort_after was over */
    bool warned;
    size_t culprits; /* of the last warning */
    struct watch_culprit worst;
};

enum watch_action {
    WATCH_QUIET,
    WATCH_WARN,      /* the lines of watch_report_line are to be said */
    WATCH_RECOVERED, /* a wait is over that was warned of: watch_report_recovery */
    WATCH_ABORT,     /* the lines and watch_report_end are to be said, and the job is to be ended */
};

/* What to do, to be asked many times in `warn` seconds; `table` is as it was judged. The speaker warns of a
 * wait that has taken warn, 2 warn, 4 warn, ... seconds; a rank that begins to wait later than others takes
 * it that they have warned. */
enum watch_action watch_report_next(struct watch_report *report, const struct watch_table *table,
                                    const struct watch_verdict *verdict);

enum { WATCH_TEXT_MAX = 1024 };

/* Line 0, 1, ... of what is to be said of a stall: the worst culprits, each with what is known of it, and how
 * many more there are. False: that was all. */
bool watch_report_line(const struct watch_report *report, const struct watch_table *table,
                       const struct watch_verdict *verdict, double now, size_t line,
                       char text[WATCH_TEXT_MAX]);

/* The last line of a job that is ended, with what to do. */
void watch_report_end(const struct watch_report *report, char text[WATCH_TEXT_MAX]);

/* After WATCH_RECOVERED. */
void watch_report_recovery(const struct watch_report *report, char text[WATCH_TEXT_MAX]);
