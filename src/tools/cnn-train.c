/* cnn-train: trains the network of a configuration, and what goes with it. */
#include "core/build_info.h"
#include "core/gradient_check.h"
#include "core/log.h"
#include "core/text.h"
#include "io/checkpoint.h"
#include "io/config.h"
#include "tools/command_line.h"
#include "train/benchmark.h"
#include "train/evaluation.h"
#include "train/job.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: cnn-train [options] CONFIG.ini\n"
    "       mpirun -np 1 cnn-train [options] CONFIG.ini\n"
    "\n"
    "Trains the convolutional network of CONFIG.ini; leaves checkpoints and metrics.csv in the run's output "
    "folder.\n"
    "\n"
    "  --resume[=FILE]         go on from the newest checkpoint of the output folder, or from FILE\n"
    "  --overwrite             let go of the run that the output folder holds\n"
    "  --init FILE.h5          start with the weights of a checkpoint's /model\n"
    "  --steps N               stop, with a checkpoint, when the run has taken N optimizer steps in all\n"
    "  --set SECTION.KEY=VALUE change a key of the configuration; may be repeated\n"
    "\n"
    "Instead of training:\n"
    "  --evaluate CHECKPOINT   loss, accuracy and confusion matrix on the test data\n"
    "  --dry-run               print the tables of layers and run\n"
    "  --benchmark SECONDS     train on one random batch; time per layer, images/s\n"
    "  --check-gradients       compare gradients with finite differences\n"
    "  --help-config           every key of CONFIG.ini and every layer; =markdown as a page\n"
    "  --help, --version\n"
    "\n"
    "Threads: OMP_NUM_THREADS, by default all cores. Exit codes: 0 done, 1 internal, 2 usage or "
    "configuration, 3 data,\n"
    "4 checkpoint or output folder, 5 diverged.\n";

enum mode { TRAIN, EVALUATE, DRY_RUN, BENCHMARK, CHECK_GRADIENTS };

enum { OVERRIDES_MAX = 256, CHECKED_SAMPLES = 4 };

struct arguments {
    enum mode mode;
    const char *config, *init, *evaluate, *resume_file;
    const char *overrides[OVERRIDES_MAX];
    size_t override_count;
    bool resume, overwrite;
    uint64_t steps;
    double seconds;
    bool finished; /* --help and the like: it is said already */
};

enum flag {
    RESUME,
    OVERWRITE,
    INIT,
    STEPS,
    SET,
    FLAG_EVALUATE,
    FLAG_DRY_RUN,
    FLAG_BENCHMARK,
    CHECK,
    HELP_CONFIG,
    HELP,
    VERSION
};

static const struct command_option options[] = {
    [RESUME] = {"resume", COMMAND_VALUE_OPTIONAL},
    [OVERWRITE] = {"overwrite", COMMAND_VALUE_NONE},
    [INIT] = {"init", COMMAND_VALUE_NEEDED},
    [STEPS] = {"steps", COMMAND_VALUE_NEEDED},
    [SET] = {"set", COMMAND_VALUE_NEEDED},
    [FLAG_EVALUATE] = {"evaluate", COMMAND_VALUE_NEEDED},
    [FLAG_DRY_RUN] = {"dry-run", COMMAND_VALUE_NONE},
    [FLAG_BENCHMARK] = {"benchmark", COMMAND_VALUE_NEEDED},
    [CHECK] = {"check-gradients", COMMAND_VALUE_NONE},
    [HELP_CONFIG] = {"help-config", COMMAND_VALUE_OPTIONAL},
    [HELP] = {"help", COMMAND_VALUE_NONE},
    [VERSION] = {"version", COMMAND_VALUE_NONE},
};

static enum status set_mode(struct arguments *a, enum mode mode)
{
    if (a->mode != TRAIN && a->mode != mode)
        return status_set(STATUS_USAGE,
                          "--evaluate, --dry-run, --benchmark and --check-gradients exclude each other");
    a->mode = mode;
    return STATUS_OK;
}

static enum status add_override(struct arguments *a, const char *value)
{
    if (a->override_count == OVERRIDES_MAX)
        return status_set(STATUS_USAGE, "--set: more than %d times", OVERRIDES_MAX);
    a->overrides[a->override_count++] = value;
    return STATUS_OK;
}

static enum status print_config_help(const char *form)
{
    if (form && strcmp(form, "markdown"))
        return status_set(STATUS_USAGE, "--help-config=%s: the form can only be markdown", form);
    if (log_is_speaker())
        config_help(stdout, form != NULL);
    return STATUS_OK;
}

static enum status apply(struct arguments *a, enum flag flag, const char *value)
{
    a->finished |= flag == HELP || flag == VERSION || flag == HELP_CONFIG;
    switch (flag) {
    case RESUME:
        a->resume = true;
        a->resume_file = value;
        break;
    case OVERWRITE:
        a->overwrite = true;
        break;
    case INIT:
        a->init = value;
        break;
    case STEPS:
        if (!text_to_uint64(value, &a->steps) || a->steps == 0)
            return status_set(STATUS_USAGE, "--steps %s: expected a whole number of 1 or more", value);
        break;
    case SET:
        return add_override(a, value);
    case FLAG_EVALUATE:
        a->evaluate = value;
        return set_mode(a, EVALUATE);
    case FLAG_DRY_RUN:
        return set_mode(a, DRY_RUN);
    case FLAG_BENCHMARK:
        if (!text_to_double(value, &a->seconds) || a->seconds <= 0)
            return status_set(STATUS_USAGE, "--benchmark %s: expected a number of seconds", value);
        return set_mode(a, BENCHMARK);
    case CHECK:
        return set_mode(a, CHECK_GRADIENTS);
    case HELP_CONFIG:
        return print_config_help(value);
    case HELP:
        log_print("%s", usage);
        break;
    case VERSION:
        log_print("cnn-train %s (%s), built with %s\n%s\n", build_version(), build_commit(), build_compiler(),
                  build_blas());
        break;
    }
    return STATUS_OK;
}

