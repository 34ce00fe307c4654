#include "train/summary.h"

#include "core/build_info.h"
#include "core/kernels/bf16.h"
#include "core/kernels/isa.h"
#include "core/log.h"
#include "core/optimizer.h"
#include "core/text.h"
#include "dist/shard.h"
#include "io/augment.h"
#include "io/stream.h"
#include "io/tta.h"
#include "train/data_plan.h"
#include "train/recipe.h"
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bytes per sample that a layer keeps from forward to backward. */
static double layer_bytes(const struct layer *layer)
{
    return (layer->shares_input || layer->hands_affine_on ? 0 : 4.0 * (double)shape_count(layer->out)) +
           (double)layer->cache_bytes;
}

static char *millions(char out[32], double count)
{
    if (count == 0)
        strcpy(out, "-");
    else
        snprintf(out, 32,
                 count < 1e4   ? "%.0f"
                 : count < 1e6 ? "%.1f k"
                 : count < 1e9 ? "%.2f M"
                               : "%.2f G",
                 count < 1e4   ? count
                 : count < 1e6 ? count / 1e3
                 : count < 1e9 ? count / 1e6
                               : count / 1e9);
    return out;
}

enum { NAME_MIN = 14, TYPE_MIN = 10, NAME_MAX_SHOWN = 40 };

/* Of the first two columns: the longest name and type. */
struct widths {
    int name, type;
};

static struct widths find_widths(const struct network *network)
{
    size_t name = NAME_MIN, type = TYPE_MIN;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        name = strlen(layer->name) > name ? strlen(layer->name) : name;
        type = strlen(layer->ops->type) > type ? strlen(layer->ops->type) : type;
    }
    return (struct widths){name < NAME_MAX_SHOWN ? (int)name : NAME_MAX_SHOWN, (int)type};
}

static void print_row(struct widths w, const char *name, const char *type, const char *output,
                      const char *parameters, const char *adds, const char *memory)
{
    log_print("  %-*.*s %-*s %-12s %11s %13s %10s\n", w.name, w.name, name, w.type, type, output, parameters,
              adds, memory);
}

/* ---- under every column */
static void print_rule(struct widths w)
{
    static const char dashes[] = "----------------------------------------";
    log_print("  %.*s %.*s %.12s %.11s %.13s %.10s\n", w.name, dashes, w.type, dashes, dashes, dashes, dashes,
              dashes);
}

void summary_print_network(const struct network *network)
{
    struct widths width = find_widths(network);
    char shape[64], parameters[32], adds[32], memory[32];
    double all_adds = 0, all_bytes = 4.0 * (double)shape_count(network->input);
    print_row(width, "layer", "type", "output", "parameters", "multiply-adds", "memory");
    print_rule(width);
    print_row(width, "input", "", shape_text(shape, network->input), "-", "-", text_bytes(memory, all_bytes));
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct layer *layer = &network->layers[i];
        size_t count = 0;
        for (size_t p = 0; p < layer->parameter_count; p++)
            count += layer->parameters[p].count;
        all_adds += layer->multiply_adds;
        all_bytes += layer_bytes(layer);
        print_row(width, layer->name, layer->ops->type, shape_text(shape, layer->out),
                  count ? text_count(parameters, count) : "-", millions(adds, layer->multiply_adds),
                  layer_bytes(layer) > 0   ? text_bytes(memory, layer_bytes(layer))
                  : layer->hands_affine_on ? "in the sum"
                                           : "in place");
    }
    print_rule(width);
    print_row(width, "all", "", "", text_count(parameters, network->parameter_count),
              millions(adds, all_adds), text_bytes(memory, all_bytes));
    log_print("  multiply-adds: one sample, forward; memory: one sample, kept for backward\n\n");
}

static void print_data(const struct summary_run *run)
{
    char count[32], shape[64];
    if (!run->train) {
        log_print("  data          none: random images of %s\n", shape_text(shape, run->network->input));
        return;
    }
    log_print("  data          %s: %s training", run->config->data.file,
              text_count(count, run->train->count));
    if (run->test)
        log_print(", %s test", text_count(count, run->test->count));
    log_print(" samples of %s, %zu %s%s\n", shape_text(shape, run->train->shape), run->train->outputs,
              run->train->classes ? "classes" : "outputs",
              run->config->data.shuffle ? "" : ", in file order");
}

static void print_split_memory(const struct dataset_split *split, const char *where)
{
    char bytes[32];
    log_print("%s %s images, %s", where, split->name,
              text_bytes(bytes, (double)split->count * (double)dataset_image_bytes(split)));
}

