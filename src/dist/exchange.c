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

/* How to wait.
 *
 * The patient sleep before every look, for so long and the 50 us that Linux's timers add; from 1 ns to 200 us
 * it made no difference. They look once between two sleeps, and not before the first: where MPI has been told
 * to yield when idle, a look in vain gives the rest of the time slice to the threads that compute,
 * milliseconds.
 *
 * The others offer the core after so many looks in vain, some 100 us. Sooner is wrong, because whoever takes
 * it, another program for instance, keeps it for milliseconds; never is wrong where ranks share cores and MPI
 * does not know. */
enum { PATIENT_NANOSECONDS = 20000, LOOKS_BEFORE_YIELD = 1000 };

/* Receives in the first half, sends in the second. */
enum { SLOTS = 2 * EXCHANGE_DEPTH };

/* A step under way. A slot has one message after the other on its way, until all are posted. */
struct run {
    const struct exchange *exchange;
    const struct exchange_step *step;
    float *array;
    size_t received, sent; /* segments posted */
    int under_way;         /* messages */
    MPI_Request requests[SLOTS];
    struct range parts[EXCHANGE_DEPTH]; /* what is received */
};

/* Waits until messages are done; their number, and which slots. */
static int wait_for_some(struct run *run, int slots[SLOTS])
{
    static const struct timespec pause = {.tv_nsec = PATIENT_NANOSECONDS};
    for (unsigned looks = 1;; looks++) {
        bool patient = atomic_load_explicit(run->exchange->patient, memory_order_relaxed);
        int count;
        if (patient)
            nanosleep(&pause, NULL);
        MPI_Testsome(SLOTS, run->requests, &count, slots, MPI_STATUSES_IGNORE);
        if (count) {
            run->under_way -= count;
            return count;
        }
        if (!patient && looks % LOOKS_BEFORE_YIELD == 0)
            sched_yield();
    }
}

static void add(float *restrict sum, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

static float *scratch_of(const struct run *run, int slot)
{
    return run->exchange->scratch + (size_t)slot * run->exchange->segment;
}

static void post_receive(struct run *run, int slot)
{
    struct range part = exchange_segment(run->step->received, run->exchange->segment, run->received++);
    float *place = run->step->add ? scratch_of(run, slot) : run->array + part.first;
    run->parts[slot] = part;
    if (part.count == 0)
        return;
    MPI_Irecv(place, (int)part.count, MPI_FLOAT, run->step->from, 0, run->exchange->comm,
              &run->requests[slot]);
    run->under_way++;
}

static void post_send(struct run *run, int slot)
{
    struct range part = exchange_segment(run->step->sent, run->exchange->segment, run->sent++);
    if (part.count == 0)
        return;
    MPI_Isend(run->array + part.first, (int)part.count, MPI_FLOAT, run->step->to, 0, run->exchange->comm,
              &run->requests[slot]);
    run->under_way++;
}

static void post(struct run *run, int slot)
{
    if (slot < EXCHANGE_DEPTH)
        post_receive(run, slot);
    else
        post_send(run, slot);
}

/* A slot's message is done. */
static void proceed(struct run *run, int slot)
{
    if (slot < EXCHANGE_DEPTH && run->step->add)
        add(run->array + run->parts[slot].first, scratch_of(run, slot), run->parts[slot].count);
    post(run, slot);
}

void exchange_run(const struct exchange *exchange, float *array, const struct exchange_step *step)
{
    struct run run = {.exchange = exchange, .step = step, .array = array};
    int done[SLOTS];
    for (int slot = 0; slot < SLOTS; slot++)
        run.requests[slot] = MPI_REQUEST_NULL;
    for (int slot = 0; slot < SLOTS; slot++)
        post(&run, slot);
    while (run.under_way) {
        int count = wait_for_some(&run, done);
        for (int i = 0; i < count; i++)
            proceed(&run, done[i]);
    }
}
