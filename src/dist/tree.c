#include "dist/tree.h"

size_t tree_depth(size_t size)
{
    size_t depth = 0;
    while (size >>= 1)
        depth++;
    return depth;
}

struct range tree_held(size_t count, size_t rank, size_t step)
{
    struct range held = {0, count};
    for (size_t k = 0; k < step; k++) {
        struct range half = shard_range(held.count, 2, rank >> k & 1);
        held = (struct range){held.first + half.first, half.count};
    }
    return held;
}

size_t tree_partner(size_t rank, size_t step)
{
    return rank ^ (size_t)1 << step;
}

/* What `rank` keeps in halving `step` and brings to doubling back is what its partner does without, and vice
 * versa. */
static struct exchange_step step_of(const struct exchange *exchange, size_t count, size_t step, bool add)
{
    size_t rank = (size_t)exchange->rank, partner = tree_partner(rank, step);
    struct range own = tree_held(count, rank, step + 1), other = tree_held(count, partner, step + 1);
    return (struct exchange_step){
        .to = (int)partner,
        .from = (int)partner,
        .sent = add ? other : own,
        .received = add ? own : other,
        .add = add,
    };
}

void tree_allreduce(const struct exchange *exchange, float *array, size_t count)
{
    size_t depth = tree_depth((size_t)exchange->size);
    for (size_t step = 0; step < depth; step++) {
        struct exchange_step halving = step_of(exchange, count, step, true);
        exchange_run(exchange, array, &halving);
    }
    for (size_t step = depth; step-- > 0;) {
        struct exchange_step doubling = step_of(exchange, count, step, false);
        exchange_run(exchange, array, &doubling);
    }
}
