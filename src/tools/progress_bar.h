#pragma once
/* A bar on a terminal for work whose length is known. */
#include <stddef.h>

struct progress_bar {
    const char *what; /* "images" */
    double drawn;     /* clock_seconds of the last drawing; 0: none yet */
};

/* Draws at most ten times a second, and nothing where standard output is no terminal; takes the bar away when
 * done = total. `bar` is a struct progress_bar: of the type that callbacks have. */
void progress_bar_show(void *bar, size_t done, size_t total);
