#include "dist/placement.h"

#include <math.h>
#include <stdio.h>

static struct core_set union_of_all(const struct placement_host *host)
{
    struct core_set all = {{0}};
    for (size_t i = 0; i < host->size; i++)
        all = core_set_union(&all, &host->ranks[i].cores);
    return all;
}

/* The cores of a rank, and of those whose cores overlap with them, and so on: no other rank runs there. */
static struct core_set reachable(const struct placement_host *host, size_t rank)
{
    struct core_set set = host->ranks[rank].cores;
    for (size_t before = 0; before != core_set_count(&set);) {
        before = core_set_count(&set);
        for (size_t i = 0; i < host->size; i++)
            if (core_set_overlap(&set, &host->ranks[i].cores))
                set = core_set_union(&set, &host->ranks[i].cores);
    }
    return set;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

void placement_assign(struct placement_host *host)
{
    size_t sharing[CORE_SET_MAX] = {0}, used = 0;
    for (size_t core = 0; core < CORE_SET_MAX; core++) {
        for (size_t i = 0; i < host->size; i++)
            sharing[core] += core_set_has(&host->ranks[i].cores, core);
        used += sharing[core] > 0;
    }
    double part = host->limit && used > host->limit ? (double)host->limit / (double)used : 1;
    for (size_t i = 0; i < host->size; i++) {
        struct placement_rank *rank = &host->ranks[i];
        double share = 0;
        for (size_t core = 0; core < CORE_SET_MAX; core++)
            share += core_set_has(&rank->cores, core) ? part / (double)sharing[core] : 0;
        rank->threads = rank->asked ? rank->asked : max(1, (size_t)floor(share + 1e-6));
    }
}

static size_t threads_within(const struct placement_host *host, const struct core_set *cores)
{
    size_t threads = 0;
    for (size_t i = 0; i < host->size; i++)
        if (core_set_overlap(cores, &host->ranks[i].cores))
            threads += host->ranks[i].threads;
    return threads;
}

static bool is_crowded(const struct placement_host *host, size_t rank)
{
    struct core_set around = reachable(host, rank);
    return host->ranks[rank].threads > core_set_count(&host->ranks[rank].cores) ||
           threads_within(host, &around) > core_set_count(&around);
}

/* How many ranks are bound by OpenMP to cores that others are bound to as well. */
static size_t count_pinned(const struct placement_host *host)
{
    size_t count = 0;
    for (size_t i = 0; i < host->size; i++)
        for (size_t j = 0; j < host->size; j++)
            if (i != j && host->ranks[i].pinned && host->ranks[j].pinned &&
                core_set_overlap(&host->ranks[i].cores, &host->ranks[j].cores)) {
                count++;
                break;
            }
    return count;
}

/* Adds the ranks that are crowded to the verdict: all of them, where they have more threads than the job was
 * given cores. */
static void find_crowded(const struct placement_host *host, const struct core_set *all,
                         struct placement_verdict *v)
{
    struct core_set cores = {{0}};
    bool beyond = host->limit && threads_within(host, all) > host->limit;
    for (size_t i = 0; i < host->size; i++) {
        if (!beyond && !is_crowded(host, i))
            continue;
        v->fault = PLACEMENT_CROWDED;
        v->ranks++;
        v->threads += host->ranks[i].threads;
        v->asked = v->asked || host->ranks[i].asked;
        cores = core_set_union(&cores, &host->ranks[i].cores);
    }
    v->cores = core_set_count(&cores);
    if (beyond)
        v->cores = min(v->cores, host->limit);
}

static bool all_asked(const struct placement_host *host)
{
    for (size_t i = 0; i < host->size; i++)
        if (!host->ranks[i].asked)
            return false;
    return true;
}

struct placement_verdict placement_judge(const struct placement_host *host)
{
    struct core_set all = union_of_all(host);
    size_t used = core_set_count(&all), open = core_set_count(&host->open), pinned = count_pinned(host);
    struct placement_verdict v = {.available = host->limit ? min(open, host->limit) : open};
    v.idle = v.available > used ? v.available - used : 0;
    find_crowded(host, &all, &v);
    if (v.fault)
        return v;
    v.threads = threads_within(host, &all);
    v.cores = used;
    v.ranks = pinned ? pinned : host->size;
    if (pinned)
        v.fault = PLACEMENT_PINNED;
    else if (v.idle >= host->size && !all_asked(host))
        v.fault = PLACEMENT_IDLE;
    return v;
}

/* "1 rank", "2 ranks" */
static const char *many(size_t count)
{
    return count == 1 ? "" : "s";
}

static void bind_advice(enum launcher_kind launcher, size_t each, char *out, size_t space)
{
    if (launcher == LAUNCHER_SRUN)
        snprintf(out, space, "`srun --cpu-bind=none`, or `--cpus-per-task=%zu`", each);
    else if (launcher == LAUNCHER_MPIRUN)
        snprintf(out, space, "`mpirun --bind-to none`, or `--map-by slot:PE=%zu`", each);
    else
        snprintf(out, space, "let the launcher bind no rank, or each to %zu core%s", each, many(each));
}

static void fewer_advice(enum launcher_kind launcher, size_t ranks, char *out, size_t space)
{
    if (launcher == LAUNCHER_SRUN)
        snprintf(out, space, "`srun --ntasks-per-node=%zu`", ranks);
    else if (launcher == LAUNCHER_MPIRUN)
        snprintf(out, space,
                 "at most %zu rank%s on this host (`-np %zu`; on several hosts `--map-by ppr:%zu:node`)",
                 ranks, many(ranks), ranks, ranks);
    else
        snprintf(out, space, "at most %zu rank%s on a host", ranks, many(ranks));
}

void placement_advice(const struct placement_verdict *v, size_t ranks, enum launcher_kind launcher, char *out,
                      size_t space)
{
    char advice[128];
    size_t each = max(1, v->available / ranks),
           wanted = v->ranks ? (v->threads + v->ranks - 1) / v->ranks : 1;
    out[0] = 0;
    if (v->fault == PLACEMENT_PINNED) {
        snprintf(
            out, space,
            "OMP_PROC_BIND or OMP_PLACES binds threads of %zu ranks to the same cores: OMP_PROC_BIND=false",
            v->ranks);
    } else if (v->fault == PLACEMENT_IDLE) {
        bind_advice(launcher, each, advice, sizeof advice);
        snprintf(out, space, "%zu rank%s may run on %zu core%s only, though %zu are there: %s", v->ranks,
                 many(v->ranks), v->cores, many(v->cores), v->available, advice);
    } else if (v->fault == PLACEMENT_CROWDED && v->idle) {
        bind_advice(launcher, min(each, wanted), advice, sizeof advice);
        snprintf(out, space,
                 "%zu rank%s with %zu thread%s in all may run on %zu core%s only, and wait for each other, "
                 "though %zu "
                 "are there: %s",
                 v->ranks, many(v->ranks), v->threads, many(v->threads), v->cores, many(v->cores),
                 v->available, advice);
    } else if (v->fault == PLACEMENT_CROWDED) {
        if (v->asked && v->ranks <= v->cores)
            snprintf(advice, sizeof advice, "OMP_NUM_THREADS=%zu", v->cores / v->ranks);
        else
            fewer_advice(launcher, v->cores, advice, sizeof advice);
        snprintf(out, space,
                 "%zu rank%s with %zu thread%s in all share %zu core%s, and wait for each other: %s",
                 v->ranks, many(v->ranks), v->threads, many(v->threads), v->cores, many(v->cores), advice);
    }
}
