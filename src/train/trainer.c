#include "train/trainer.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/schedule.h"
#include "core/text.h"
#include "dist/watch.h"
#include "train/deadline.h"
#include "train/display.h"
#include "train/evaluation.h"
#include "train/fault.h"
#include "train/feed.h"
#include "train/metrics.h"
#include "train/recipe.h"
#include "train/signals.h"
#include "train/state.h"
#include "train/step.h"
#include "train/stopwatch.h"
#include "train/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A checkpoint's bytes per second, as long as none was written. Few disks are slower. */
static const double DISK_MIN = 50e6;

struct trainer {
    struct job *job;
    const struct config *config;
    struct start *start;
    uint64_t steps;           /* 0: to the end */
    uint64_t samples, epochs; /* recipe_samples and recipe_epochs: of all starts together */
    const char *config_text;
    struct optimizer optimizer;
    struct average average;
    struct schedule schedule;
    struct step step;
    struct feed feed;
    struct display display;
    struct state state;
    struct deadline deadline;  /* rank 0's decides */
    struct progress *progress; /* the state's */
    bool stop, save;           /* asked for, agreed on: the end, a checkpoint */
    struct stopwatch watch;
    double saved; /* clock_seconds: when the last checkpoint was asked for */
};

/* Samples up to here, as if all epochs had been on the present data. */
static uint64_t samples_now(const struct trainer *t)
{
    return t->progress->epoch * t->job->train.count + t->progress->epoch_sum.samples;
}

/* Of the running epoch, which may be the last one, cut short. */
static uint64_t epoch_samples(const struct trainer *t)
{
    uint64_t count = t->job->train.count, left = t->samples - t->progress->epoch * count;
    return left < count ? left : count;
}

/* Learning rate of the next step. */
static double rate_now(const struct trainer *t)
{
    return schedule_rate(&t->schedule, samples_now(t));
}

static enum status finish_writing(struct trainer *t)
{
    watch_enter(t->job->comm->watch, WATCH_CHECKPOINT);
    return state_finish(&t->state);
}

/* `what`: of the step's result. */
static enum status diverged(struct trainer *t, const char *what, size_t n, double rate)
{
    char kept[sizeof t->state.checkpoint + 64] = "", where[FAULT_TEXT_MAX];
    struct fault fault = fault_find(&t->step, t->job->comm, t->progress->step, n, feed_gather, &t->feed);
    finish_writing(t); /* which is of earlier steps; what failed was warned of */
    if (t->state.checkpoint[0])
        snprintf(kept, sizeof kept, " the last good checkpoint is %s;", t->state.checkpoint);
    return status_set(
        STATUS_DIVERGED,
        "step %llu: the %s is not finite at learning rate %g, %s;%s try a lower train.lr, a warm-up, or "
        "train.clip_norm",
        (unsigned long long)t->progress->step + 1,
        fault.rank < 0   ? what
        : fault.gradient ? "gradient"
                         : "loss",
        rate, fault_text(where, &fault, t->feed.samples + t->feed.position), kept);
}

/* Collective, where a step found that some rank could not read its samples. */
static enum status unreadable(struct trainer *t)
{
    enum status status = comm_agree(t->job->comm, feed_status(&t->feed));
    char message[STATUS_MESSAGE_MAX];
    snprintf(message, sizeof message, "%s", status_message());
    finish_writing(t);
    return t->state.checkpoint[0]
               ? status_set(status, "%s; the last good checkpoint is %s", message, t->state.checkpoint)
               : status_set(status, "%s", message);
}

/* A last step may have sent weights to where nothing is finite, with no step behind it that would notice. */
static enum status diverged_after(const struct trainer *t, const char *what)
{
    return status_set(
        STATUS_DIVERGED,
        "step %llu: not finite after it: %s; try a lower train.lr, a warm-up, or train.clip_norm",
        (unsigned long long)t->progress->step, what);
}

static enum status check_state(const struct trainer *t)
{
    const char *what;
    return state_is_finite(&t->state, &what) ? STATUS_OK : diverged_after(t, what);
}

static void show_progress(struct trainer *t, size_t position)
{
    stopwatch_read(&t->watch, t->progress);
    double rate = stopwatch_speed(&t->watch, t->progress);
    display_step(&t->display, t->progress->epoch, position / t->job->batch, t->progress->epoch_sum, rate,
                 ((double)t->samples - (double)samples_now(t)) / rate);
}

