#include "support/capture.h"

#include "support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static int before = -1;

void capture_start(void)
{
    int file = open(scratch_path("stdout"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    fflush(stdout);
    before = dup(STDOUT_FILENO);
    dup2(file, STDOUT_FILENO);
    close(file);
}

char *capture_stop(void)
{
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    return scratch_read(scratch_path("stdout"), NULL);
}