static enum status parse_arguments(int argc, char **argv, struct arguments *a)
{
    struct command_line line = {
        .options = options, .option_count = OPTION_COUNT(options), .argc = argc, .argv = argv};
    struct command_word word;
    enum status status = STATUS_OK;
    if (argc == 1) {
        log_print("%s", usage);
        a->finished = true;
    }
    while (!status && !a->finished && !(status = command_line_next(&line, &word)) && !word.end) {
        if (word.option)
            status = apply(a, (enum flag)(word.option - options), word.value);
        else if (a->config)
            status = status_set(STATUS_USAGE, "one CONFIG.ini, please: both %s and %s are given", a->config,
                                word.value);
        else
            a->config = word.value;
    }
    if (status || a->finished)
        return status;
    if (!a->config)
        return status_set(STATUS_USAGE, "no CONFIG.ini is given; --help tells more");
    if (a->resume + a->overwrite + (a->init != NULL) > 1 && !(a->overwrite && a->init))
        return status_set(STATUS_USAGE, "--resume goes with neither --overwrite nor --init");
    return STATUS_OK;
}

static enum status train(struct job *job, const struct arguments *a, const char *checkpoint)
{
    char *text = NULL;
    struct trainer_options training = {
        .start = a->resume      ? TRAINER_RESUME
                 : a->overwrite ? TRAINER_OVERWRITE
                                : TRAINER_NEW,
        .checkpoint = a->resume ? checkpoint : a->init,
        .steps = a->steps,
    };
    enum status status = config_text(job->config, &text);
    if (!status)
        status = job_print(job);
    if (!status)
        status = trainer_run(job, text, &training);
    free(text);
    return status;
}

static enum status evaluate(struct job *job, const char *path)
{
    size_t k = network_outputs(&job->network);
    struct checkpoint_info info = {0};
    struct loss_sum sum;
    uint64_t *confusion = NULL;
    if (!job->has_test)
        return status_set(STATUS_DATA, "%s: there is no /test/images to evaluate on", job->config->data.file);
    enum status status = checkpoint_read_info(path, &info);
    if (!status)
        status = job_bind(job, false);
    if (!status)
        status = checkpoint_read_model(path, &job->network);
    if (!status && job->test.classes && !(confusion = calloc(k * k, sizeof *confusion)))
        status = status_no_memory("a confusion matrix", k * k * sizeof *confusion);
    if (!status)
        status = evaluation_run(&job->network, &job->test, &info.normalization, &sum, confusion, NULL);
    if (!status && confusion)
        evaluation_print_confusion(confusion, k, job->test.class_names);
    if (!status && sum.tries)
        log_print("test: loss %.4f accuracy %.4f\n", loss_mean(sum), loss_accuracy(sum));
    else if (!status)
        log_print("test: loss %.4f\n", loss_mean(sum));
    checkpoint_info_destroy(&info);
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
    enum status status = job_bind(job, true);
    float *gradients = malloc(job->network.parameter_count * sizeof *gradients);
    if (!status && !gradients)
        status = status_no_memory("gradients", job->network.parameter_count * sizeof *gradients);
    if (!status) {
        network_init(&job->network, job->config->run.seed);
        if (init)
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

static enum status run_job(const struct comm *comm, const struct config *config, const struct arguments *a)
{
    char checkpoint[1024];
    size_t shards = 0;
    struct job job;
    enum status status = STATUS_OK;
    if (a->mode == TRAIN && a->resume)
        status = trainer_find_checkpoint(config, a->resume_file, checkpoint, &shards);
    if (!status)
        status = job_open(&job, comm, config, shards);
    if (status)
        return status;
    switch (a->mode) {
    case TRAIN:
        status = train(&job, a, checkpoint);
        break;
    case EVALUATE:
        status = evaluate(&job, a->evaluate);
        break;
    case DRY_RUN:
        status = job_print(&job);
        break;
    case BENCHMARK:
        status = job_print(&job);
        if (!status)
            status = benchmark_run(&job, a->seconds);
        break;
    case CHECK_GRADIENTS:
        status = check_gradients(&job, a->init);
        break;
    }
    job_close(&job);
    return status;
}

static enum status run(const struct comm *comm, int argc, char **argv)
{
    struct arguments a = {0};
    struct config config;
    char *text = NULL;
    enum status status = parse_arguments(argc, argv, &a);
    if (status || a.finished)
        return status;
    if (comm->size > 1)
        return status_set(STATUS_USAGE, "started on %d ranks: this version trains on one; use mpirun -np 1",
                          comm->size);
    status =
        comm_broadcast_text(comm, comm->rank == 0 ? config_read_text(a.config, &text) : STATUS_OK, &text);
    if (!status)
        status = config_parse(&config, a.config, text, a.overrides, a.override_count);
    free(text);
    if (status)
        return status;
    status = run_job(comm, &config, &a);
    config_destroy(&config);
    return status;
}

int main(int argc, char **argv)
{
    struct comm comm;
    enum status status = comm_create(&comm, &argc, &argv);
    if (!status)
        status = run(&comm, argc, argv);
    if (status && comm.rank == 0)
        log_error("%s", status_message());
    comm_destroy(&comm);
    return (int)status;
}
