#include "dist/core_set.h"

struct core_set core_set_range(size_t first, size_t count)
{
    struct core_set set = {{0}};
    for (size_t i = first; i < first + count; i++)
        core_set_add(&set, i);
    return set;
}

void core_set_add(struct core_set *set, size_t core)
{
    if (core < CORE_SET_MAX)
        set->words[core / 64] |= UINT64_C(1) << core % 64;
}

bool core_set_has(const struct core_set *set, size_t core)
{
    return core < CORE_SET_MAX && set->words[core / 64] >> core % 64 & 1;
}

size_t core_set_count(const struct core_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < CORE_SET_MAX / 64; i++)
        count += (size_t)__builtin_popcountll(set->words[i]);
    return count;
}

struct core_set core_set_union(const struct core_set *a, const struct core_set *b)
{
    struct core_set both;
    for (size_t i = 0; i < CORE_SET_MAX / 64; i++)
        both.words[i] = a->words[i] | b->words[i];
    return both;
}

bool core_set_overlap(const struct core_set *a, const struct core_set *b)
{
    for (size_t i = 0; i < CORE_SET_MAX / 64; i++)
        if (a->words[i] & b->words[i])
            return true;
    return false;
}
