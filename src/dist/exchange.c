#include "dist/exchange.h"

#include <sched.h>
#include <time.h>

struct range exchange_segment(struct range range, size_t segment, size_t i)
{
    if (i >= range.count / segment + (range.count % segment != 0))
        return (struct range){range.first + range.count, 0};
    size_t left = range.count - i * segment;
    return (struct range){range.first + i * segment, left < segment ? left : segment};
}

/* Between two looks, the patient sleep so long, and Linux's timers add about 50 us; from 1 to 200 us it made
 * no difference that could be measured, but to look more often than once between two sleeps cost the threads
 * that compute much. The others offer the core after so many looks in vain, some 10 us: at once is wrong,
 * because whoever takes it, another program for instance, keeps it for milliseconds; and never is wrong where
 * ranks share cores and MPI does not know it, as its own setting mpi_yield_when_idle tells. */
enum { PATIENT_NANOSECONDS = 20000, LOOKS_BEFORE_YIELD = 100 };

static void wait_for(const struct exchange *exchange, MPI_Request *request)
{
    static const struct timespec pause = {.tv_nsec = PATIENT_NANOSECONDS};
    int done = 0, looks = 0;
    for (;;) {
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done)
            return;
        if (atomic_load_explicit(exchange->patient, memory_order_relaxed)) {
            nanosleep(&pause, NULL);
        } else if (++looks == LOOKS_BEFORE_YIELD) {
            sched_yield();
            looks = 0;
        }
    }
}

static void add(float *restrict sum, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

/* A step under way. Request and scratch of segment i are those of i % EXCHANGE_DEPTH. */
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
    struct range part = exchange_segment(run->step->received, run->exchange->segment, i);
    float *place = run->step->add ? scratch_of(run, i) : run->array + part.first;
    if (part.count)
        MPI_Irecv(place, (int)part.count, MPI_FLOAT, run->step->from, 0, run->exchange->comm,
                  &run->receives[i % EXCHANGE_DEPTH]);
}

static void post_send(struct run *run, size_t i)
{
    struct range part = exchange_segment(run->step->sent, run->exchange->segment, i);
    if (part.count)
        MPI_Isend(run->array + part.first, (int)part.count, MPI_FLOAT, run->step->to, 0, run->exchange->comm,
                  &run->sends[i % EXCHANGE_DEPTH]);
}

static void finish_receive(struct run *run, size_t i)
{
    struct range part = exchange_segment(run->step->received, run->exchange->segment, i);
    if (!part.count)
        return;
    wait_for(run->exchange, &run->receives[i % EXCHANGE_DEPTH]);
    if (run->step->add)
        add(run->array + part.first, scratch_of(run, i), part.count);
}

static void finish_send(struct run *run, size_t i)
{
    if (exchange_segment(run->step->sent, run->exchange->segment, i).count)
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
    for (size_t i = 0; exchange_segment((struct range){0, longer}, exchange->segment, i).count; i++) {
        finish_receive(&run, i);
        post_receive(&run, i + EXCHANGE_DEPTH);
        finish_send(&run, i);
        post_send(&run, i + EXCHANGE_DEPTH);
    }
}
