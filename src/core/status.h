#pragma once
/* One status type and one readable message for everything that can fail.
 *
 * A function that can fail returns `enum status`. Whoever notices the failure writes the message, with
 * status_set, and returns what that returns; callers pass it on, at most putting words in front of it. `main`
 * prints the message once and exits with the status as exit code.
 *
 * The message lives in thread-local storage: beside the log's rank, the one mutable state of src/core.
 */

/* The values are the program's exit codes. */
enum status {
    STATUS_OK = 0,
    STATUS_INTERNAL = 1,   /* our own fault, or no memory */
    STATUS_USAGE = 2,      /* command line or configuration */
    STATUS_DATA = 3,       /* dataset: missing, damaged, of the wrong shape */
    STATUS_CHECKPOINT = 4, /* checkpoint or output folder: cannot be read, written, or does not fit */
    STATUS_DIVERGED = 5,   /* loss or gradient is not finite */
    STATUS_STOPPED = 85,   /* stopped on request, checkpoint written: run again */
};

/* Longest message, including the terminating zero; longer ones are cut. */
enum { STATUS_MESSAGE_MAX = 2048 };

/* Replaces this thread's message and returns `code`, so that a failure is one line: return status_set(...).
 */
enum status status_set(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts words in front of this thread's message and returns `code`; does nothing to the message when code is
 * OK. */
enum status status_prefix(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* This thread's message, without a newline at its end; "" before the first failure. Valid until the next call
 * of status_set or status_prefix on the same thread. */
const char *status_message(void);

/* STATUS_INTERNAL with "no memory for <what> (<size>)". */
enum status status_no_memory(const char *what, unsigned long long bytes);
