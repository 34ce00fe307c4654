/* Shows, compares and verifies checkpoints. */
#include "core/build_info.h"
#include "core/log.h"
#include "core/text.h"
#include "io/checkpoint_diff.h"
#include "tools/arguments.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIFFERENT = 1 }; /* exit code of diff, as diff and cmp have it */

struct command {
    const char *name, *usage, *summary, *notes;
    const struct argument_table *table;
    enum status (*run)(const struct argument_table *table, int argc, char **argv, int *code);
};

struct info_options {
    bool config;
};
static const struct argument info_arguments[] = {
    {{NULL, "config", OPTION_BOOL, offsetof(struct info_options, config), "no", 0, 0, NULL,
      "and print the configuration in it"}},
};
static const char *const info_operands[] = {"FILE"};
static const struct argument_table info_table = {info_arguments, OPTION_COUNT(info_arguments), info_operands,
                                                 1};

struct diff_options {
    bool arrays;
};
static const struct argument diff_arguments[] = {
    {{NULL, "arrays", OPTION_BOOL, offsetof(struct diff_options, arrays), "no", 0, 0, NULL,
      "compare weights and optimizer only"}},
};
static const char *const diff_operands[] = {"A", "B"};
static const struct argument_table diff_table = {diff_arguments, OPTION_COUNT(diff_arguments), diff_operands,
                                                 2};

static const struct argument_table verify_table = {NULL, 0, NULL, 0};

static void print_state(const struct progress *p)
{
    char steps[32], samples[32], seconds[32];
    log_print("  state      step %s, %llu epoch%s and %llu samples of the next, %s samples in all, %s\n",
              text_count(steps, p->step), (unsigned long long)p->epoch, text_plural((double)p->epoch),
              (unsigned long long)p->epoch_sum.samples, text_count(samples, p->samples_seen),
              text_seconds(seconds, p->seconds));
    log_print("  run        seed %llu, batch %llu in %llu shard%s\n", (unsigned long long)p->seed,
              (unsigned long long)p->batch, (unsigned long long)p->shards, text_plural((double)p->shards));
    if (isnan(p->best_metric))
        log_print("  best       none yet\n");
    else
        log_print("  best       test %s %.4f at step %llu\n", p->best_metric < 0 ? "loss" : "accuracy",
                  fabs(p->best_metric), (unsigned long long)p->best_step);
}

static void print_provenance(const struct checkpoint_provenance *p, const char *changes)
{
    const char *ranks = checkpoint_fact(p, "ranks"), *threads = checkpoint_fact(p, "threads");
    log_print("  written    %s on %s, %s rank%s x %s thread%s\n", checkpoint_fact(p, "date"),
              checkpoint_fact(p, "hosts"), ranks, text_plural(atof(ranks)), threads,
              text_plural(atof(threads)));
    log_print("  program    cnn-train %s (%s), %s\n", checkpoint_fact(p, "version"),
              checkpoint_fact(p, "commit"), checkpoint_fact(p, "compiler"));
    log_print("  libraries  %s; %s; %s\n", checkpoint_fact(p, "hdf5"), checkpoint_fact(p, "blas"),
              checkpoint_fact(p, "mpi"));
    for (size_t length; *changes; changes += length + (changes[length] == '\n')) {
        length = strcspn(changes, "\n");
        log_print("  changed    %.*s\n", (int)length, changes);
    }
}

struct arrays {
    size_t model, slots;
};

