#include "tools/threads.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define SPIN_COUNT "2000" /* some microseconds */

void threads_prepare(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    char path[4096]; /* by its name, which is the one that ps and top show */
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || setenv("GOMP_SPINCOUNT", SPIN_COUNT, 1))
        return;
    path[length] = 0;
    execv(path, argv);
}
