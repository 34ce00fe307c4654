/* cnn-train: trains the network of a configuration, and what goes with it. */
#include "core/build_info.h"
#include "core/gradient_check.h"
#include "core/log.h"
#include "core/text.h"
#include "dist/startup.h"
#include "dist/watch.h"
#include "io/checkpoint.h"
#include "io/config.h"
#include "io/guard.h"
#include "tools/arguments.h"
#include "tools/threads.h"
#include "train/alike.h"
#include "train/benchmark.h"
#include "train/deadline.h"
#include "train/evaluation.h"
#include "train/job.h"
#include "train/signals.h"
#include "train/state.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: cnn-train [options] CONFIG.ini\n"
                            "       mpirun -np RANKS cnn-train [options] CONFIG.ini\n"
                            "\n"
                            "Trains the convolutional network of CONFIG.ini; leaves checkpoints and "
                            "metrics.csv in the run's output folder.\n"
                            "\n";

static const char notes[] =
    "\n"
    "Threads per rank: OMP_NUM_THREADS, by default the cores that the rank may run on. Exit codes: 0 done, 1 "
    "internal, 2 usage or\n"
    "configuration, 3 data, 4 checkpoint or output folder, 5 diverged, 85 stopped on request (SIGTERM,\n"
    "SIGINT or SIGUSR1) with a checkpoint: --resume goes on. SIGUSR2: a checkpoint, and on.\n";

enum { CHECKED_SAMPLES = 4 };

enum config_help_form { CONFIG_HELP_NONE, CONFIG_HELP_TERMINAL, CONFIG_HELP_MARKDOWN };

static const char newest[] = "newest"; /* of --resume */

struct arguments {
    char resume[OPTION_TEXT_MAX], init[OPTION_TEXT_MAX], evaluate[OPTION_TEXT_MAX],
        benchmark[OPTION_TEXT_MAX], allow_change[OPTION_TEXT_MAX], verify[OPTION_TEXT_MAX],
        time_limit[OPTION_TEXT_MAX];
    bool overwrite, dry_run, check_gradients, help, version;
    struct argument_list set;
    size_t steps;    /* 0: to the end */
    double seconds;  /* of --benchmark; 0: none */
    double limit;    /* seconds of --time-limit; 0: none */
    int help_config; /* enum config_help_form */
    const char *config;
};

#define FIELD(member) offsetof(struct arguments, member)