/* checkpoint_visit */
static enum status print_array(void *user, const char *name, const size_t *dimensions, size_t rank,
                               size_t count)
{
    struct arrays *arrays = user;
    char shape[64] = "", number[32];
    size_t used = 0;
    for (size_t i = 0; i < rank && used < sizeof shape; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%zu", i ? "x" : "", dimensions[i]);
    bool model = !strncmp(name, "/model/", 7);
    log_print("  %-40s %-16s %12s\n", name, shape, text_count(number, count));
    *(model ? &arrays->model : &arrays->slots) += count;
    return STATUS_OK;
}

static enum status show(const char *path, const struct info_options *options)
{
    struct checkpoint_info info = {0};
    struct checkpoint_provenance provenance = {0};
    struct arrays arrays = {0, 0};
    char model[32], slots[32];
    enum status status = checkpoint_verify(path);
    if (!status)
        status = checkpoint_read_info(path, &info);
    if (!status)
        status = checkpoint_read_provenance(path, &provenance);
    if (status)
        goto done;
    log_print("%s\n", path);
    print_state(&info.progress);
    log_print("  data       digest %016llx, %s, %zu classes with names\n",
              (unsigned long long)info.data_digest, info.normalization.present ? "normalised" : "as it is",
              info.class_count);
    print_provenance(&provenance, info.changes);
    log_print("\n  %-40s %-16s %12s\n", "array", "shape", "values");
    status = checkpoint_visit_arrays(path, print_array, &arrays);
    if (!status)
        log_print("\n  %s values in /model, %s in /optimizer\n", text_count(model, arrays.model),
                  text_count(slots, arrays.slots));
    if (!status && options->config)
        log_print("\n%s", info.config_text);
done:
    checkpoint_provenance_destroy(&provenance);
    checkpoint_info_destroy(&info);
    return status;
}

static enum status run_info(const struct argument_table *table, int argc, char **argv, int *code)
{
    struct info_options options;
    const char *path = NULL;
    (void)code;
    enum status status = arguments_parse(table, argc, argv, &options, &path);
    return status ? status : show(path, &options);
}

static void print_array_difference(const struct array_difference *d)
{
    char differing[32], count[32];
    switch (d->kind) {
    case DIFFERS_IN_VALUES:
        log_print("  %-40s %.2e absolute, %.2e relative, %s of %s values\n", d->name, d->absolute,
                  d->relative, text_count(differing, d->differing), text_count(count, d->count));
        break;
    case DIFFERS_IN_SHAPE:
        log_print("  %-40s %s in the first, %s in the second\n", d->name, d->shapes[0], d->shapes[1]);
        break;
    case ONLY_IN_FIRST:
        log_print("  %-40s only in the first (%s)\n", d->name, d->shapes[0]);
        break;
    case ONLY_IN_SECOND:
        log_print("  %-40s only in the second (%s)\n", d->name, d->shapes[1]);
        break;
    }
}

static void print_facts(const struct checkpoint_diff *diff)
{
    for (size_t i = 0; i < diff->fact_count; i++) {
        const struct fact_difference *f = &diff->facts[i];
        log_print("  %-40s %s -> %s%s\n", f->name, f->was[0] ? f->was : "(empty)",
                  f->is[0] ? f->is : "(empty)", f->counts ? "" : "  (does not count)");
    }
}

static void print_diff(const struct checkpoint_diff *diff, bool arrays)
{
    size_t all = diff->same + diff->array_count;
    if (!diff->array_count)
        log_print("arrays: all %zu are equal bit for bit\n", all);
    else
        log_print("arrays: %zu of %zu differ, the first is %s\n", diff->array_count, all,
                  diff->arrays[0].name);
    if (diff->array_count && diff->arrays[0].kind == DIFFERS_IN_VALUES)
        log_print("  from its value %zu on, by %.9g at most\n", diff->arrays[0].first,
                  diff->arrays[0].absolute);
    for (size_t i = 0; i < diff->array_count; i++)
        print_array_difference(&diff->arrays[i]);
    if (!arrays && diff->fact_count) {
        log_print("state, data and configuration:\n");
        print_facts(diff);
    }
}

static enum status run_diff(const struct argument_table *table, int argc, char **argv, int *code)
{
    struct diff_options options;
    struct checkpoint_diff diff;
    const char *paths[2] = {NULL, NULL};
    enum status status = arguments_parse(table, argc, argv, &options, paths);
    if (!status)
        status = checkpoint_diff(paths[0], paths[1], &diff);
    if (status)
        return status;
    print_diff(&diff, options.arrays);
    *code = checkpoint_differs(&diff, options.arrays) ? DIFFERENT : 0;
    checkpoint_diff_destroy(&diff);
    return STATUS_OK;
}

/* Any number of files, all of them looked at. */
static enum status run_verify(const struct argument_table *table, int argc, char **argv, int *code)
{
    bool only_files = false;
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        bool option = !only_files && !strncmp(argv[i], "--", 2);
        if (option && argv[i][2]) {
            char *const word[] = {argv[0], argv[i]};
            return arguments_parse(table, 2, word, NULL, NULL);
        }
        only_files = only_files || option;
        files += !option;
    }
    if (!files)
        return status_set(STATUS_USAGE, "verify needs a FILE");
    only_files = false;
    for (int i = 1; i < argc; i++) {
        if (!only_files && !strcmp(argv[i], "--")) {
            only_files = true;
            continue;
        }
        bool good = checkpoint_verify(argv[i]) == STATUS_OK;
        log_print("%s%s\n", good ? argv[i] : status_message(), good ? ": good" : "");
        if (!good)
            *code = STATUS_CHECKPOINT;
    }
    return STATUS_OK;
}

