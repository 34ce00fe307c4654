#pragma once
/* The configuration: an INI file, checked against one table of keys. Everybody who wants to know a key
 * (parser, --set, --help-config, the reference in docs/, the text kept in checkpoints) reads that table. */
#include "core/network.h"
#include "core/option.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CONFIG_LAYERS_MAX = 4096, CONFIG_KEYS_MAX = 128 };

enum config_optimizer {
    CONFIG_SGD,
    CONFIG_ADAM,
    CONFIG_ADAMW,
    CONFIG_RMSPROP,
    CONFIG_LARS,
    CONFIG_LAMB
}; /* as optimizer_types */
enum config_allreduce { CONFIG_RING, CONFIG_TREE, CONFIG_MPI };
enum config_overlap { CONFIG_OVERLAP_AUTO, CONFIG_OVERLAP_YES, CONFIG_OVERLAP_NO };
enum config_schedule {
    CONFIG_CONSTANT,
    CONFIG_STEP,
    CONFIG_MULTISTEP,
    CONFIG_COSINE,
    CONFIG_POLYNOMIAL,
    CONFIG_EXPONENTIAL,
    CONFIG_ONECYCLE,
    CONFIG_TRIANGULAR,
}; /* as enum schedule_kind */
enum config_precision { CONFIG_FLOAT32, CONFIG_BF16 };
enum config_lr_scaling { CONFIG_SCALING_NONE, CONFIG_SCALING_LINEAR, CONFIG_SCALING_SQRT };

struct config {
    char path[OPTION_TEXT_MAX]; /* where it came from, for messages */
    struct {
        char name[OPTION_TEXT_MAX];   /* default: the file's name without folder and .ini */
        char output[OPTION_TEXT_MAX]; /* default: checkpoints/NAME */
        uint64_t seed;
    } run;
    struct {
        char file[OPTION_TEXT_MAX]; /* HDF5; "": none given */
        bool shuffle, share;
        size_t memory; /* MiB; 0: half of the host's */
        double window; /* share of the training samples; 0: not decided */
    } data;
    struct {
        int flip; /* enum augment_flip */
        size_t pad;
        int padding; /* enum augment_padding */
        size_t cutout;
        double brightness, contrast, mixup;
    } augment;
    struct {
        struct shape input; /* 0x0x0: the data's */
        struct layer_line *lines;
        size_t line_count;
    } network;
    struct {
        double epochs;
        size_t batch;
        int precision; /* enum config_precision */
        int optimizer; /* enum config_optimizer */
        double lr, momentum;
        bool nesterov;
        double beta1, beta2, alpha, eps, trust; /* struct optimizer_settings */
        double weight_decay, clip_norm;         /* 0: off */
        int schedule;                           /* enum config_schedule */
        double warmup, warmup_factor;           /* epochs; share of lr to start from */
        double step_epochs, step_factor;
        char milestones[OPTION_TEXT_MAX]; /* epochs, with commas */
        double final_lr, power;           /* of cosine, polynomial */
        double cycle_start, cycle_peak, cycle_end;
        double schedule_epochs; /* 0: epochs */
        double ema;             /* struct average_settings */
        size_t lookahead;
        double lookahead_alpha, lookahead_power;
        bool lookahead_buffers;
        double label_smoothing;
        char class_weights[OPTION_TEXT_MAX]; /* "": none; balanced; or numbers with commas */
        int lr_scaling;                      /* enum config_lr_scaling */
        size_t base_batch;
    } train;
    struct {
        size_t every; /* epochs; 0: after the last only */
        int tta;      /* enum tta */
    } evaluate;
    struct {
        size_t shards;                  /* 0: as many as ranks */
        int allreduce;                  /* enum config_allreduce */
        size_t bucket;                  /* KiB */
        int overlap;                    /* enum config_overlap */
        size_t check_every;             /* steps; 0: never */
        double stall_warn, stall_abort; /* seconds; 0: never */
    } distributed;
    struct {
        struct interval every; /* never: only at the end */
        size_t keep;           /* beside the best, 0: all */
        double stop_before;    /* minutes; 0: off */
    } checkpoint;
};

/* One row per key, [network]'s layers excepted, whose options are in their types' tables. Offsets are into
 * struct config. What the order of samples, the masks or the arrays hang on may not change in a run. */
extern const struct option config_keys[];
extern const size_t config_key_count;

/* The whole file as text, zero-terminated, to be freed by the caller. STATUS_USAGE: missing, unreadable, a
 * folder, more than 1 MiB, or a zero byte in it. */
enum status config_read_text(const char *path, char **text);

/* Parses text and the overrides ("section.key=value", as --set gives them, in order; the last of equals
 * counts), checks every key, and what keys say together. The only thing that must be there is a layer.
 * An override may replace the line of a layer that is there. STATUS_USAGE: names file and line, or the
 * override, and for unknown sections, keys and values the nearest known word; the config is then empty.
 * config_destroy frees. Layers' types and options are checked by network_plan. */
enum status config_parse(struct config *config, const char *path, const char *text,
                         const char *const *overrides, size_t override_count);
void config_destroy(struct config *config);

/* The configuration in effect as INI text that config_parse reads back to the same values; to be freed by the
 * caller. */
enum status config_text(const struct config *config, char **text);

/* What --help-config prints: every key and every layer option with default, range and help, at most 100
 * columns wide. `markdown`: as the page docs/configuration.md. */
void config_help(FILE *out, bool markdown);