static const struct argument options[] = {
    {{NULL, "resume", OPTION_TEXT, FIELD(resume), "", 0, 0, NULL,
      "go on from the newest checkpoint in the output folder, or FILE"},
     .value = "FILE",
     .implied = newest},
    {{NULL, "overwrite", OPTION_BOOL, FIELD(overwrite), "no", 0, 0, NULL,
      "remove, at once, the run that the output folder holds"}},
    {{NULL, "allow-change", OPTION_TEXT, FIELD(allow_change), "", 0, 0, NULL,
      "with --resume: go on with another batch, precision, or other data, than the checkpoint was trained "
      "with"},
     .value = "batch,precision,data"},
    {{NULL, "init", OPTION_TEXT, FIELD(init), "", 0, 0, NULL,
      "start with the weights of a checkpoint's /model"},
     .value = "FILE.h5"},
    {{NULL, "steps", OPTION_SIZE, FIELD(steps), "", 1, 1e15, NULL,
      "stop, with a checkpoint, when the run has taken N optimizer steps in all"},
     .value = "N"},
    {{NULL, "time-limit", OPTION_TEXT, FIELD(time_limit), "", 0, 0, NULL,
      "stop in time, with a checkpoint, if this process is ended after MINUTES, M:S, H:M:S or D-H[:M[:S]]"},
     .value = "TIME"},
    {{NULL, "set", OPTION_TEXT, FIELD(set), NULL, 0, 0, NULL,
      "change a key of the configuration; may be repeated"},
     .value = "SECTION.KEY=VALUE",
     .repeats = true},
    {{NULL, "evaluate", OPTION_TEXT, FIELD(evaluate), "", 0, 0, NULL,
      "do not train: loss, accuracy and confusion matrix on the test data"},
     .value = "CHECKPOINT"},
    {{NULL, "verify", OPTION_TEXT, FIELD(verify), "", 0, 0, NULL,
      "do nothing but tell whether a checkpoint is whole and undamaged; needs no CONFIG.ini"},
     .value = "CHECKPOINT"},
    {{NULL, "dry-run", OPTION_BOOL, FIELD(dry_run), "no", 0, 0, NULL,
      "do not train: print the tables of layers and run"}},
    {{NULL, "benchmark", OPTION_TEXT, FIELD(benchmark), "", 0, 0, NULL,
      "do not train: time steps on one random batch, and every layer"},
     .value = "SECONDS"},
    {{NULL, "check-gradients", OPTION_BOOL, FIELD(check_gradients), "no", 0, 0, NULL,
      "do not train: compare gradients with finite differences"}},
    {{NULL, "help-config", OPTION_CHOICE, FIELD(help_config), "no", 0, 0, "no|terminal|markdown",
      "every key of CONFIG.ini and every layer; =markdown as a page"},
     .value = "FORM",
     .implied = "terminal"},
    {{NULL, "help", OPTION_BOOL, FIELD(help), "no", 0, 0, NULL, "this text"}},
    {{NULL, "version", OPTION_BOOL, FIELD(version), "no", 0, 0, NULL, "version, commit, compiler, BLAS"}},
};
static const char *const no_operand[] = {"CONFIG.ini"};
static const struct argument_table table = {options, OPTION_COUNT(options), no_operand, 1};
static const struct argument_table bare = {options, OPTION_COUNT(options), NULL, 0};

static bool trains(const struct arguments *a)
{
    return !a->evaluate[0] && !a->dry_run && !a->benchmark[0] && !a->check_gradients;
}

static enum status check_arguments(struct arguments *a)
{
    bool benchmark = a->benchmark[0] != 0, resume = a->resume[0] != 0, init = a->init[0] != 0;
    if (benchmark && (!text_to_double(a->benchmark, &a->seconds) || a->seconds <= 0))
        return status_set(STATUS_USAGE, "--benchmark %s: expected a number of seconds", a->benchmark);
    a->limit = 0;
    if (a->time_limit[0] && !deadline_limit(a->time_limit, &a->limit))
        return status_set(STATUS_USAGE,
                          "--time-limit %s: expected MINUTES, M:S, H:M:S, D-H, D-H:M or D-H:M:S, above 0",
                          a->time_limit);
    if ((a->evaluate[0] != 0) + a->dry_run + benchmark + a->check_gradients > 1)
        return status_set(STATUS_USAGE,
                          "--evaluate, --dry-run, --benchmark and --check-gradients exclude each other");
    if (!trains(a) && (resume || a->overwrite || a->steps || a->limit > 0 || (init && !a->check_gradients)))
        return status_set(STATUS_USAGE,
                          "--resume, --overwrite, --steps, --time-limit and --init go with training only%s",
                          a->check_gradients ? " (--init with --check-gradients too)" : "");
    if (resume && init)
        return status_set(STATUS_USAGE, "--resume and --init exclude each other");
    if (a->allow_change[0] && !resume)
        return status_set(STATUS_USAGE, "--allow-change goes with --resume only");
    return start_check_allow(a->allow_change);
}

/* --help, --version and --help-config need no configuration. True where it was one of them. */
static bool answer(const struct arguments *a)
{
    if (a->help) {
        log_print("%s", usage);
        if (log_is_speaker())
            arguments_help(&table, stdout);
        log_print("%s", notes);
    } else if (a->version) {
        log_print("cnn-train %s (%s), built with %s\n%s\n", build_version(), build_commit(), build_compiler(),
                  build_blas());
    } else if (a->help_config && log_is_speaker()) {
        config_help(stdout, a->help_config == CONFIG_HELP_MARKDOWN);
    }
    return a->help || a->version || a->help_config;
}

