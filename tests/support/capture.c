#include "support/capture.h"

#include "support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static int before = -1, errors_before = -1;

static int redirect(int stream, const char *name)
{
    int file = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), old = dup(stream);
    assert_true(file >= 0 && old >= 0);
    dup2(file, stream);
    close(file);
    return old;
}

static char *restore(int stream, int old, const char *name)
{
    dup2(old, stream);
    close(old);
    return scratch_read(scratch_path(name), NULL);
}

void capture_start(void)
{
    fflush(stdout);
    before = redirect(STDOUT_FILENO, "stdout");
}

char *capture_stop(void)
{
    fflush(stdout);
    return restore(STDOUT_FILENO, before, "stdout");
}

void capture_errors_start(void)
{
    errors_before = redirect(STDERR_FILENO, "stderr");
}

char *capture_errors_stop(void)
{
    return restore(STDERR_FILENO, errors_before, "stderr");
}
