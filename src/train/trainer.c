#include "train/trainer.h"

#include "core/log.h"
#include "core/schedule.h"
#include "core/text.h"
#include "dist/watch.h"
#include "train/display.h"
#include "train/evaluation.h"
#include "train/fault.h"
#include "train/metrics.h"
#include "train/order.h"
#include "train/recipe.h"
#include "train/signals.h"
#include "train/state.h"
#include "train/step.h"
#include "train/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct trainer {
    struct job *job;
    const struct config *config;
    const struct start *start;
    uint64_t steps; /* 0: to the end */
    const char *config_text;
    struct optimizer optimizer;
    struct average average;
    struct schedule schedule;
    struct step step;
    struct order order;
    struct display display;
    struct state state;
    struct progress *progress; /* the state's */
    double last_rate;          /* of the last step */
    bool stop;                 /* asked for from outside, agreed on */

    /* this start */
    double started, epoch_started;       /* clock_seconds */
    double steps_started;                /* of the running epoch: behind the last evaluation and checkpoint */
    double seconds_before, epoch_before; /* progress->seconds and epoch_seconds when the clock was read */
    uint64_t samples_at_start, epoch_samples_at_start;
};

static void read_clock(struct trainer *t)
{
    double now = clock_seconds();
    t->progress->seconds = t->seconds_before + now - t->started;
    t->progress->epoch_seconds = t->epoch_before + now - t->epoch_started;
}

/* Learning rate of the next step. */
static double rate_now(const struct trainer *t)
{
    return schedule_rate(&t->schedule, t->progress->samples_seen);
}

struct batch_source {
    const struct job *job;
    const size_t *samples;
};

static void gather(void *user, size_t first, size_t n, float *x, int32_t *classes, float *values)
{
    const struct batch_source *source = user;
    dataset_gather(&source->job->train, job_normalization(source->job), source->samples + first, n, x,
                   classes, values, source->job->threads);
}

static enum status diverged(struct trainer *t, const struct batch_source *source, size_t n, double rate)
{
    char kept[sizeof t->state.checkpoint + 64] = "", where[FAULT_TEXT_MAX];
    struct fault fault = fault_find(&t->step, t->job->comm, t->progress->step, n, gather, (void *)source);
    if (t->state.checkpoint[0])
        snprintf(kept, sizeof kept, " the last good checkpoint is %s;", t->state.checkpoint);
    return status_set(
        STATUS_DIVERGED,
        "step %llu: the %s is not finite at learning rate %g, %s;%s try a lower train.lr, a warm-up, or "
        "train.clip_norm",
        (unsigned long long)t->progress->step + 1, fault.gradient ? "gradient" : "loss", rate,
        fault_text(where, &fault, source->samples), kept);
}

/* A last step may have sent weights to where nothing is finite, with no step behind it that would notice. */
static enum status diverged_after(const struct trainer *t, const char *what)
{
    return status_set(
        STATUS_DIVERGED,
        "step %llu: the %s not finite after it; try a lower train.lr, a warm-up, or train.clip_norm",
        (unsigned long long)t->progress->step, what);
}

static enum status check_weights(const struct trainer *t)
{
    const struct network *network = &t->job->network;
    bool finite = isfinite(optimizer_norm(network->parameters, network->parameter_count, network->threads));
    return finite ? STATUS_OK : diverged_after(t, "weights are");
}

