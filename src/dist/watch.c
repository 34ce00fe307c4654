#include "dist/watch.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"
#include "dist/gossip.h"
#include "dist/watch_report.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Beats in the shortest time that matters, and what they are at most apart, in seconds. */
static const double BEATS = 16, BEAT_MIN = 0.005, BEAT_MAX = 0.25;

/* A process that beats so much later than it should did not run, seconds. */
static const double LATE_MAX = 1;

/* The first of the naps, which double, between looks at whether the others have come to the end. */
static const double NAP_MIN = 1e-4;

/* Seconds that ending the job may take. */
enum { ABORT_SECONDS = 4 };

/* The watches end together, because whoever left earlier would leave messages behind that are never taken. */
enum stage {
    WATCHING,
    GATHERING, /* this rank is at its end, perhaps not yet all of them */
    SETTLING,  /* all are, and nobody sends any more, but what was sent is to be taken */
    LEAVING,   /* this rank's messages are, perhaps not yet those of all */
};

struct watcher {
    const struct watch *watch;
    struct watch_table table;
    struct watch_report report;
    struct gossip gossip;
    char *names; /* (size, COMM_HOST_MAX) */
    const char **hosts;

    double beat, silence; /* seconds between beats; without a sign of life until a rank is called silent */
    double clock, read;   /* the watch's own time, and CLOCK_MONOTONIC when it was read */
    double next_beat, nap;
    enum stage stage;
    MPI_Request barrier;

    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop; /* under the mutex */
};

static void read_clock(struct watcher *w)
{
    double now = clock_seconds(), passed = now - w->read;
    w->read = now;
    w->clock += fmin(passed, w->beat + LATE_MAX);
}

/* Printing may hang, and MPI_Abort where MPI does; the process then dies of an alarm. */
static void set_alarm(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    signal(SIGALRM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(ABORT_SECONDS);
}

static void say(struct watcher *w, const struct watch_verdict *verdict,
                void (*print)(const char *format, ...))
{
    char text[WATCH_TEXT_MAX];
    for (size_t i = 0; watch_report_line(&w->report, &w->table, verdict, w->clock, i, text); i++)
        print("%s", text);
}

static void end_job(struct watcher *w, const struct watch_verdict *verdict)
{
    char text[WATCH_TEXT_MAX];
    set_alarm();
    say(w, verdict, log_error);
    watch_report_end(&w->report, text);
    log_error("%s", text);
    MPI_Abort(MPI_COMM_WORLD, STATUS_INTERNAL);
    kill(getpid(), SIGKILL);
}

static void report(struct watcher *w)
{
    char text[WATCH_TEXT_MAX];
    struct watch_verdict verdict = watch_table_judge(&w->table, w->clock);
    switch (watch_report_next(&w->report, &w->table, &verdict)) {
    case WATCH_QUIET:
        break;
    case WATCH_WARN:
        say(w, &verdict, log_warn);
        break;
    case WATCH_RECOVERED:
        watch_report_recovery(&w->report, text);
        log_warn("%s", text);
        break;
    case WATCH_ABORT:
        end_job(w, &verdict);
    }
}

static void beat(struct watcher *w)
{
    bool telling = w->stage <= GATHERING;
    w->table.silence = telling ? w->silence : INFINITY;
    watch_table_beat(&w->table, atomic_load_explicit(&w->watch->place, memory_order_relaxed),
                     gossip_deaf(&w->gossip, w->clock), w->clock);
    report(w);
    if (telling)
        gossip_tell(&w->gossip, w->clock);
    w->next_beat = w->clock + w->beat;
}

static bool barrier_passed(struct watcher *w)
{
    int passed;
    MPI_Test(&w->barrier, &passed, MPI_STATUS_IGNORE);
    return passed;
}

/* Goes on to the next stage where it can; true: there is none. */
static bool advance(struct watcher *w)
{
    enum stage before = w->stage;
    switch (w->stage) {
    case WATCHING:
        pthread_mutex_lock(&w->mutex);
        w->stage = w->stop ? GATHERING : WATCHING;
        pthread_mutex_unlock(&w->mutex);
        if (w->stage == GATHERING) {
            MPI_Ibarrier(w->gossip.comm, &w->barrier);
            w->next_beat = w->clock; /* the last wait's end may be worth a word */
        }
        break;
    case GATHERING:
        w->stage = barrier_passed(w) ? SETTLING : GATHERING;
        break;
    case SETTLING:
        if (gossip_settled(&w->gossip)) {
            MPI_Ibarrier(w->gossip.comm, &w->barrier);
            w->stage = LEAVING;
        }
        break;
    case LEAVING:
        return barrier_passed(w);
    }
    if (w->stage != before)
        w->nap = NAP_MIN;
    return false;
}

/* Until the next beat, or a shorter nap where the end is near. Being told to stop ends it. */
static void rest(struct watcher *w)
{
    double seconds = w->next_beat - w->clock;
    if (w->stage != WATCHING) {
        seconds = fmin(seconds, w->nap);
        w->nap *= 2;
    }
    double until = w->read + fmax(seconds, 0);
    struct timespec t = {.tv_sec = (time_t)until, .tv_nsec = (long)((until - floor(until)) * 1e9)};
    pthread_mutex_lock(&w->mutex);
    while (!(w->stop && w->stage == WATCHING) && pthread_cond_timedwait(&w->wake, &w->mutex, &t) == 0)
        ;
    pthread_mutex_unlock(&w->mutex);
}

static void *run(void *user)
{
    struct watcher *w = user;
    while (true) {
        read_clock(w);
        gossip_hear(&w->gossip, w->clock);
        if (w->clock >= w->next_beat)
            beat(w);
        if (advance(w))
            return NULL;
        rest(w);
    }
}

static enum status start(struct watcher *w)
{
    enum status status = thread_start(&w->thread, "watch", run, w);
    w->started = !status;
    return status;
}

static void watcher_destroy(struct watcher *w)
{
    if (!w)
        return;
    gossip_destroy(&w->gossip);
    watch_table_destroy(&w->table);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
    free(w->names);
    free(w->hosts);
    free(w);
}

static void set_times(struct watcher *w, double warn, double abort_after)
{
    double shortest = fmin(warn > 0 ? warn : INFINITY, abort_after > 0 ? abort_after : INFINITY);
    w->report.warn = warn;
    w->report.abort_after = abort_after;
    w->beat = fmin(fmax(shortest / BEATS, BEAT_MIN), BEAT_MAX);
    w->silence = 2 * w->beat * (watch_partners(w->table.size) + 2) + LATE_MAX;
    w->read = clock_seconds();
}

/* NULL: no memory. */
static struct watcher *watcher_create(const struct watch *watch, const struct comm *comm)
{
    size_t size = (size_t)comm->size;
    struct watcher *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&w->mutex, NULL);
    w->watch = watch;
    w->gossip.comm = MPI_COMM_NULL;
    w->names = calloc(size, COMM_HOST_MAX);
    w->hosts = calloc(size, sizeof *w->hosts);
    if (watch_table_create(&w->table, comm->rank, comm->size, 0) && w->names && w->hosts)
        return w;
    watcher_destroy(w);
    return NULL;
}

