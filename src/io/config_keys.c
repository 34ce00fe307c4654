#include "io/config.h"

#include <math.h>

#define FIELD(member) offsetof(struct config, member)

const struct option config_keys[] = {
    {"run", "name", OPTION_TEXT, FIELD(run.name), "", 0, 0, NULL,
     "name of the run; empty: the configuration file's, without folder and .ini"},
    {"run", "output", OPTION_TEXT, FIELD(run.output), "", 0, 0, NULL,
     "folder for checkpoints and metrics.csv; empty: checkpoints/NAME"},
    {"run", "seed", OPTION_UINT64, FIELD(run.seed), "1", 0, 0, NULL,
     "initial weights, order of samples and dropout follow from it", CHANGE_NEVER},

    {"data", "file", OPTION_TEXT, FIELD(data.file), "", 0, 0, NULL,
     "the dataset (HDF5, as cnn-data writes it), seen from the working folder"},
    {"data", "shuffle", OPTION_BOOL, FIELD(data.shuffle), "yes", 0, 0, NULL,
     "a new order of the training samples in every epoch; no: the file's", CHANGE_NEVER},
    {"data", "share", OPTION_BOOL, FIELD(data.share), "yes", 0, 0, NULL,
     "one copy of the data per host, in memory that its ranks share; no: one per rank"},
    {"data", "memory", OPTION_SIZE, FIELD(data.memory), "0", 0, 1 << 30, NULL,
     "MiB of a host's memory that images may take; of more, they are read from the file while the network is "
     "trained; 0: half of what the host has, or a job or container may take"},
    {"data", "window", OPTION_REAL, FIELD(data.window), "0", 0, 1, NULL,
     "share of the training samples that are shuffled together, in windows of whole runs of the file; 1: "
     "all; "
     "0: all where they fit into memory at the first start, else as many as half of it holds",
     CHANGE_NEVER},

    {"augment", "flip", OPTION_CHOICE, FIELD(augment.flip), "no", 0, 0, "no|random|alternate",
     "left and right exchanged: of every other image at random, or of one half in even epochs and the other "
     "in odd ones"},
    {"augment", "pad", OPTION_SIZE, FIELD(augment.pad), "0", 0, 1 << 16, NULL,
     "pixels that are put around an image before it is cut back to its size at a random place; 0: none"},
    {"augment", "padding", OPTION_CHOICE, FIELD(augment.padding), "zero", 0, 0, "zero|reflect",
     "what they are: black, or the image mirrored at its border"},
    {"augment", "cutout", OPTION_SIZE, FIELD(augment.cutout), "0", 0, 1 << 16, NULL,
     "side of a square at a random place that is blotted out with the mean colour; 0: none"},
    {"augment", "brightness", OPTION_REAL, FIELD(augment.brightness), "0", 0, 1, NULL,
     "0.2: an image's numbers times a random factor from 0.8 to 1.2; 0: as they are"},
    {"augment", "contrast", OPTION_REAL, FIELD(augment.contrast), "0", 0, 1, NULL,
     "0.2: their distance from the image's mean grey times a random factor from 0.8 to 1.2; 0: as it is"},
    {"augment", "mixup", OPTION_REAL, FIELD(augment.mixup), "0", 0, 1, NULL,
     "softmax: the samples of a shard are blended in pairs, and so are their classes in the loss, with a "
     "share "
     "of Beta(mixup, mixup), anew in every step; accuracy in training is that of the larger share; 0: they "
     "are "
     "not"},

    {"network", "input", OPTION_SHAPE, FIELD(network.input), "", 0, 0, NULL,
     "shape of one image; empty: the data's. Needed where there is no data file", CHANGE_NEVER},

    {"train", "epochs", OPTION_REAL, FIELD(train.epochs), "10", 0.001, 1e6, NULL,
     "passes over the training samples; 9.9: the tenth is cut short after 9 tenths of its steps, rounded up"},
    {"train", "batch", OPTION_SIZE, FIELD(train.batch), "128", 1, 1 << 24, NULL,
     "samples per step, all ranks together", CHANGE_ASKED},
    {"train", "optimizer", OPTION_CHOICE, FIELD(train.optimizer), "sgd", 0, 0,
     "sgd|adam|adamw|rmsprop|lars|lamb", "what is done to the weights with their gradients", CHANGE_NEVER},
    {"train", "lr", OPTION_REAL, FIELD(train.lr), "0.01", 0, INFINITY, NULL,
     "learning rate, after the warm-up"},
    {"train", "momentum", OPTION_REAL, FIELD(train.momentum), "0.9", 0, 1, NULL,
     "optimizer = sgd, rmsprop, lars: share of the last step kept; 0: off. rmsprop without this line: 0"},
    {"train", "nesterov", OPTION_BOOL, FIELD(train.nesterov), "no", 0, 0, NULL,
     "optimizer = sgd: Nesterov's form of momentum"},
    {"train", "beta1", OPTION_REAL, FIELD(train.beta1), "0.9", 0, 0.999999, NULL,
     "optimizer = adam, adamw, lamb: share of the running mean of gradients kept"},
    {"train", "beta2", OPTION_REAL, FIELD(train.beta2), "0.999", 0, 0.999999999, NULL,
     "optimizer = adam, adamw, lamb: share of the running mean of squared gradients kept"},
    {"train", "alpha", OPTION_REAL, FIELD(train.alpha), "0.99", 0, 0.999999999, NULL,
     "optimizer = rmsprop: share of the running mean of squared gradients kept"},
    {"train", "eps", OPTION_REAL, FIELD(train.eps), "1e-8", 0, 1, NULL,
     "optimizer = adam, adamw, lamb, rmsprop: added to the root of the squares before it divides"},
    {"train", "trust", OPTION_REAL, FIELD(train.trust), "0.001", 0, 1, NULL,
     "optimizer = lars: how far a layer's weights may move, as a share of their norm"},
    {"train", "weight_decay", OPTION_REAL, FIELD(train.weight_decay), "0", 0, INFINITY, NULL,
     "this times the weight is added to its gradient (adamw, lamb: to its step, times the learning rate); "
     "biases are left alone"},
    {"train", "clip_norm", OPTION_REAL, FIELD(train.clip_norm), "0", 0, INFINITY, NULL,
     "longest gradient, as the norm over all weights; longer ones are scaled down; 0: off"},
    {"train", "schedule", OPTION_CHOICE, FIELD(train.schedule), "constant", 0, 0,
     "constant|step|multistep|cosine|polynomial|exponential|onecycle|triangular",
     "how the learning rate goes on after the warm-up"},
    {"train", "warmup", OPTION_REAL, FIELD(train.warmup), "0", 0, 1e6, NULL,
     "epochs in which the learning rate rises evenly to lr"},
    {"train", "warmup_factor", OPTION_REAL, FIELD(train.warmup_factor), "0.1", 0, 1, NULL,
     "share of lr that the warm-up starts from"},
    {"train", "step_epochs", OPTION_REAL, FIELD(train.step_epochs), "10", 0.001, 1e6, NULL,
     "schedule = step: epochs between two drops of the learning rate; exponential: epochs in which it falls "
     "by "
     "step_factor, evenly"},
    {"train", "step_factor", OPTION_REAL, FIELD(train.step_factor), "0.1", 0, 1, NULL,
     "schedule = step, multistep: what the learning rate is multiplied with at each drop; exponential: in "
     "step_epochs"},
    {"train", "milestones", OPTION_TEXT, FIELD(train.milestones), "", 0, 0, NULL,
     "schedule = multistep: epochs after which the learning rate drops, such as 30,60,80"},
    {"train", "final_lr", OPTION_REAL, FIELD(train.final_lr), "0", 0, INFINITY, NULL,
     "schedule = cosine, polynomial: learning rate at the end"},
    {"train", "power", OPTION_REAL, FIELD(train.power), "1", 0, 100, NULL,
     "schedule = polynomial: the learning rate falls as (1 - t)^power; 1: in a straight line"},
    {"train", "cycle_start", OPTION_REAL, FIELD(train.cycle_start), "0.04", 0, 1, NULL,
     "schedule = onecycle, triangular: share of lr at the start"},
    {"train", "cycle_peak", OPTION_REAL, FIELD(train.cycle_peak), "0.3", 0, 1, NULL,
     "schedule = onecycle, triangular: share of the schedule after which it is lr, in half a cosine or a "
     "straight line"},
    {"train", "cycle_end", OPTION_REAL, FIELD(train.cycle_end), "4e-6", 0, 1, NULL,
     "schedule = onecycle, triangular: share of lr at the end"},
    {"train", "schedule_epochs", OPTION_REAL, FIELD(train.schedule_epochs), "0", 0, 1e6, NULL,
     "length of schedule = cosine, polynomial, onecycle, triangular, not shorter than the run; 0: epochs"},
    {"train", "lr_scaling", OPTION_CHOICE, FIELD(train.lr_scaling), "none", 0, 0, "none|linear|sqrt",
     "lr and final_lr are for base_batch, and are multiplied with batch / base_batch, or its square root"},
    {"train", "base_batch", OPTION_SIZE, FIELD(train.base_batch), "256", 1, 1 << 24, NULL,
     "lr_scaling: the batch that lr is for"},
    {"train", "ema", OPTION_REAL, FIELD(train.ema), "0", 0, 0.999999999, NULL,
     "share that a moving average of the weights keeps at each step, such as 0.999; tests, /model in "
     "checkpoints "
     "and all that reads it have the average; 0: off",
     CHANGE_NEVER},
    {"train", "lookahead", OPTION_SIZE, FIELD(train.lookahead), "0", 0, 1e9, NULL,
     "steps after which slow weights follow, and replace, the trained ones; without ema they are what is "
     "tested "
     "and is /model; 0: off",
     CHANGE_NEVER},
    {"train", "lookahead_alpha", OPTION_REAL, FIELD(train.lookahead_alpha), "0.5", 0, 1, NULL,
     "lookahead: share of the way that the slow weights go"},
    {"train", "lookahead_power", OPTION_REAL, FIELD(train.lookahead_power), "0", 0, 100, NULL,
     "lookahead: the share falls from 1 to lookahead_alpha, as 1 - (1 - lookahead_alpha) * t^power over the "
     "schedule; 0: it is lookahead_alpha always"},
    {"train", "lookahead_buffers", OPTION_BOOL, FIELD(train.lookahead_buffers), "no", 0, 0, NULL,
     "lookahead: yes: the running statistics of batchnorm follow likewise, and go with the slow weights",
     CHANGE_NEVER},
    {"train", "label_smoothing", OPTION_REAL, FIELD(train.label_smoothing), "0", 0, 1, NULL,
     "softmax: share of each sample that goes to all classes evenly; in the training loss, not in the test "
     "loss"},
    {"train", "class_weights", OPTION_TEXT, FIELD(train.class_weights), "", 0, 0, NULL,
     "softmax: how much samples of each class count, such as 1,2,0.5; balanced: classes count the same, "
     "however "
     "many samples they have; in the training loss, not in the test loss"},
    {"train", "precision", OPTION_CHOICE, FIELD(train.precision), "float32", 0, 0, "float32|bf16",
     "bf16: matrix products of dense layers, but for their weight gradients, and of 1x1 convolutions without "
     "groups and padding round their operands to bfloat16, and add up in float32, in training and tests; "
     "weights, activations and gradients stay float32. It pays on processors with AVX512-BF16 only",
     CHANGE_ASKED},

    {"evaluate", "every", OPTION_SIZE, FIELD(evaluate.every), "1", 0, 1e6, NULL,
     "epochs from one test to the next; after the last epoch there always is one; 0: after that alone"},
    {"evaluate", "tta", OPTION_CHOICE, FIELD(evaluate.tta), "none", 0, 0, "none|flip|flip,shift",
     "test-time augmentation: the mean of what the last layer is fed with over the image and its mirror "
     "image; "
     "flip,shift: half of that, the other half of the same moved by a pixel to two corners. Tests, "
     "--evaluate "
     "and cnn-predict take 2 or 6 times as long"},

    {"distributed", "shards", OPTION_SIZE, FIELD(distributed.shards), "0", 0, 65536, NULL,
     "fixed slices of every batch, dealt out to the ranks; 0: as many as the first start has ranks",
     CHANGE_NEVER},
    {"distributed", "allreduce", OPTION_CHOICE, FIELD(distributed.allreduce), "ring", 0, 0, "ring|tree|mpi",
     "how the ranks sum their gradients; tree: the same bits for any power of two of ranks; mpi: "
     "MPI_Allreduce"},
    {"distributed", "bucket", OPTION_SIZE, FIELD(distributed.bucket), "1024", 1, 1 << 22, NULL,
     "KiB of gradients that are summed at a time"},
    {"distributed", "overlap", OPTION_CHOICE, FIELD(distributed.overlap), "auto", 0, 0, "auto|yes|no",
     "sum gradients while backward computes the next ones; auto: what is faster in the first steps"},
    {"distributed", "check_every", OPTION_SIZE, FIELD(distributed.check_every), "100", 0, 1e9, NULL,
     "steps from one comparison of the ranks' weights to the next; 0: never"},
    {"distributed", "stall_warn", OPTION_REAL, FIELD(distributed.stall_warn), "30", 0, 1e6, NULL,
     "seconds that a rank waits for others before it says for whom; 0: never"},
    {"distributed", "stall_abort", OPTION_REAL, FIELD(distributed.stall_abort), "600", 0, 1e6, NULL,
     "seconds that a rank waits for others before it ends the job; 0: for ever"},

    {"checkpoint", "every", OPTION_INTERVAL, FIELD(checkpoint.every), "1 epoch", 0, 1e9, NULL,
     "when a checkpoint is written; a best one and the last are anyway"},
    {"checkpoint", "keep", OPTION_SIZE, FIELD(checkpoint.keep), "0", 0, 1e6, NULL,
     "newest checkpoints kept beside the best one; 0: all"},
    {"checkpoint", "stop_before", OPTION_REAL, FIELD(checkpoint.stop_before), "0", 0, 1e6, NULL,
     "minutes before the end of the job (Slurm, PBS, --time-limit) at which the run stops; 0: never"},
};

_Static_assert(OPTION_COUNT(config_keys) <= CONFIG_KEYS_MAX, "CONFIG_KEYS_MAX");
const size_t config_key_count = OPTION_COUNT(config_keys);
