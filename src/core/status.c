#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[STATUS_MESSAGE_MAX];

enum status status_set(enum status code, const char *format, ...)
{
    char text[STATUS_MESSAGE_MAX]; /* an argument may point into the message itself */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    return code;
}

enum status status_prefix(enum status code, const char *format, ...)
{
    if (code == STATUS_OK)
        return code;
    char text[STATUS_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (used < 0)
        used = 0;
    if ((size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, "%s", message);
    memcpy(message, text, sizeof message);
    return code;
}

const char *status_message(void)
{
    return message;
}

enum status status_no_memory(const char *what, unsigned long long bytes)
{
    return status_set(STATUS_INTERNAL, "no memory for %s (%.1f MiB)", what, (double)bytes / (1 << 20));
}
