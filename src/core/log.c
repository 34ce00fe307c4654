#include "core/log.h"

#include "core/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    int rank;
    const char *host;
} self = {0, "localhost"};

void log_set_rank(int rank, const char *host)
{
    self.rank = rank;
    self.host = host;
}

bool log_is_speaker(void)
{
    return self.rank == 0;
}

void log_print(const char *format, ...)
{
    if (!log_is_speaker())
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

static void log_line(const char *kind, const char *format, va_list args)
{
    char text[4096], shown[4096]; /* one write per line, so that lines of several ranks do not mix */
    vsnprintf(text, sizeof text, format, args);
    text_visible(shown, sizeof shown, text);
    fflush(stdout);
    if (self.rank > 0)
        fprintf(stderr, "%s (rank %d on %s): %s\n", kind, self.rank, self.host, shown);
    else
        fprintf(stderr, "%s: %s\n", kind, shown);
}

void log_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line("warning", format, args);
    va_end(args);
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line("error", format, args);
    va_end(args);
}

enum status log_finish(enum status status)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (failed && !status)
        return status_set(STATUS_INTERNAL, "cannot write to standard output: %s", strerror(errno));
    return status;
}
