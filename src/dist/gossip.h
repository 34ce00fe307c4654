#pragma once
/* The messages that carry a watch_table from rank to rank: see there for who tells whom. A message is sent in
 * synchronous mode and not before the one to the same partner has been taken, so that a rank that stands
 * still is sent one, and no more. Nothing here blocks. One thread at a time may use a gossip. */
#include "core/status.h"
#include "dist/comm.h"
#include "dist/watch_table.h"

struct gossip_lane;

struct gossip {
    struct watch_table *table; /* borrowed */
    MPI_Comm comm;             /* its own */
    struct gossip_lane *lanes; /* one per partner and piece of the table */
    int lane_count;
    MPI_Request *requests; /* (2, lane_count): what comes, then what goes */
    int *done;
};

/* Collective: readies for messages. `comm` must allow calls of MPI from any thread where another one than
 * the caller's is to use the gossip. All ranks fail, or none. */
enum status gossip_create(struct gossip *gossip, const struct comm *comm, struct watch_table *table);

/* Collective. No message may be under way, on any rank, and none be sent any more. */
void gossip_destroy(struct gossip *gossip);

/* Takes in what has come. */
void gossip_hear(struct gossip *gossip, double now);

/* Sends the table to the partners that have taken what was sent before. */
void gossip_tell(struct gossip *gossip, double now);

/* Whether everything that was sent was taken. */
bool gossip_settled(const struct gossip *gossip);

/* A rank that does not take what was sent to it more than table->silence ago; -1: there is none. */
int gossip_deaf(const struct gossip *gossip, double now);
