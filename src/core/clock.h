#pragma once

/* Seconds on a clock that does not jump, from some time in the past. Safe in signal handlers. */
double clock_seconds(void);
