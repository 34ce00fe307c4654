#pragma once
/* Ring allreduce (Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations,
 * 2009): any number P of ranks, each of which sends to the next one only and receives from the one before.
 *
 * The array is cut into P chunks. In step t = 0, 1, .. 2(P-1)-1
 *
 *   rank r sends chunk r-t and receives chunk r-t-1   (mod P)
 *
 * so that every rank passes on what it got in the step before. In the first P-1 steps (reduce-scatter) what
 * arrives is added to what is there: a chunk collects the ranks' shares on its way round, and is complete
 * after P-1 of them, chunk r+1 on rank r. In the other P-1 (all-gather) the complete chunks go round once
 * more and replace what is there. With P = 3 and ranks a, b, c, complete chunks in capitals:
 *
 *   step            rank a                  rank b                  rank c
 *          chunk 0    1     2        chunk 0    1     2        chunk 0    1     2
 *   start        a    a     a              b    b     b              c    c     c
 *   0 add        a    a     ac            ba    b     b              c    cb    c
 *   1 add        a    ACB   ac            ba    b     BAC           CBA   cb    c
 *   2           CBA   ACB   ac            ba    ACB   BAC           CBA   cb    BAC
 *   3           CBA   ACB   BAC           CBA   ACB   BAC           CBA   ACB   BAC
 *
 * Steps: 2(P-1). Every rank sends and receives 2(P-1)/P of the array, which is the least possible, and adds
 * (P-1)/P of it. A chunk is summed once, in one order, so that all ranks end with the same bits; the order
 * depends on P and on the chunk. */
#include "dist/exchange.h"

/* 2(P-1). */
size_t ring_steps(size_t size);

/* Which chunk rank `rank` of `size` sends or receives in step `step`. */
size_t ring_sent(size_t size, size_t rank, size_t step);
size_t ring_received(size_t size, size_t rank, size_t step);

/* Whether a step's chunk is added (reduce-scatter) or replaces what is there (all-gather). */
bool ring_adds(size_t size, size_t step);

/* Collective: the sum over all ranks, in place. */
void ring_allreduce(const struct exchange *exchange, float *array, size_t count);