/* No more steps are to be taken, though the epoch may not be over. */
static bool steps_done(const struct trainer *t)
{
    return t->stop || (t->steps && t->progress->step >= t->steps);
}

static enum status compare_replicas(const struct trainer *t)
{
    size_t every = t->config->distributed.check_every;
    return every && t->progress->step % every == 0 ? state_compare(&t->state) : STATUS_OK;
}

/* A checkpoint of where training stands. What is not finite would make it useless. */
static enum status save(struct trainer *t, bool best, bool last)
{
    const struct save wanted = {.began = clock_seconds(), .best = best, .last = last};
    watch_enter(t->job->comm->watch, WATCH_CHECKPOINT);
    enum status status = comm_agree(t->job->comm, check_state(t));
    if (!status)
        status = state_write(&t->state, t->config_text, &wanted);
    t->save = false;
    t->saved = clock_seconds();
    stopwatch_leave_out(&t->watch, t->saved - wanted.began);
    return status;
}

/* Whether rank 0's clock says so, which the others hear of by its vote. */
static bool minutes_due(const struct trainer *t)
{
    struct interval every = t->config->checkpoint.every;
    return t->job->comm->rank == 0 && every.unit == INTERVAL_MINUTES && every.count > 0 &&
           clock_seconds() - t->saved >= 60 * every.count;
}

/* Whether it is time for a checkpoint, after a step, and at the end of an epoch. */
static bool step_due(const struct trainer *t)
{
    struct interval every = t->config->checkpoint.every;
    return t->save || (every.unit == INTERVAL_STEPS && every.count > 0 &&
                       t->progress->step % (uint64_t)every.count == 0);
}

static bool epoch_due(const struct trainer *t)
{
    struct interval every = t->config->checkpoint.every;
    return step_due(t) || (every.unit == INTERVAL_EPOCHS && every.count > 0 &&
                           t->progress->epoch % (uint64_t)every.count == 0);
}

/* Since 1970. */
static double wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* This rank's vote. Whose folder is another start's finds that out again when it is to write, and fails. */
static bool stop_asked(void *user)
{
    struct trainer *t = user;
    if (t->job->comm->rank > 0)
        return signals_stop_asked();
    deadline_note_checkpoint(&t->deadline, saver_seconds(&t->state.saver));
    return signals_stop_asked() || claim_lost(t->state.claim) || deadline_reached(&t->deadline, wall_clock());
}

