#include "dist/exchange.h"

#include <sched.h>
#include <time.h>

enum { PATIENCE_NANOSECONDS = 20000 };

static void wait_for(const struct exchange *exchange, MPI_Request *request)
{
    static const struct timespec pause = {.tv_nsec = PATIENCE_NANOSECONDS};
    for (int done = 0;;) {
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done)
            return;
        if (atomic_load_explicit(exchange->patient, memory_order_relaxed))
            nanosleep(&pause, NULL);
        else
            sched_yield();
    }
}

static void add(float *restrict sum, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

/* Segment i of a range; empty behind its end. */
static struct range segment_of(struct range range, size_t segment, size_t i)
{
    if (i >= range.count / segment + (range.count % segment != 0))
        return (struct range){range.first + range.count, 0};
    size_t left = range.count - i * segment;
    return (struct range){range.first + i * segment, left < segment ? left : segment};
}

struct run {
    const struct exchange *exchange;
    const struct exchange_step *step;
    float *array;
    MPI_Request sends[EXCHANGE_DEPTH], receives[EXCHANGE_DEPTH];
};

static float *scratch_of(const struct run *run, size_t i)
{
    return run->exchange->scratch + i % EXCHANGE_DEPTH * run->exchange->segment;
}

static void post_receive(struct run *run, size_t i)
{
    struct range part = segment_of(run->step->received, run->exchange->segment, i);
    float *place = run->step->add ? scratch_of(run, i) : run->array + part.first;
    if (part.count)
        MPI_Irecv(place, (int)part.count, MPI_FLOAT, run->step->from, 0, run->exchange->comm,
                  &run->receives[i % EXCHANGE_DEPTH]);
}

static void post_send(struct run *run, size_t i)
{
    struct range part = segment_of(run->step->sent, run->exchange->segment, i);
    if (part.count)
        MPI_Isend(run->array + part.first, (int)part.count, MPI_FLOAT, run->step->to, 0, run->exchange->comm,
                  &run->sends[i % EXCHANGE_DEPTH]);
}

static void finish_receive(struct run *run, size_t i)
{
    struct range part = segment_of(run->step->received, run->exchange->segment, i);
    if (!part.count)
        return;
    wait_for(run->exchange, &run->receives[i % EXCHANGE_DEPTH]);
    if (run->step->add)
        add(run->array + part.first, scratch_of(run, i), part.count);
}

static void finish_send(struct run *run, size_t i)
{
    if (segment_of(run->step->sent, run->exchange->segment, i).count)
        wait_for(run->exchange, &run->sends[i % EXCHANGE_DEPTH]);
}

void exchange_run(const struct exchange *exchange, float *array, const struct exchange_step *step)
{
    struct run run = {.exchange = exchange, .step = step, .array = array};
    size_t longer = step->sent.count > step->received.count ? step->sent.count : step->received.count;
    for (size_t i = 0; i < EXCHANGE_DEPTH; i++)
        post_receive(&run, i);
    for (size_t i = 0; i < EXCHANGE_DEPTH; i++)
        post_send(&run, i);
    for (size_t i = 0; segment_of((struct range){0, longer}, exchange->segment, i).count; i++) {
        finish_receive(&run, i);
        post_receive(&run, i + EXCHANGE_DEPTH);
        finish_send(&run, i);
        post_send(&run, i + EXCHANGE_DEPTH);
    }
}
