#include "tools/threads.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define SPIN_COUNT "2000" /* some microseconds */

/* libgomp has bound this thread to the first of its places by now, where it has any (OMP_PROC_BIND,
 * OMP_PLACES). The program that starts anew must be free to run on all of them. */
static void unbind(void)
{
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int place = 0; place < omp_get_num_places(); place++) {
        int count = omp_get_place_num_procs(place), *ids = malloc((size_t)count * sizeof *ids);
        if (ids)
            omp_get_place_proc_ids(place, ids);
        for (int i = 0; ids && i < count; i++)
            if (ids[i] < CPU_SETSIZE)
                CPU_SET((size_t)ids[i], &all);
        free(ids);
    }
    if (CPU_COUNT(&all))
        sched_setaffinity(0, sizeof all, &all);
}

void threads_prepare(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    char path[4096]; /* by its name, which is the one that ps and top show */
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || setenv("GOMP_SPINCOUNT", SPIN_COUNT, 1))
        return;
    path[length] = 0;
    unbind();
    execv(path, argv);
}
