#pragma once
/* What [train] says, as the structures of core. */
#include "core/average.h"
#include "core/optimizer.h"
#include "core/schedule.h"
#include "train/job.h"

/* The length of the run, where there is data: train.epochs, whose last one is cut short after a step where
 * they are no whole number. In training samples, in steps, and in epochs that are begun. */
uint64_t recipe_samples(const struct job *job);
uint64_t recipe_steps(const struct job *job);
uint64_t recipe_epochs(const struct job *job);

struct optimizer_settings recipe_optimizer(const struct job *job);
struct schedule recipe_schedule(const struct job *job);
struct average_settings recipe_average(const struct job *job);

/* The weights of the classes in the loss, to be freed; NULL where they are all the same. STATUS_USAGE: they,
 * or label smoothing, do not fit the network. After the network is planned. */
enum status recipe_class_weights(const struct job *job, float **weights);

/* Bytes of the arrays that a checkpoint has: weights, buffers, the optimizer's slots, averages. */
double recipe_checkpoint_bytes(const struct config *config, const struct network *network);

/* What lr is multiplied with for this batch: 1 without lr_scaling. */
double recipe_lr_scale(const struct config *config, size_t batch);
