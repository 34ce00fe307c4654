#pragma once
/* A set of a host's processor cores, numbered from 0. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CORE_SET_MAX = 2048 }; /* cores beyond are passed over */

struct core_set {
    uint64_t words[CORE_SET_MAX / 64];
};

/* Cores first .. first+count-1. */
struct core_set core_set_range(size_t first, size_t count);

void core_set_add(struct core_set *set, size_t core);
bool core_set_has(const struct core_set *set, size_t core);
size_t core_set_count(const struct core_set *set);

/* a and b together; whether they have a core in common. */
struct core_set core_set_union(const struct core_set *a, const struct core_set *b);
bool core_set_overlap(const struct core_set *a, const struct core_set *b);

/* This process's host, through hwloc: the cores that the process may run on (those of which one hardware
 * thread or more is open to it), those that its container or control group leaves open to processes, and how
 * many hardware threads a core has. The numbers are the same for all processes of the host. OpenMP may have
 * bound the calling thread already (OMP_PROC_BIND): then its places are what the process may run on. */
enum status core_set_find(struct core_set *mine, struct core_set *open, size_t *threads_per_core);