/* --verify, which needs no configuration either. `given`: the command line is sound but for that. */
static enum status verify(const struct comm *comm, const char *path, enum status given)
{
    startup_end();
    signals_release();
    enum status status = given;
    if (!status && comm->rank == 0)
        status = checkpoint_verify(path);
    status = comm_agree(comm, status);
    if (!status)
        log_print("%s: good\n", path);
    return status;
}

static enum status train(struct job *job, const struct arguments *a, struct start *start)
{
    char *text = NULL;
    struct config effective =
        *job->config; /* the data's shape with it, so that a checkpoint tells what it takes */
    effective.network.input = job->network.input;
    effective.data.window = job->window;
    enum status status = comm_agree(job->comm, config_text(&effective, &text));
    if (!status)
        status = trainer_run(job, start, text, a->steps, a->limit);
    free(text);
    return status;
}

static enum status evaluate(struct job *job, const char *path)
{
    size_t k = network_outputs(&job->network);
    struct normalization normalization = {0};
    struct loss_sum sum;
    uint64_t *confusion = NULL;
    if (!job->has_data)
        return status_set(STATUS_USAGE, "%s: [data] file is not set, so that there is nothing to evaluate on",
                          job->config->path);
    if (!job->has_test)
        return status_set(STATUS_DATA, "%s: there is no /test/images to evaluate on", job->config->data.file);
    enum status status = job_bind(job, false);
    if (!status && job->test.classes && !(confusion = calloc(k * k, sizeof *confusion)))
        status = status_no_memory("a confusion matrix", k * k * sizeof *confusion);
    status = comm_agree(job->comm, status);
    if (!status)
        status = state_load(job->comm, path, &job->network, &normalization);
    const struct evaluation_data data = {&job->test, &normalization, job_tta(job), job_test_stream(job)};
    if (!status)
        status = evaluation_run(&job->network, job->comm, &data, &sum, confusion, NULL);
    if (!status && confusion)
        evaluation_print_confusion(confusion, k, job->test.class_names);
    if (!status && sum.tries)
        log_print("test: loss %.4f accuracy %.4f\n", loss_mean(sum), loss_accuracy(sum));
    else if (!status)
        log_print("test: loss %.4f\n", loss_mean(sum));
    normalization_destroy(&normalization);
    free(confusion);
    return status;
}

static void report_check(const struct gradient_check *check, void *user)
{
    char name[LAYER_NAME_MAX + 32], count[32];
    (void)user;
    snprintf(name, sizeof name, "%s.%s", check->layer->name, check->parameter->name);
    log_print("  %-24s %12s parameters  %2zu checks  largest relative error %.1e  %s\n", name,
              text_count(count, check->parameter->count), check->checks, check->worst,
              check->passed ? "ok" : "WRONG");
}

static enum status check_gradients(struct job *job, const char *init)
{
    bool passed = false;
    size_t samples = job->shard_size < CHECKED_SAMPLES ? job->shard_size : CHECKED_SAMPLES;
    network_set_bf16(&job->network, false); /* the formula is in double, and rounds nothing */
    enum status status = job_bind(job, true);
    float *gradients = malloc(job->network.parameter_count * sizeof *gradients);
    if (!status && !gradients)
        status = status_no_memory("gradients", job->network.parameter_count * sizeof *gradients);
    if (!status) {
        network_init(&job->network, job->config->run.seed);
        if (init[0])
            status = checkpoint_read_model(init, &job->network);
    }
    if (!status)
        status = gradient_check_run(&job->network, samples, job->config->run.seed, gradients, report_check,
                                    NULL, &passed);
    free(gradients);
    if (!status && !passed)
        status = status_set(STATUS_INTERNAL, "gradients differ from finite differences by more than %g",
                            GRADIENT_CHECK_TOLERANCE);
    return status;
}