/* ", shuffled in windows of 20 of 45 runs of 1,337" */
static void print_windows(const struct summary_run *run)
{
    char runs[32], samples[32], window[32];
    if (!run->window_runs)
        return;
    log_print(", %s in windows of %s of %s runs of %s",
              run->config->data.shuffle ? "shuffled" : "in file order", text_count(window, run->window_runs),
              text_count(runs, dataset_runs(run->train)), text_count(samples, run->train->run));
}

/* Nothing where all images are in memory, and are shuffled together. */
static void print_stream(const struct summary_run *run)
{
    char slots[32], bytes[32];
    const struct dataset_split *train = run->train, *test = run->test;
    if (!train || (train->images && !run->window_runs && (!test || test->images)))
        return;
    log_print("  images        ");
    print_split_memory(train, train->images ? "in memory:" : "from the file:");
    print_windows(run);
    if (run->train_slots)
        log_print("; a rank keeps %s runs, %s%s", text_count(slots, run->train_slots),
                  text_bytes(bytes, (double)stream_memory(train, run->train_slots)),
                  run->train_slots < data_plan_slots(run->window_runs, dataset_runs(train))
                      ? ""
                      : ", and reads each once an epoch");
    log_print("\n");
    if (test) {
        log_print("                ");
        print_split_memory(test, test->images ? "in memory:" : "from the file:");
        log_print("\n");
    }
    if (run->train_slots && run->train_slots < data_plan_slots(run->window_runs, dataset_runs(train)) &&
        log_is_speaker())
        log_warn("a rank keeps %zu runs of training images, and needs %zu to read each once an epoch: many "
                 "are read "
                 "many times, unless data.memory is raised",
                 run->train_slots, data_plan_slots(run->window_runs, dataset_runs(train)));
}

/* Nothing where training images stay as they are. */
static void print_augment(const struct config *c)
{
    static const char *const flips[] = {"", ", flipped at random", ", flipped in turns"};
    if (!c->augment.flip && !c->augment.pad && !c->augment.cutout && c->augment.brightness <= 0 &&
        c->augment.contrast <= 0 && c->augment.mixup <= 0)
        return;
    log_print("  augment       anew in every epoch%s", flips[c->augment.flip]);
    if (c->augment.pad)
        log_print(", shifted by up to %zu (%s)", c->augment.pad,
                  c->augment.padding == AUGMENT_PAD_REFLECT ? "mirrored" : "black");
    if (c->augment.brightness > 0)
        log_print(", brightness %g", c->augment.brightness);
    if (c->augment.contrast > 0)
        log_print(", contrast %g", c->augment.contrast);
    if (c->augment.cutout)
        log_print(", cutout %zu", c->augment.cutout);
    if (c->augment.mixup > 0)
        log_print(", blended in pairs (%g)", c->augment.mixup);
    log_print("\n");
}

/* Nothing where every epoch ends with a test of the images as they are. */
static void print_evaluation(const struct config *c)
{
    static const char *const views[] = {
        [TTA_NONE] = "images as they are",
        [TTA_FLIP] = "mean of 2 views: the image and its mirror image",
        [TTA_FLIP_SHIFT] = "mean of 6 views: the image and its mirror image, also moved by a pixel"};
    if (c->evaluate.tta == TTA_NONE && c->evaluate.every == 1)
        return;
    log_print("  evaluation    ");
    if (c->evaluate.every > 1)
        log_print("every %zu epochs, ", c->evaluate.every);
    else if (c->evaluate.every == 0)
        log_print("after the last epoch, ");
    log_print("%s\n", views[c->evaluate.tta]);
}

/* "1 rank with 4 threads on host", "16 ranks with 3 to 4 threads on 4 hosts" */
static void print_ranks(const struct summary_run *run)
{
    const struct placement *p = run->placement;
    log_print("%d rank%s with ", run->comm->size, text_plural(run->comm->size));
    if (p->fewest < p->most)
        log_print("%d to ", p->fewest);
    log_print("%d thread%s on ", p->most, text_plural(p->most));
    if (run->node->count > 1)
        log_print("%d hosts", run->node->count);
    else
        log_print("%s", run->comm->host);
    log_print(", %s", isa_choose()->name);
    if (run->config->train.precision == CONFIG_BF16)
        log_print(", %s", bf16_kernel()->name);
    log_print("\n");
}

static void print_batch(const struct summary_run *run)
{
    log_print("  batch         %zu", run->batch);
    if (run->batch < run->config->train.batch)
        log_print(", all training samples and not %zu,", run->config->train.batch);
    log_print(" = %zu shard%s of %s%zu, on ", run->shards, text_plural((double)run->shards),
              run->batch % run->shards ? "up to " : "", run->shard_size);
    print_ranks(run);
}

enum { RANKS_SHOWN = 8 };

static void print_shard_range(struct range range)
{
    if (range.count == 0)
        log_print("none");
    else if (range.count == 1)
        log_print("%zu", range.first);
    else
        log_print("%zu-%zu", range.first, range.first + range.count - 1);
}

