#include "dist/same.h"

#include "dist/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message that grows, and is cut at its end. */
struct text {
    char *out;
    size_t space, used;
};

static void __attribute__((format(printf, 2, 3))) append(struct text *text, const char *format, ...)
{
    va_list args;
    size_t left = text->space - text->used;
    va_start(args, format);
    int length = vsnprintf(text->out + text->used, left, format, args);
    va_end(args);
    text->used += length < 0 ? 0 : (size_t)length < left ? (size_t)length : left - 1;
}

/* The lowest rank with the digest that most have. */
static size_t find_model(const uint64_t *digests, size_t size)
{
    size_t best = 0, most = 0;
    for (size_t i = 0; i < size && most <= size / 2; i++) {
        size_t same = 0;
        for (size_t j = 0; j < size; j++)
            same += digests[j] == digests[i];
        if (same > most) {
            best = i;
            most = same;
        }
    }
    return best;
}

/* Behind the last of the ranks from `first` on that differ and run on the same host. */
static size_t group_end(const uint64_t *digests, const char (*hosts)[COMM_HOST_MAX], size_t size,
                        size_t first, uint64_t right)
{
    size_t end = first;
    while (end < size && digests[end] != right && !strcmp(hosts[end], hosts[first]))
        end++;
    return end;
}

void same_difference(const uint64_t *digests, const char (*hosts)[COMM_HOST_MAX], size_t size, char *out,
                     size_t space)
{
    struct text text = {out, space, 0};
    size_t model = find_model(digests, size), groups = 0, differing = 0;
    out[0] = 0;
    for (size_t i = 0; i < size;) {
        size_t end = group_end(digests, hosts, size, i, digests[model]);
        if (end > i && groups++ < SAME_GROUPS_MAX) {
            append(&text, "%s%s %zu", groups > 1 ? ", " : "", end - i == 1 ? "rank" : "ranks", i);
            if (end - i > 1)
                append(&text, "-%zu", end - 1);
            append(&text, " on %.64s", hosts[i]);
        }
        differing += end - i;
        i = end > i ? end : i + 1;
    }
    if (groups > SAME_GROUPS_MAX)
        append(&text, ", ... (%zu ranks in all)", differing);
    if (groups)
        append(&text, " %s from rank %zu on %.64s", differing == 1 ? "differs" : "differ", model,
               hosts[model]);
}

static bool all_same(const uint64_t *digests, size_t size)
{
    for (size_t i = 1; i < size; i++)
        if (digests[i] != digests[0])
            return false;
    return true;
}

/* Every rank has all digests then, so that all come to the same message. */
static enum status compare(const struct comm *comm, const struct same_item *items, size_t count,
                           uint64_t *digests, char (*hosts)[COMM_HOST_MAX])
{
    enum status status = STATUS_OK;
    char message[STATUS_MESSAGE_MAX];
    struct text text = {message, sizeof message, 0};
    for (size_t i = 0; i < count; i++) {
        MPI_Allgather(&items[i].digest, 1, MPI_UINT64_T, digests, 1, MPI_UINT64_T, comm->world);
        if (all_same(digests, (size_t)comm->size))
            continue;
        if (!status) {
            MPI_Allgather(comm->host, COMM_HOST_MAX, MPI_CHAR, hosts, COMM_HOST_MAX, MPI_CHAR, comm->world);
            status = items[i].code;
        }
        char who[STATUS_MESSAGE_MAX];
        same_difference(digests, hosts, (size_t)comm->size, who, sizeof who);
        append(&text, "%s %s: %s", text.used ? "; nor the same" : "not all ranks have the same",
               items[i].name, who);
    }
    return status ? status_set(status, "%s", message) : STATUS_OK;
}

enum status same_check(const struct comm *comm, const struct same_item *items, size_t count)
{
    if (comm->size == 1)
        return STATUS_OK;
    size_t size = (size_t)comm->size;
    uint64_t *digests = malloc(size * sizeof *digests);
    char(*hosts)[COMM_HOST_MAX] = malloc(size * sizeof *hosts);
    bool memory = digests && hosts;
    enum status status =
        comm_agree(comm, memory ? STATUS_OK : status_no_memory("the hosts' names", size * sizeof *hosts));
    if (!status) {
        enum watch_phase before = watch_wait_begin(comm->watch);
        status = compare(comm, items, count, digests, hosts);
        watch_wait_end(comm->watch, before);
    }
    free(digests);
    free(hosts);
    return status;
}