static void show_progress(struct trainer *t, size_t position)
{
    read_clock(t);
    double seconds = t->progress->seconds - t->seconds_before;
    double rate = (double)(t->progress->samples_seen - t->samples_at_start) / fmax(seconds, 1e-9);
    double all = (double)t->config->train.epochs * (double)t->job->train.count;
    display_step(&t->display, t->progress->epoch, position / t->job->batch, t->progress->epoch_sum, rate,
                 (all - (double)t->progress->samples_seen) / rate);
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

/* Steps from where the epoch stands to its end, or to the last step wanted. */
static enum status run_steps(struct trainer *t)
{
    size_t count = t->job->train.count, batch = t->job->batch;
    size_t position = (size_t)(t->progress->samples_seen - t->progress->epoch * count);
    t->steps_started = clock_seconds();
    const size_t *samples = order_of_epoch(&t->order, t->progress->epoch);
    while (position < count && !steps_done(t)) {
        size_t n = count - position < batch ? count - position : batch;
        double rate = rate_now(t);
        struct batch_source source = {t->job, samples + position};
        struct step_result result =
            step_take(&t->step, t->progress->step, n, rate, signals_stop_asked(), gather, &source);
        if (!result.finite)
            return diverged(t, &source, n, rate);
        t->last_rate = rate;
        t->stop = result.stop;
        position += n;
        t->progress->step++;
        average_step(&t->average, &t->job->network, t->progress->step);
        t->progress->samples_seen += n;
        t->progress->epoch_sum = loss_add(t->progress->epoch_sum, result.loss);
        show_progress(t, position);
        enum status status = compare_replicas(t);
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

/* The test data's loss at the end of an epoch, with the weights to use. */
static enum status test_epoch(struct trainer *t, struct loss_sum *test)
{
    *test = (struct loss_sum){0};
    if (!t->job->has_test)
        return STATUS_OK;
    average_exchange(&t->average, &t->job->network);
    enum status status = evaluation_run(&t->job->network, t->job->comm, &t->job->test,
                                        job_normalization(t->job), test, NULL, NULL);
    average_exchange(&t->average, &t->job->network);
    return status || isfinite(loss_mean(*test)) ? status : diverged_after(t, "test loss is");
}

static enum status finish_epoch(struct trainer *t)
{
    const struct config *c = t->config;
    struct progress *p = t->progress;
    struct loss_sum test;
    double steps_seconds = clock_seconds() - t->steps_started;
    double images_per_s =
        (double)(p->epoch_sum.samples - t->epoch_samples_at_start) / fmax(steps_seconds, 1e-9);
    enum status status = test_epoch(t, &test);
    if (status)
        return status;
    bool best = note_best(p, test);
    read_clock(t);
    p->epoch++;
    struct metrics_row row = {p->epoch, p->step,      p->samples_seen, p->epoch_sum,
                              test,     t->last_rate, images_per_s,    p->seconds};
    double shown = p->epoch_seconds;
    p->epoch_sum = (struct loss_sum){0};
    p->epoch_seconds = t->epoch_before = 0;
    t->epoch_started = clock_seconds();
    t->epoch_samples_at_start = 0;
    display_epoch(&t->display, p->epoch, p->step, row.train, test, t->last_rate, images_per_s, shown, best);
    watch_enter(t->job->comm->watch, WATCH_CHECKPOINT);
    bool due = c->checkpoint.every && p->epoch % c->checkpoint.every == 0;
    if (t->job->comm->rank == 0) /* first: what a resumed run repeats, it drops from the file */
        status = metrics_append(c->run.output, &row);
    status = comm_agree(t->job->comm, status);
    if (!status && (due || best || p->epoch == c->train.epochs || steps_done(t)))
        status = state_write(&t->state, t->config_text, best);
    return status;
}

static enum status run_epochs(struct trainer *t)
{
    enum status status = STATUS_OK;
    uint64_t first = t->progress->step;
    while (!status && t->progress->epoch < t->config->train.epochs && !steps_done(t)) {
        status = run_steps(t);
        if (!status && t->progress->samples_seen == (t->progress->epoch + 1) * t->job->train.count)
            status = finish_epoch(t);
        else if (!status && !(status = comm_agree(t->job->comm, check_weights(t)))) {
            watch_enter(t->job->comm->watch, WATCH_CHECKPOINT);
            status = state_write(&t->state, t->config_text, false);
        }
    }
    if (status) {
        display_clear(&t->display);
        return status;
    }
    if (t->progress->step == first)
        log_print(
            "nothing to do: %llu steps and %llu of %zu epochs are done; a larger train.epochs goes on\n",
            (unsigned long long)first, (unsigned long long)t->progress->epoch, t->config->train.epochs);
    return STATUS_OK;
}

static void print_end(struct trainer *t)
{
    char seconds[32];
    display_clear(&t->display);
    log_print("\n%s after %llu steps, %s", t->progress->epoch < t->config->train.epochs ? "stopped" : "done",
              (unsigned long long)t->progress->step, text_seconds(seconds, t->progress->seconds));
    if (isfinite(t->progress->best_metric))
        log_print("; best test %s %.4f at step %llu", t->progress->best_metric < 0 ? "loss" : "accuracy",
                  fabs(t->progress->best_metric), (unsigned long long)t->progress->best_step);
    log_print("\n");
    summary_print_communication(&t->step.reducer);
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
    enum status status = job_bind(job, true);
    if (!status)
        status = optimizer_create(&t->optimizer, optimizer_types[c->train.optimizer], &settings,
                                  job->network.parameter_count);
    if (!status)
        status = average_create(&t->average, &average, job->network.parameter_count);
    if (!status)
        status = order_create(&t->order, job->train.count, c->run.seed, c->data.shuffle);
    status = comm_agree(job->comm, status);
    if (!status)
        status = step_create(&t->step, &job->network, &t->optimizer, job->comm, &step);
    if (!status)
        status = state_create(&t->state, job, &t->optimizer, &t->average, t->start);
    if (!status)
        status =
            comm_agree(job->comm, job->comm->rank == 0 ? start_claim_folder(t->start, t->config) : STATUS_OK);
    t->seconds_before = t->progress->seconds;
    t->epoch_before = t->progress->epoch_seconds;
    t->samples_at_start = t->progress->samples_seen;
    t->epoch_samples_at_start = t->progress->epoch_sum.samples;
    return status;
}

enum status trainer_run(struct job *job, const struct start *start, const char *config_text, uint64_t steps)
{
    struct trainer t = {.job = job,
                        .config = job->config,
                        .start = start,
                        .steps = steps,
                        .config_text = config_text,
                        .progress = &t.state.progress,
                        .last_rate = NAN};
    if (!job->has_data)
        return status_set(STATUS_USAGE, "%s: training needs data: [data] file is not set", job->config->path);
    enum status status = prepare(&t);
    if (status)
        goto done;
    display_create(&t.display, job->config->train.epochs, (job->train.count + job->batch - 1) / job->batch);
    t.started = t.epoch_started = clock_seconds();
    signals_prepare();
    status = run_epochs(&t);
    if (!status)
        print_end(&t);
    if (!status && t.stop && t.progress->epoch < job->config->train.epochs)
        status = status_set(STATUS_STOPPED, "stopped on request after step %llu; --resume goes on from %s",
                            (unsigned long long)t.progress->step, t.state.checkpoint);
done:
    state_destroy(&t.state);
    order_destroy(&t.order);
    step_destroy(&t.step);
    optimizer_destroy(&t.optimizer);
    average_destroy(&t.average);
    return status;
}