static const struct command commands[] = {
    {"info", "[options] FILE", "what is in a checkpoint: state, origin, arrays",
     "Verifies it first. For example:\n\n  cnn-checkpoint info --config checkpoints/digits/best.h5\n",
     &info_table, run_info},
    {"diff", "[options] A B", "what differs between two checkpoints, bit for bit",
     "Exit codes: 0 equal, 1 different, 2 usage, 4 a file cannot be read. Names, folders and seconds are "
     "told "
     "and do\nnot count. For example:\n\n"
     "  cnn-checkpoint diff --arrays a/latest.h5 b/latest.h5 && echo same weights\n",
     &diff_table, run_diff},
    {"verify", "FILE...", "whether files are whole, undamaged checkpoints",
     "A line per file. Exit codes: 0 all are good, 4 one is not. For example:\n\n"
     "  cnn-checkpoint verify checkpoints/digits/step-*.h5\n",
     &verify_table, run_verify},
};

static void print_help(const struct command *c)
{
    if (c) {
        log_print("usage: cnn-checkpoint %s %s\n\nTells %s.\n\n", c->name, c->usage, c->summary);
        arguments_help(c->table, stdout);
        log_print("%s%s", c->table->count ? "\n" : "", c->notes);
        return;
    }
    log_print(
        "usage: cnn-checkpoint COMMAND [options] FILE...\n\nShows, compares and verifies checkpoints of "
        "cnn-train.\n\n");
    for (size_t i = 0; i < OPTION_COUNT(commands); i++)
        log_print("  %-12s %s\n", commands[i].name, commands[i].summary);
    log_print("\n  cnn-checkpoint COMMAND --help tells the options of one; cnn-checkpoint --version the "
              "version\n");
}

static enum status run(int argc, char **argv, int *code)
{
    const char *names[OPTION_COUNT(commands)];
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(NULL);
        return STATUS_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        log_print("cnn-checkpoint %s (%s)\n", build_version(), build_commit());
        return STATUS_OK;
    }
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        names[i] = commands[i].name;
        if (strcmp(commands[i].name, argv[1]))
            continue;
        if (!arguments_want_help(argc - 1, argv + 1))
            return commands[i].run(commands[i].table, argc - 1, argv + 1, code);
        print_help(&commands[i]);
        return STATUS_OK;
    }
    const char *nearest = text_nearest(argv[1], names, OPTION_COUNT(commands));
    return status_set(STATUS_USAGE, "unknown command '%s'%s%s%s (see cnn-checkpoint --help)", argv[1],
                      nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

int main(int argc, char **argv)
{
    int code = 0;
    enum status status = log_finish(run(argc, argv, &code));
    if (status)
        log_error("%s", status_message());
    return status ? (int)status : code;
}
