#pragma once
/* One row per thing that a user can set: the configuration's keys and the layers' options are tables of
 * these, and parsing, checking, --help-config and the reference in docs/ come from the same rows. */
#include "core/shape.h"
#include "core/status.h"

#include <stddef.h>

enum option_kind {                /* what the field at `offset` is */
                   OPTION_SIZE,   /* size_t in [min, max] */
                   OPTION_UINT64, /* uint64_t, any */
                   OPTION_REAL,   /* double in [min, max] */
                   OPTION_BOOL,   /* bool: yes or no (true, false, on, off, 1, 0 are taken too) */
                   OPTION_CHOICE, /* int: the index of the word in `choices`, which is "first|second|..." */
                   OPTION_TEXT,   /* char[OPTION_TEXT_MAX] */
                   OPTION_PAIR,   /* struct pair: "3" for both or "3x5" for height x width, each in [min, max]
                                   */
                   OPTION_PADDING,  /* struct padding: same, valid, "1" or "1x2" */
                   OPTION_SHAPE,    /* struct shape: "28x28x1" or "28x28" (one channel); "" is 0x0x0 */
                   OPTION_INTERVAL, /* struct interval: "1 epoch", "500 steps", "10 minutes", in [min, max];
                                       "3": epochs; "0": never */
};

enum { OPTION_TEXT_MAX = 1024 };

/* Whether what exists already, a run that is resumed, may go on with another value. */
enum option_change {
    CHANGE_FREE,
    CHANGE_ASKED, /* where the user says that it is meant */
    CHANGE_NEVER,
};

struct pair {
    size_t h, w;
};

struct padding {
    bool same;         /* output size = ceil(input / stride); what does not divide evenly is put at the end */
    struct pair sides; /* otherwise: rows above and below, columns left and right */
};

enum interval_unit { INTERVAL_EPOCHS, INTERVAL_STEPS, INTERVAL_MINUTES };

struct interval {
    double count; /* 0: never; whole but for minutes */
    enum interval_unit unit;
};

struct option {
    const char *section; /* of the INI file; NULL in a layer's table */
    const char *name;
    enum option_kind kind;
    size_t offset;        /* of the field in the structure that the table describes */
    const char *fallback; /* the default, as a user would write it; NULL: must be given. "" of a size: 0,
                             which then says that it was not given, and need not be in the range; of
                             a real: NAN likewise */
    double min, max;      /* of numbers; both 0: any */
    const char *choices;  /* of OPTION_CHOICE */
    const char *help;     /* one line */
    enum option_change change;
};

/* Number of rows of a table in the same file. */
#define OPTION_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The row of that name (and section, where rows have one), or NULL. */
const struct option *option_find(const struct option *table, size_t count, const char *section,
                                 const char *name);

/* Parses `text` into the field of `base`. STATUS_USAGE with a message such as "kernel = 0: expected N or
 * HEIGHTxWIDTH, whole numbers from 1 to 1024": it names the option, not the place, which the caller puts in
 * front. */
enum status option_parse(const struct option *option, const char *text, void *base);

/* Gives every row with a default its default. The table's defaults must parse. */
enum status option_defaults(const struct option *table, size_t count, void *base);

/* The field's present value as a user would write it, such that option_parse gives the same back. */
void option_format(const struct option *option, const void *base, char out[OPTION_TEXT_MAX]);

/* What may stand there: "a number from 0 to 1", "yes or no", "one of sgd, adam". */
void option_domain(const struct option *option, char out[OPTION_TEXT_MAX]);
