#include "dist/gossip.h"

#include <stdlib.h>

/* So many entries make a message that every network of Open MPI sends at once, without asking the receiver
 * for room first: vader's limit is 4096 bytes with the header. */
enum { PIECE = 160 };

struct gossip_lane {
    int to, first, count; /* the entries first .. first+count-1 */
    bool under_way;
    double sent;
    struct watch_entry in[PIECE], out[PIECE];
};

static enum status allocate(struct gossip *gossip)
{
    size_t lanes = (size_t)gossip->lane_count;
    gossip->lanes = calloc(lanes, sizeof *gossip->lanes);
    gossip->requests = malloc(2 * lanes * sizeof *gossip->requests);
    gossip->done = malloc(2 * lanes * sizeof *gossip->done);
    if (gossip->lanes && gossip->requests && gossip->done)
        return STATUS_OK;
    return status_no_memory("messages between the ranks' watches", lanes * sizeof *gossip->lanes);
}

static void release(struct gossip *gossip)
{
    free(gossip->lanes);
    free(gossip->requests);
    free(gossip->done);
    *gossip = (struct gossip){.comm = MPI_COMM_NULL};
}

/* Lane `index` of all ranks has the same piece for the same distance, and is the messages' tag. */
static void open_lane(struct gossip *gossip, int index, int pieces)
{
    const struct watch_table *table = gossip->table;
    struct gossip_lane *lane = &gossip->lanes[index];
    MPI_Request *come = &gossip->requests[index], *go = come + gossip->lane_count;
    int partner = index / pieces;
    lane->to = watch_partner_to(table->rank, table->size, partner);
    lane->first = index % pieces * PIECE;
    lane->count = table->size - lane->first < PIECE ? table->size - lane->first : PIECE;
    int bytes = lane->count * (int)sizeof *lane->in;
    MPI_Recv_init(lane->in, bytes, MPI_BYTE, watch_partner_from(table->rank, table->size, partner), index,
                  gossip->comm, come);
    MPI_Ssend_init(lane->out, bytes, MPI_BYTE, lane->to, index, gossip->comm, go);
    MPI_Start(come);
}

enum status gossip_create(struct gossip *gossip, const struct comm *comm, struct watch_table *table)
{
    int pieces = (table->size + PIECE - 1) / PIECE;
    *gossip = (struct gossip){.table = table, .comm = MPI_COMM_NULL};
    gossip->lane_count = watch_partners(table->size) * pieces;
    enum status status = comm_agree(comm, allocate(gossip));
    if (status) {
        release(gossip);
        return status;
    }
    MPI_Comm_dup(comm->world, &gossip->comm);
    for (int i = 0; i < gossip->lane_count; i++)
        open_lane(gossip, i, pieces);
    return STATUS_OK;
}

void gossip_destroy(struct gossip *gossip)
{
    if (gossip->comm == MPI_COMM_NULL)
        return;
    for (int i = 0; i < gossip->lane_count; i++) {
        MPI_Request *come = &gossip->requests[i];
        MPI_Cancel(come);
        MPI_Wait(come, MPI_STATUS_IGNORE);
        MPI_Request_free(come);
        MPI_Request_free(come + gossip->lane_count);
    }
    MPI_Comm_free(&gossip->comm);
    release(gossip);
}

static void complete(struct gossip *gossip, int index, double now)
{
    if (index >= gossip->lane_count) {
        gossip->lanes[index - gossip->lane_count].under_way = false;
        return;
    }
    const struct gossip_lane *lane = &gossip->lanes[index];
    watch_table_hear(gossip->table, lane->first, lane->count, now, lane->in);
    MPI_Start(&gossip->requests[index]);
}

void gossip_hear(struct gossip *gossip, double now)
{
    int count;
    do {
        MPI_Testsome(2 * gossip->lane_count, gossip->requests, &count, gossip->done, MPI_STATUSES_IGNORE);
        for (int i = 0; i < count; i++)
            complete(gossip, gossip->done[i], now);
    } while (count > 0);
}

void gossip_tell(struct gossip *gossip, double now)
{
    for (int i = 0; i < gossip->lane_count; i++) {
        struct gossip_lane *lane = &gossip->lanes[i];
        if (lane->under_way)
            continue;
        watch_table_tell(gossip->table, lane->first, lane->count, now, lane->out);
        lane->under_way = true;
        lane->sent = now;
        MPI_Start(&gossip->requests[gossip->lane_count + i]);
    }
}

bool gossip_settled(const struct gossip *gossip)
{
    for (int i = 0; i < gossip->lane_count; i++)
        if (gossip->lanes[i].under_way)
            return false;
    return true;
}

int gossip_deaf(const struct gossip *gossip, double now)
{
    for (int i = 0; i < gossip->lane_count; i++)
        if (gossip->lanes[i].under_way && now - gossip->lanes[i].sent > gossip->table->silence)
            return gossip->lanes[i].to;
    return -1;
}
