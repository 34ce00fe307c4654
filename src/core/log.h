#pragma once
/* What the program says while it runs. Rank 0 speaks for the job; a warning may come from any rank.
 *
 * The rank is set once at start: beside the status message, the one mutable state of src/core.
 */
#include "core/status.h"

#include <stdbool.h>

/* Who this process is: rank 0 to size-1, and its host, which warnings of other ranks name. `host` is borrowed
 * and must outlive every later call. Before the first call: rank 0 of 1. */
void log_set_rank(int rank, int size, const char *host);

/* True on the rank that prints. */
bool log_is_speaker(void);

/* To standard output, rank 0 only; flushed. No newline is added. */
void log_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* To standard error, as "warning: ...\n"; where there are several ranks, "warning (rank 3 on host): ...\n".
 */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* To standard error, as "error: ...\n", with the rank as above. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* At the end of a program: STATUS_INTERNAL where not all of standard output could be written, a full disk for
 * instance; else `status`. */
enum status log_finish(enum status status);