/* Who has which shards; where ranks are many, how many each. */
static void print_shards(const struct summary_run *run)
{
    size_t ranks = (size_t)run->comm->size, most = shard_most(run->shards, ranks);
    log_print("  shards        ");
    if (run->shards < ranks)
        log_print(
            "one on each of %zu of the ranks, none on the other %zu: more distributed.shards would use them",
            run->shards, ranks - run->shards);
    else if (run->shards == ranks)
        log_print("one on each rank");
    else if (ranks > RANKS_SHOWN)
        log_print("%zu%s on each rank", run->shards / ranks, run->shards % ranks ? " or one more" : "");
    for (size_t rank = 0; run->shards > ranks && ranks <= RANKS_SHOWN && rank < ranks; rank++) {
        log_print("%srank %zu: ", rank ? ", " : "", rank);
        print_shard_range(shard_owned(run->shards, ranks, rank));
    }
    if (run->shards % ranks && run->shards > ranks)
        log_print(" (a step takes as long as %zu shards)", most);
    log_print("\n");
}

static void print_gradients(const struct summary_run *run)
{
    const struct config *c = run->config;
    static const char *const overlaps[] = {[CONFIG_OVERLAP_AUTO] = "overlap with backward if that is faster",
                                           [CONFIG_OVERLAP_YES] = "overlapped with backward",
                                           [CONFIG_OVERLAP_NO] = "after backward"};
    char bytes[32], bucket[32];
    size_t count = step_array_size(run->network), bucket_bytes = c->distributed.bucket * 1024;
    size_t buckets = reducer_buckets(count, bucket_bytes / sizeof(float));
    log_print("  gradients     %s, %s in %zu bucket%s of %s%s, %s\n",
              allreduce_list[c->distributed.allreduce].name, text_bytes(bytes, (double)count * sizeof(float)),
              buckets, text_plural((double)buckets), buckets == 1 ? "up to " : "",
              text_bytes(bucket, (double)bucket_bytes), overlaps[c->distributed.overlap]);
}

/* ", lr 0.1 cosine to 0" */
static void print_rate(const struct config *c, size_t batch)
{
    static const char *const schedules[] = {
        [CONFIG_CONSTANT] = "constant",     [CONFIG_STEP] = "step",
        [CONFIG_MULTISTEP] = "multistep",   [CONFIG_COSINE] = "cosine",
        [CONFIG_POLYNOMIAL] = "polynomial", [CONFIG_EXPONENTIAL] = "exponential",
        [CONFIG_ONECYCLE] = "one cycle",    [CONFIG_TRIANGULAR] = "triangular"};
    double scale = recipe_lr_scale(c, batch);
    log_print(", lr %g %s", c->train.lr * scale, schedules[c->train.schedule]);
    switch (c->train.schedule) {
    case CONFIG_STEP:
    case CONFIG_EXPONENTIAL:
        log_print(" x %g every %g epochs", c->train.step_factor, c->train.step_epochs);
        break;
    case CONFIG_MULTISTEP:
        log_print(" x %g after epochs %s", c->train.step_factor, c->train.milestones);
        break;
    case CONFIG_COSINE:
    case CONFIG_POLYNOMIAL:
        log_print(" to %g", c->train.final_lr * scale);
        break;
    case CONFIG_ONECYCLE:
    case CONFIG_TRIANGULAR:
        log_print(" from x %g to x %g, peak at %g", c->train.cycle_start, c->train.cycle_end,
                  c->train.cycle_peak);
        break;
    }
}

static void print_optimizer(const struct summary_run *run)
{
    const struct config *c = run->config;
    if (c->train.lr_scaling != CONFIG_SCALING_NONE)
        log_print("  learning rate %g x %.4g (batch %zu, base %zu%s) = %g\n", c->train.lr,
                  recipe_lr_scale(c, run->batch), run->batch, c->train.base_batch,
                  c->train.lr_scaling == CONFIG_SCALING_SQRT ? ", square root" : "",
                  c->train.lr * recipe_lr_scale(c, run->batch));
    log_print("  optimizer     %s", optimizer_types[c->train.optimizer]->name);
    print_rate(c, run->batch);
    if (c->train.warmup > 0)
        log_print(", warm-up %g epoch%s", c->train.warmup, text_plural(c->train.warmup));
    bool moments = c->train.optimizer == CONFIG_ADAM || c->train.optimizer == CONFIG_ADAMW ||
                   c->train.optimizer == CONFIG_LAMB;
    if (moments)
        log_print(", betas %g and %g", c->train.beta1, c->train.beta2);
    else if (c->train.momentum > 0)
        log_print(", %s%g", c->train.nesterov ? "Nesterov " : "momentum ", c->train.momentum);
    if (c->train.weight_decay > 0)
        log_print(", weight decay %g", c->train.weight_decay);
    if (c->train.clip_norm > 0)
        log_print(", clipped to norm %g", c->train.clip_norm);
    if (c->train.ema > 0)
        log_print(", moving average %g", c->train.ema);
    if (c->train.lookahead > 0)
        log_print(", lookahead %zu by %g%s", c->train.lookahead, c->train.lookahead_alpha,
                  c->train.lookahead_buffers ? " with running statistics" : "");
    if (c->train.label_smoothing > 0)
        log_print(", labels smoothed by %g", c->train.label_smoothing);
    if (c->train.class_weights[0])
        log_print(", classes weighted");
    log_print("\n");
}

