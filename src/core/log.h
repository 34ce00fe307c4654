#pragma once
/* What the program says while it runs. Rank 0 speaks for the job; a warning may come from any rank.
 *
 * The rank is set once at start: beside the status message, the one mutable state of src/core.
 */
#include "core/status.h"

#include <stdbool.h>

/* Who this process is: its rank, and its host, which warnings of other ranks than 0 name. `host` is borrowed
 * and must outlive every later call. Before the first call: rank 0. */
void log_set_rank(int rank, const char *host);

/* True on the rank that prints. */
bool log_is_speaker(void);

/* To standard output, rank 0 only; flushed. No newline is added. */
void log_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* To standard error, as "warning: ...\n"; on another rank than 0, "warning (rank 3 on host): ...\n". One
 * line, whatever is in it: see text_visible. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* To standard error, as "error: ...\n", with the rank as above. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* At the end of a program: STATUS_INTERNAL where not all of standard output could be written, a full disk for
 * instance; else `status`. */
enum status log_finish(enum status status);
