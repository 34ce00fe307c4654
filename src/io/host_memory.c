#include "io/host_memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* The number in a file; infinite where there is none: "max", or no file. */
static double read_limit(const char *path)
{
    double limit;
    FILE *file = fopen(path, "r");
    if (!file)
        return INFINITY;
    int count = fscanf(file, "%lf", &limit);
    fclose(file);
    return count == 1 && limit > 0 ? limit : INFINITY;
}

/* Of the group and all above it, up to the root. */
static double least_limit(const char *root, const char *group, const char *name)
{
    char path[PATH_BYTES], at[PATH_BYTES];
    double least = INFINITY;
    snprintf(at, sizeof at, "%s", group);
    for (;;) {
        int length = snprintf(path, sizeof path, "%s%s/%s", root, at, name);
        if (length > 0 && length < PATH_BYTES)
            least = fmin(least, read_limit(path));
        char *slash = strrchr(at, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* Lines "0::/path" (version 2), and "N:controllers:/path" with memory among the controllers (version 1). */
static double line_limit(char *line, const char *root)
{
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL,
         below[PATH_BYTES];
    if (!group)
        return INFINITY;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (!controllers[1])
        return least_limit(root, group, "memory.max");
    bool memory = false;
    for (char *name = strtok(controllers + 1, ","); name; name = strtok(NULL, ","))
        memory |= !strcmp(name, "memory");
    if (!memory || snprintf(below, sizeof below, "%s/memory", root) >= PATH_BYTES)
        return INFINITY;
    return least_limit(below, group, "memory.limit_in_bytes");
}

double host_memory_limit(const char *groups, const char *root)
{
    char line[PATH_BYTES];
    double least = INFINITY;
    FILE *file = fopen(groups, "r");
    if (!file)
        return least;
    while (fgets(line, sizeof line, file))
        least = fmin(least, line_limit(line, root));
    fclose(file);
    return least;
}

double host_memory(void)
{
    return fmin((double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE),
                host_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup"));
}