static enum status run_started(const struct comm *comm, const struct config *config,
                               const struct arguments *a, struct start *start)
{
    struct job job;
    enum status status = job_open(&job, comm, config, start->shards);
    if (status)
        return status;
    if (a->evaluate[0])
        status = evaluate(&job, a->evaluate);
    else if (a->check_gradients)
        status = comm_agree(comm, check_gradients(&job, a->init));
    else if (a->benchmark[0])
        status = benchmark_run(&job, a->seconds);
    else
        status = comm_agree(comm, job_print(&job));
    if (!status && trains(a))
        status = train(&job, a, start);
    job_close(&job);
    return status;
}

static enum status run_job(const struct comm *comm, const struct config *config, const struct arguments *a)
{
    struct start start = {0};
    const struct start_wish wish = {
        .resume = !a->resume[0]                ? NULL
                  : !strcmp(a->resume, newest) ? ""
                                               : a->resume,
        .overwrite = a->overwrite,
        .init = a->init[0] ? a->init : NULL,
        .allow = a->allow_change,
    };
    if (!trains(a))
        return run_started(comm, config, a, &start);
    enum status status = start_find(&start, comm, config, &wish);
    struct config effective = *config;
    if (start.resume)
        effective.data.window = start.window;
    if (!status)
        status = run_started(comm, &effective, a, &start);
    start_release(&start);
    return status;
}

static enum status run(struct comm *comm, int argc, char **argv)
{
    struct arguments a;
    struct watch watch;
    struct config config = {0};
    char *text = NULL;
    enum status together = alike_program(comm), status = arguments_parse(&table, argc, argv, &a, &a.config);
    if (!together)
        together = alike_options(comm, status ? 0 : arguments_digest(&table, &a, &a.config));
    if (together)
        return together;
    if (arguments_want_help(argc, argv))
        a = (struct arguments){.help = true};
    else if (a.verify[0])
        return verify(comm, a.verify, status ? arguments_parse(&bare, argc, argv, &a, NULL) : STATUS_OK);
    else if (status && !a.version && !a.help_config)
        return comm_agree(comm, status);
    if (answer(&a))
        return comm_agree(comm, STATUS_OK);
    status = comm_agree(comm, check_arguments(&a));
    if (status)
        return status;
    if (!trains(&a))
        signals_release();
    status =
        comm_broadcast_text(comm, comm->rank == 0 ? config_read_text(a.config, &text) : STATUS_OK, &text);
    if (!status)
        status = comm_agree(comm, config_parse(&config, a.config, text, a.set.values, a.set.count));
    free(text);
    if (!status)
        status = alike_config(comm, &config);
    if (!status)
        status = watch_create(&watch, comm, config.distributed.stall_warn, config.distributed.stall_abort);
    startup_end();
    if (!status) {
        comm->watch = &watch;
        status = run_job(comm, &config, &a);
        comm->watch = NULL;
        watch_destroy(&watch);
    }
    config_destroy(&config);
    return status;
}

/* Collective, at the end of a run that was stopped. Files are written, and all ranks know it; where mpirun
 * ends the job, MPI_Finalize would wait for it until it kills. */
static void leave_before_launcher(const struct comm *comm)
{
    if (comm_first(comm, signals_launcher_ends()) >= 0) {
        fflush(NULL);
        _exit(STATUS_STOPPED);
    }
}

int main(int argc, char **argv)
{
    struct comm comm;
    signals_hold();
    threads_prepare(argv);
    signals_prepare();
    guard_allow(_exit);
    startup_begin(STARTUP_SECONDS, _exit);
    enum status status = comm_create(&comm, &argc, &argv);
    if (status && comm.rank > 0)
        log_error("not started: process %d of %d, of which the first one tells why", comm.rank,
                  comm.launcher.size);
    if (!status)
        status = log_finish(run(&comm, argc, argv));
    if (status == STATUS_STOPPED)
        log_print("%s\n", status_message());
    else if (status && comm.rank == 0)
        log_error("%s", status_message());
    if (status == STATUS_STOPPED)
        leave_before_launcher(&comm);
    comm_destroy(&comm);
    return (int)status;
}
