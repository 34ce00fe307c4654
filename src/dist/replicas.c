#include "dist/replicas.h"

#include "dist/watch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { LISTED_MAX = 4 };

/* All digests in one number: a polynomial, modulo 2^64, in a number that is odd and has bits everywhere. */
static uint64_t combine(const uint64_t *digests, size_t count)
{
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++)
        all = all * 0x9E3779B97F4A7C15u + digests[i];
    return all;
}

/* The bits that are one on all ranks, and those that are zero: together all, where the number is the same. */
static bool same_everywhere(const struct comm *comm, uint64_t number)
{
    uint64_t common[2] = {number, ~number};
    enum watch_phase before = watch_wait_begin(comm->watch);
    MPI_Allreduce(MPI_IN_PLACE, common, 2, MPI_UINT64_T, MPI_BAND, comm->world);
    watch_wait_end(comm->watch, before);
    return common[0] == ~common[1];
}

struct gathered {
    const uint64_t *digests; /* (size, count) */
    size_t count;
    int size;
};

/* The first part in which two ranks differ; count: they do not. */
static size_t first_difference(const struct gathered *all, int a, int b)
{
    const uint64_t *x = all->digests + (size_t)a * all->count, *y = all->digests + (size_t)b * all->count;
    size_t i = 0;
    while (i < all->count && x[i] == y[i])
        i++;
    return i;
}

static bool same(const struct gathered *all, int a, int b)
{
    return first_difference(all, a, b) == all->count;
}

/* A rank that has what more than half of them have; -1: there is none. Pairs of ranks that differ are struck
 * out, until those that are left are the same (Boyer and Moore, MJRTY, 1981). */
static int find_majority(const struct gathered *all)
{
    int candidate = 0, votes = 0, supporters = 0;
    for (int r = 0; r < all->size; r++) {
        if (votes == 0)
            candidate = r;
        votes += same(all, r, candidate) ? 1 : -1;
    }
    for (int r = 0; r < all->size; r++)
        supporters += same(all, r, candidate);
    return 2 * supporters > all->size ? candidate : -1;
}

void replicas_describe(const char *what, const uint64_t *digests, const char *const *names, size_t count,
                       const char *const *hosts, int size, char text[STATUS_MESSAGE_MAX])
{
    const struct gathered all = {digests, count, size};
    int majority = find_majority(&all), reference = majority < 0 ? 0 : majority, different = 0;
    size_t room = STATUS_MESSAGE_MAX;
    size_t used = (size_t)snprintf(text, room, "%.200s differ between ranks%s:", what,
                                   majority < 0 ? ", and it cannot be told which are right" : "");
    for (int r = 0; r < size; r++) {
        size_t part = first_difference(&all, r, reference);
        if (part < count && different++ < LISTED_MAX)
            used += (size_t)snprintf(text + used, room - used, "%s rank %d on %.200s (first in %.100s)",
                                     different > 1 ? "," : "", r, hosts[r], names[part]);
    }
    if (different > LISTED_MAX)
        used += (size_t)snprintf(text + used, room - used, " and %d more", different - LISTED_MAX);
    used += (size_t)snprintf(text + used, room - used, " %s not like ", different > 1 ? "are" : "is");
    if (majority < 0)
        used += (size_t)snprintf(text + used, room - used, "rank 0 on %.200s", hosts[0]);
    else
        used += (size_t)snprintf(text + used, room - used, "the other %d", size - different);
    snprintf(text + used, room - used, "; faulty hardware or different libraries may be the cause");
}

/* The digests and hosts of all ranks; memory that the caller frees. All ranks fail, or none. */
static enum status gather(const struct comm *comm, const uint64_t *digests, size_t count, uint64_t **all,
                          const char ***hosts)
{
    size_t size = (size_t)comm->size, pointers = size * sizeof **hosts;
    *all = malloc(size * count * sizeof **all);
    *hosts = malloc(pointers + size * COMM_HOST_MAX); /* the strings lie behind */
    enum status status = *all && *hosts ? STATUS_OK : status_no_memory("digests of ranks", size * count * 8);
    status = comm_agree(comm, status);
    if (status)
        return status;
    char *strings = (char *)*hosts + pointers;
    for (size_t r = 0; r < size; r++)
        (*hosts)[r] = strings + r * COMM_HOST_MAX;
    enum watch_phase before = watch_wait_begin(comm->watch);
    MPI_Allgather(comm->host, COMM_HOST_MAX, MPI_CHAR, strings, COMM_HOST_MAX, MPI_CHAR, comm->world);
    MPI_Allgather(digests, (int)count, MPI_UINT64_T, *all, (int)count, MPI_UINT64_T, comm->world);
    watch_wait_end(comm->watch, before);
    return STATUS_OK;
}

enum status replicas_compare(const struct comm *comm, const char *what, const uint64_t *digests,
                             const char *const *names, size_t count)
{
    if (comm->size == 1 || same_everywhere(comm, combine(digests, count)))
        return STATUS_OK;
    uint64_t *all;
    const char **hosts;
    char text[STATUS_MESSAGE_MAX];
    enum status status = gather(comm, digests, count, &all, &hosts);
    if (!status) {
        replicas_describe(what, all, names, count, hosts, comm->size, text);
        status = status_set(STATUS_INTERNAL, "%s", text);
    }
    free(all);
    free(hosts);
    return status;
}
