#include "dist/ring.h"

size_t ring_steps(size_t size)
{
    return 2 * (size - 1);
}

size_t ring_sent(size_t size, size_t rank, size_t step)
{
    return (rank + size - step % size) % size;
}

size_t ring_received(size_t size, size_t rank, size_t step)
{
    return ring_sent(size, rank, step + 1);
}

bool ring_adds(size_t size, size_t step)
{
    return step < size - 1;
}

void ring_allreduce(const struct exchange *exchange, float *array, size_t count)
{
    size_t size = (size_t)exchange->size, rank = (size_t)exchange->rank;
    for (size_t step = 0; step < ring_steps(size); step++)
        exchange_run(exchange, array,
                     &(struct exchange_step){
                         .to = (int)((rank + 1) % size),
                         .from = (int)((rank + size - 1) % size),
                         .sent = shard_range(count, size, ring_sent(size, rank, step)),
                         .received = shard_range(count, size, ring_received(size, rank, step)),
                         .add = ring_adds(size, step),
                     });
}
