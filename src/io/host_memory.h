#pragma once
/* How much memory there is for the programs here: the host's, or what a container or a batch system's job is
 * held to. */

/* In bytes: the least of physical memory and the limits of this process's control group and those above it
 * (Linux, versions 1 and 2). Ranks of one job on one host share it. */
double host_memory(void);

/* The limits alone, as the files tell: `groups` as /proc/self/cgroup, below `root` as /sys/fs/cgroup;
 * infinite where they tell none. For tests. */
double host_memory_limit(const char *groups, const char *root);