/* Steps where a part of an epoch leaves them to be asked for. */
static void print_epochs(const struct summary_run *run)
{
    log_print("  epochs        %.12g", run->config->train.epochs);
    if (run->train && run->config->train.epochs != floor(run->config->train.epochs))
        log_print(" (%llu steps)", (unsigned long long)run->steps);
    log_print("\n");
}

void summary_print_run(const struct summary_run *run)
{
    const struct config *c = run->config;
    char activations[32], arrays[32], copied[32], read[32], places[64] = "";
    double saved = recipe_checkpoint_bytes(c, run->network),
           gradients = sizeof(float) * (double)run->gradient_arrays * (double)run->network->parameter_count;
    log_print("  run           %s, seed %llu, cnn-train %s\n", c->run.name, (unsigned long long)c->run.seed,
              build_version());
    print_data(run);
    print_stream(run);
    print_augment(c);
    print_evaluation(c);
    print_batch(run);
    if (run->comm->size > 1) {
        print_shards(run);
        print_gradients(run);
    }
    print_epochs(run);
    print_optimizer(run);
    if (run->places > 1)
        snprintf(places, sizeof places, " of %zu shards at a time", run->places);
    log_print("  memory        %s activations and workspace%s, %s weights, gradients and optimizer, %s for "
              "checkpoints",
              text_bytes(activations, (double)run->memory), places, text_bytes(arrays, saved + gradients),
              text_bytes(copied, 2 * saved)); /* the copy, and the file's bytes */
    if (run->train)
        log_print(", %s to read ahead", text_bytes(read, (double)run->read_memory));
    log_print("\n");
    log_print("  output        %s\n\n", c->run.output);
}

void summary_print_communication(const struct reducer *reducer)
{
    static const char *const ways[] = {[OVERLAP_AUTO] =
                                           "too few steps to choose whether to overlap with backward",
                                       [OVERLAP_YES] = "overlapped with backward",
                                       [OVERLAP_NO] = "after backward"};
    if (reducer->alone || reducer->steps == 0)
        return;
    log_print("communication: %s, %s; exposed %.2f ms a step\n", reducer->allreduce.ops->name,
              ways[reducer->choice], 1e3 * reducer->exposed / (double)reducer->steps);
}

enum { WAITING_STEPS_MIN = 200 };
static const double WAITING_SHARE = 0.05, WAITING_SECONDS = 5;

void summary_print_waiting(const struct summary_waiting *w, int ranks)
{
    static const char *const ways[] = {"read between steps, which is faster here than ahead", "read ahead"};
    char bytes[32];
    if (w->steps == 0)
        return;
    double share = w->seconds > 0 ? w->waited / w->seconds : 0;
    log_print("data: %s; waited %.2f ms a step, %.1f %% of the time",
              w->trial->decided ? ways[w->trial->first] : "too few steps to choose whether to read ahead",
              1e3 * w->waited / (double)w->steps, 100 * share);
    if (ranks > 1)
        log_print(" (rank %d, which waited longest)", w->rank);
    if (w->read > 0)
        log_print("; %s of images read from the file%s", text_bytes(bytes, w->read),
                  ranks > 1 ? " by each rank" : "");
    log_print("\n");
    if (share > WAITING_SHARE && w->steps >= WAITING_STEPS_MIN && w->waited > WAITING_SECONDS &&
        log_is_speaker())
        log_warn("the network waited for its samples for %.0f %% of the time: %s may help", 100 * share,
                 w->read > 0
                     ? "a nearer disk, or a larger data.memory,"
                     : "fewer changes in [augment], or a core more for each rank than it has threads,");
}

void summary_print_checkpoints(const struct saver_times *times)
{
    if (times->written + times->failed == 0)
        return;
    log_print("checkpoints: %zu written", times->written);
    if (times->failed)
        log_print(", %zu not", times->failed);
    log_print("; training paused for %.1f ms at most, %.1f ms in all; %.2f s of writing beside it\n",
              1e3 * times->pause_longest, 1e3 * times->pause_total, times->writing_total);
}