/* Steps from where the epoch stands to its end, or to the last step wanted. */
static enum status run_steps(struct trainer *t)
{
    size_t count = t->job->train.count, batch = t->job->batch, end = epoch_samples(t);
    size_t position = t->progress->epoch_sum.samples;
    stopwatch_steps(&t->watch);
    feed_epoch(&t->feed, t->progress->epoch, position);
    while (position < end && !steps_done(t)) {
        size_t n = count - position < batch ? count - position : batch;
        double rate = rate_now(t);
        feed_step(&t->feed, position);
        double began = clock_seconds();
        struct step_votes votes = {stop_asked(t), signals_save_asked() || minutes_due(t)};
        struct step_result result =
            step_take(&t->step, t->progress->step, n, rate, votes, feed_gather, &t->feed);
        if (result.failed)
            return unreadable(t);
        if (result.infinite)
            return diverged(t, result.infinite, n, rate);
        double seconds = clock_seconds() - began;
        deadline_note_step(&t->deadline, seconds);
        feed_step_taken(&t->feed, seconds, t->step.reducer.choice != OVERLAP_AUTO);
        t->stop = result.stop;
        t->save = t->save || result.save;
        position += n;
        t->progress->step++;
        average_step(&t->average, &t->job->network, t->progress->step);
        t->progress->samples_seen += n;
        t->progress->epoch_sum = loss_add(t->progress->epoch_sum, result.loss);
        show_progress(t, position);
        enum status status = compare_replicas(t);
        if (!status && position < end && !steps_done(t) && step_due(t))
            status = save(t, false, false);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* Whether the evaluation is the best so far, and notes it if it is. */
static bool note_best(struct progress *progress, struct loss_sum test)
{
    double metric = isfinite(loss_accuracy(test)) ? loss_accuracy(test) : -loss_mean(test);
    if (!test.samples || metric <= progress->best_metric) /* not where the best is nan: none yet */
        return false;
    progress->best_metric = metric;
    progress->best_step = progress->step;
    return true;
}

/* Whether the running epoch ends with a test. */
static bool test_due(const struct trainer *t)
{
    size_t every = t->config->evaluate.every;
    uint64_t number = t->progress->epoch + 1;
    return t->job->has_test && (number == t->epochs || (every && number % every == 0));
}

/* The test data's loss at the end of an epoch. Not, where the run is to stop: the epoch then stays open. With
 * the weights to use. */
static enum status test_epoch(struct trainer *t, struct loss_sum *test)
{
    *test = (struct loss_sum){0};
    if (!test_due(t) || t->stop)
        return STATUS_OK;
    average_exchange(&t->average, &t->job->network);
    const struct evaluation_data data = {&t->job->test, job_normalization(t->job), job_tta(t->job),
                                         job_test_stream(t->job)};
    enum status status =
        evaluation_run_until(&t->feed.reader, t->job->comm, &data, stop_asked, t, &t->stop, test);
    average_exchange(&t->average, &t->job->network);
    return status || t->stop || isfinite(loss_mean(*test)) ? status : diverged_after(t, "test loss");
}

/* Of the epoch's last step, also where an earlier start took it. */
static double last_rate(const struct trainer *t)
{
    size_t count = t->job->train.count, batch = t->job->batch;
    size_t last = t->progress->epoch_sum.samples == count && count % batch ? count % batch : batch;
    return schedule_rate(&t->schedule, samples_now(t) - last);
}

static enum status finish_epoch(struct trainer *t)
{
    struct progress *p = t->progress;
    struct loss_sum test;
    double images_per_s = stopwatch_epoch_speed(&t->watch, p), rate = last_rate(t);
    enum status status = test_epoch(t, &test);
    if (status)
        return status;
    stopwatch_read(&t->watch, p);
    if (t->stop && test_due(t))
        return save(t, false, true);
    bool best = note_best(p, test);
    p->epoch++;
    struct metrics_row row = {p->epoch, p->step,      p->samples_seen, p->epoch_sum, test,
                              rate,     images_per_s, p->seconds,      NULL};
    double shown = p->epoch_seconds;
    stopwatch_next_epoch(&t->watch, p);
    display_epoch(&t->display, p->epoch, p->step, row.train, test, rate, images_per_s, shown, best);
    bool last = p->epoch == t->epochs || steps_done(t);
    if (!last) /* while the epoch is put on the disk */
        feed_epoch(&t->feed, p->epoch, 0);
    if (t->job->comm->rank == 0) /* first: what a resumed run repeats, it drops from the file */
        status = saver_add_row(&t->state.saver, &row);
    status = comm_agree(t->job->comm, status);
    if (!status && (epoch_due(t) || best || last))
        status = save(t, best, last);
    return status;
}

static enum status run_epochs(struct trainer *t)
{
    enum status status = STATUS_OK;
    uint64_t first = t->progress->step;
    while (!status && t->progress->epoch < t->epochs && !steps_done(t)) {
        status = run_steps(t);
        if (!status && t->progress->epoch_sum.samples >= epoch_samples(t))
            status = finish_epoch(t);
        else if (!status)
            status = save(t, false, true);
    }
    if (!status)
        status = finish_writing(t);
    if (status) {
        display_clear(&t->display);
        return status;
    }
    if (t->progress->step == first)
        log_print(
            "nothing to do: %llu steps and %llu of %llu epochs are done; a larger train.epochs goes on\n",
            (unsigned long long)first, (unsigned long long)t->progress->epoch, (unsigned long long)t->epochs);
    return STATUS_OK;
}

/* Collective: of the rank that waited longest. */
static void print_waiting(const struct trainer *t)
{
    const struct feed *feed = &t->feed;
    struct summary_waiting waiting = {.steps = feed->steps, .trial = &feed->trial};
    waiting.waited = comm_largest(t->job->comm, feed->waited, &waiting.rank);
    waiting.seconds = feed->seconds;
    if (feed->stream)
        waiting.read = (double)feed->stream->reads * (double)t->job->train.run *
                       (double)dataset_image_bytes(&t->job->train);
    summary_print_waiting(&waiting, t->job->comm->size);
}

static void print_end(struct trainer *t)
{
    char seconds[32];
    display_clear(&t->display);
    log_print("\n%s after %llu steps, %s", t->progress->epoch < t->epochs ? "stopped" : "done",
              (unsigned long long)t->progress->step, text_seconds(seconds, t->progress->seconds));
    if (isfinite(t->progress->best_metric))
        log_print("; best test %s %.4f at step %llu", t->progress->best_metric < 0 ? "loss" : "accuracy",
                  fabs(t->progress->best_metric), (unsigned long long)t->progress->best_step);
    log_print("\n");
    print_waiting(t);
    summary_print_communication(&t->step.reducer);
    if (t->job->comm->rank == 0) {
        struct saver_times times = saver_times(&t->state.saver);
        summary_print_checkpoints(&times);
    }
    if (t->state.checkpoint[0])
        log_print("checkpoint: %s\n", t->state.checkpoint);
}

/* Collective. */
static enum status prepare(struct trainer *t)
{
    struct job *job = t->job;
    const struct config *c = t->config;
    struct optimizer_settings settings = recipe_optimizer(job);
    struct average_settings average = recipe_average(job);
    struct step_settings step = job_step_settings(job);
    t->schedule = recipe_schedule(job);
    t->samples = recipe_samples(job);
    t->epochs = recipe_epochs(job);
    enum status status = job_bind(job, true);
    if (!status)
        status = optimizer_create(&t->optimizer, optimizer_types[c->train.optimizer], &settings,
                                  job->network.parameter_count);
    if (!status)
        status =
            average_create(&t->average, &average, job->network.parameter_count, job->network.buffer_count);
    if (!status)
        status = feed_create(&t->feed, job);
    status = comm_agree(job->comm, status);
    if (!status)
        status = step_create(&t->step, &job->network, &t->optimizer, job->comm, &step);
    if (!status)
        status = state_create(&t->state, job, &t->optimizer, &t->average, t->start);
    if (!status)
        status =
            comm_agree(job->comm, job->comm->rank == 0 ? start_claim_folder(t->start, t->config) : STATUS_OK);
    return status;
}

static void find_deadline(struct trainer *t, double limit)
{
    char seconds[32];
    double minutes = t->config->checkpoint.stop_before, now = wall_clock();
    double bytes = recipe_checkpoint_bytes(t->config, &t->job->network);
    deadline_find(&t->deadline, minutes, limit, bytes / DISK_MIN, now, deadline_age(getpid()),
                  deadline_age(getsid(0)));
    if (t->deadline.end > 0)
        log_print("the job ends in %s (%s): the run stops in time\n\n",
                  text_seconds(seconds, fmax(t->deadline.end - now, 0)), t->deadline.source);
    else if (minutes > 0)
        log_print("nothing tells when the job ends, so that stop_before stops nothing: there is neither "
                  "--time-limit nor SLURM_JOB_END_TIME nor PBS_WALLTIME\n\n");
}

/* Asked from outside, or by the deadline. */
static enum status stopped(const struct trainer *t)
{
    char why[DEADLINE_TEXT_MAX] = "on request";
    if (!signals_stop_asked() && !isnan(t->deadline.left))
        deadline_text(why, &t->deadline);
    return status_set(STATUS_STOPPED, "stopped %s, after step %llu; --resume goes on from %s", why,
                      (unsigned long long)t->progress->step, t->state.checkpoint);
}

enum status trainer_run(struct job *job, struct start *start, const char *config_text, uint64_t steps,
                        double limit)
{
    struct trainer t = {.job = job,
                        .config = job->config,
                        .start = start,
                        .steps = steps,
                        .config_text = config_text,
                        .progress = &t.state.progress};
    if (!job->has_data)
        return status_set(STATUS_USAGE, "%s: training needs data: [data] file is not set", job->config->path);
    enum status status = prepare(&t);
    if (status)
        goto done;
    find_deadline(&t, limit);
    display_create(&t.display, t.epochs, (job->train.count + job->batch - 1) / job->batch);
    stopwatch_start(&t.watch, t.progress);
    t.saved = clock_seconds();
    status = run_epochs(&t);
    if (!status)
        print_end(&t);
    if (!status && t.stop && t.progress->epoch < t.epochs)
        status = stopped(&t);
done:
    state_destroy(&t.state);
    feed_destroy(&t.feed);
    step_destroy(&t.step);
    optimizer_destroy(&t.optimizer);
    average_destroy(&t.average);
    return status;
}