static void gather_hosts(struct watcher *w, const struct comm *comm)
{
    MPI_Allgather(comm->host, COMM_HOST_MAX, MPI_CHAR, w->names, COMM_HOST_MAX, MPI_CHAR, comm->world);
    for (int r = 0; r < comm->size; r++)
        w->hosts[r] = w->names + (size_t)r * COMM_HOST_MAX;
    w->report.hosts = w->hosts;
}

enum status watch_create(struct watch *watch, const struct comm *comm, double warn, double abort_after)
{
    atomic_init(&watch->place, 0);
    watch->watcher = NULL;
    if (comm->size == 1 || (warn <= 0 && abort_after <= 0))
        return STATUS_OK;
    if (!comm->threads) {
        if (log_is_speaker())
            log_warn("ranks that do not arrive are not watched for: this MPI does not let several threads "
                     "call it");
        return STATUS_OK;
    }
    struct watcher *w = watcher_create(watch, comm);
    enum status status = w ? STATUS_OK : status_no_memory("the watch", (size_t)comm->size * COMM_HOST_MAX);
    status = comm_agree(comm, status);
    if (!status) {
        gather_hosts(w, comm);
        set_times(w, warn, abort_after);
        status = gossip_create(&w->gossip, comm, &w->table);
    }
    if (status) {
        watcher_destroy(w);
        return status;
    }
    watch->watcher = w;
    status = comm_agree(comm, start(w));
    if (status)
        watch_destroy(watch);
    return status;
}

static uint64_t place_of(const struct watch *watch)
{
    return atomic_load_explicit(&watch->place, memory_order_relaxed);
}

void watch_destroy(struct watch *watch)
{
    struct watcher *w = watch->watcher;
    if (!w)
        return;
    watch_phase(watch, WATCH_END, watch_place_step(place_of(watch)));
    pthread_mutex_lock(&w->mutex);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
    if (w->started)
        pthread_join(w->thread, NULL);
    else
        run(w);
    watcher_destroy(w);
    watch->watcher = NULL;
}

void watch_phase(struct watch *watch, enum watch_phase phase, uint64_t step)
{
    atomic_store_explicit(&watch->place, watch_place_enter(place_of(watch), phase, step),
                          memory_order_relaxed);
}

enum watch_phase watch_wait_begin(struct watch *watch)
{
    if (!watch)
        return WATCH_START;
    enum watch_phase before = watch_place_phase(place_of(watch));
    watch_phase(watch, WATCH_AGREE, watch_place_step(place_of(watch)));
    return before;
}

void watch_wait_end(struct watch *watch, enum watch_phase before)
{
    if (watch)
        watch_phase(watch, before, watch_place_step(place_of(watch)));
}

void watch_wait_forget(struct watch *watch, enum watch_phase before)
{
    if (watch)
        atomic_store_explicit(&watch->place, watch_place_forget(place_of(watch), before),
                              memory_order_relaxed);
}

void watch_enter(struct watch *watch, enum watch_phase phase)
{
    if (watch)
        watch_phase(watch, phase, watch_place_step(place_of(watch)));
}
