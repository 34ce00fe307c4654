#include "core/log.h"
#include "dist/placement.h"

#include "dist/watch.h"

#include <omp.h>
#include <stdlib.h>

/* What a rank tells the others of its host. */
struct report {
    struct placement_rank rank;
    struct core_set open;
    size_t limit;
};

static size_t asked_threads(const struct comm *comm)
{
    size_t mine = getenv("OMP_NUM_THREADS") ? (size_t)omp_get_max_threads() : 0, first = mine;
    comm_broadcast(comm, 0, &first, sizeof first);
    return mine ? mine : first;
}

static struct report report_self(const struct comm *comm)
{
    struct report report = {.rank.asked = asked_threads(comm),
                            .rank.pinned = omp_get_proc_bind() != omp_proc_bind_false};
    size_t per_core = 1, cpus = (size_t)comm->launcher.cpus;
    if (core_set_find(&report.rank.cores, &report.open, &per_core))
        report.rank.cores = report.open = core_set_range(0, (size_t)omp_get_num_procs());
    report.limit = (cpus + per_core - 1) / per_core;
    return report;
}

/* Of the hosts with a fault, the first one's first rank speaks for all of them. */
static void warn(const struct comm *comm, const struct node *node, const struct placement_host *host)
{
    struct placement_verdict verdict = placement_judge(host);
    bool faulty = verdict.fault != PLACEMENT_FINE && node->rank == 0;
    uint64_t hosts = faulty;
    char text[512];
    comm_sum_counts(comm, &hosts, 1);
    if (comm_first(comm, faulty) != comm->rank)
        return;
    placement_advice(&verdict, host->size, comm->launcher.kind, text, sizeof text);
    if (node->count > 1)
        log_warn("%s (thus on %d of %d hosts)", text, (int)hosts, node->count);
    else
        log_warn("%s", text);
}

enum status placement_find(struct placement *placement, const struct comm *comm, const struct node *node)
{
    size_t size = (size_t)node->size;
    struct report mine = report_self(comm), *reports = malloc(size * sizeof *reports);
    struct placement_rank *ranks = malloc(size * sizeof *ranks);
    enum status status = comm_agree(
        comm, reports && ranks ? STATUS_OK : status_no_memory("the ranks' cores", size * sizeof *reports));
    if (status)
        goto done;
    enum watch_phase before = watch_wait_begin(comm->watch);
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, reports, sizeof mine, MPI_BYTE, node->comm);
    struct placement_host host = {.ranks = ranks, .size = size};
    for (size_t i = 0; i < size; i++) {
        ranks[i] = reports[i].rank;
        host.open = core_set_union(&host.open, &reports[i].open);
        host.limit = host.limit > reports[i].limit ? host.limit : reports[i].limit;
    }
    placement_assign(&host);
    placement->threads = (int)ranks[node->rank].threads;
    MPI_Allreduce(&placement->threads, &placement->fewest, 1, MPI_INT, MPI_MIN, comm->world);
    MPI_Allreduce(&placement->threads, &placement->most, 1, MPI_INT, MPI_MAX, comm->world);
    watch_wait_end(comm->watch, before);
    warn(comm, node, &host);
done:
    free(reports);
    free(ranks);
    return status;
}
