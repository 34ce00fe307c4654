/* cnn-predict: what a trained network says of images. */
#include "core/build_info.h"
#include "core/log.h"
#include "core/text.h"
#include "io/checkpoint.h"
#include "io/config.h"
#include "io/predictions.h"
#include "tools/command_line.h"
#include "train/evaluation.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "Usage: cnn-predict [options] CHECKPOINT DATA.h5 OUT.h5\n"
                            "\n"
                            "Gives the images of DATA.h5 to the network of a checkpoint, which brings its "
                            "configuration and the training data's mean and\n"
                            "deviation with it. OUT.h5 gets /SPLIT/probabilities (N, K), what the network's "
                            "last layer gives, and for classes\n"
                            "/SPLIT/predicted (N). Where DATA.h5 has labels, loss and accuracy are printed.\n"
                            "\n"
                            "  --split NAME    train or test (default: test)\n"
                            "  --batch N       images at a time (default: 256)\n"
                            "  --overwrite     replace OUT.h5\n"
                            "  --help, --version\n";

struct arguments {
    const char *paths[3]; /* checkpoint, data, output */
    size_t path_count;
    const char *split;
    size_t batch;
    bool overwrite, finished;
};

enum flag { SPLIT, BATCH, OVERWRITE, HELP, VERSION };

static const struct command_option options[] = {
    [SPLIT] = {"split", COMMAND_VALUE_NEEDED},       [BATCH] = {"batch", COMMAND_VALUE_NEEDED},
    [OVERWRITE] = {"overwrite", COMMAND_VALUE_NONE}, [HELP] = {"help", COMMAND_VALUE_NONE},
    [VERSION] = {"version", COMMAND_VALUE_NONE},
};

static enum status apply(struct arguments *a, enum flag flag, const char *value)
{
    switch (flag) {
    case SPLIT:
        a->split = value;
        if (strcmp(value, "train") && strcmp(value, "test"))
            return status_set(STATUS_USAGE, "--split %s: expected train or test", value);
        break;
    case BATCH:
        if (!text_to_size(value, &a->batch) || a->batch == 0 || a->batch > 1 << 20)
            return status_set(STATUS_USAGE, "--batch %s: expected a whole number from 1 to %d", value,
                              1 << 20);
        break;
    case OVERWRITE:
        a->overwrite = true;
        break;
    case HELP:
        log_print("%s", usage);
        a->finished = true;
        break;
    case VERSION:
        log_print("cnn-predict %s (%s)\n", build_version(), build_commit());
        a->finished = true;
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
    if (argc == 1)
        return apply(a, HELP, NULL);
    while (!status && !a->finished && !(status = command_line_next(&line, &word)) && !word.end) {
        if (word.option)
            status = apply(a, (enum flag)(word.option - options), word.value);
        else if (a->path_count == 3)
            status = status_set(STATUS_USAGE, "%s: one word too many; --help tells more", word.value);
        else
            a->paths[a->path_count++] = word.value;
    }
    if (!status && !a->finished && a->path_count < 3)
        status = status_set(STATUS_USAGE, "CHECKPOINT, DATA.h5 and OUT.h5 must be given; --help tells more");
    return status;
}

/* The checkpoint's network for the data's images, with its weights. */
static enum status load_network(const char *path, const struct checkpoint_info *info, struct shape shape,
                                size_t batch, struct network *network)
{
    struct config config;
    enum status status = config_parse(&config, path, info->config_text, NULL, 0);
    if (status)
        return status_prefix(STATUS_CHECKPOINT, "the configuration in the checkpoint: ");
    status = network_plan(network, shape, config.network.lines, config.network.line_count);
    config_destroy(&config);
    if (status) /* the lines are good, so it is the images that do not fit */
        return status_prefix(STATUS_DATA, "the network does not fit the images: ");
    status = network_bind(network, batch, false, omp_get_max_threads());
    return status ? status : checkpoint_read_model(path, network);
}

static enum status predict(const struct arguments *a)
{
    struct checkpoint_info info = {0};
    struct dataset_split split = {0};
    struct network network = {0};
    struct loss_sum sum;
    float *probabilities = NULL;
    enum status status = checkpoint_read_info(a->paths[0], &info);
    if (!status)
        status = dataset_read(&split, a->paths[1], a->split, false);
    if (!status)
        status = load_network(a->paths[0], &info, split.shape, a->batch, &network);
    if (!status && split.outputs)
        status = dataset_fits(&split, network_last(&network)->ops->loss, network_outputs(&network));
    if (status)
        goto done;
    size_t k = network_outputs(&network);
    probabilities = malloc(split.count * k * sizeof *probabilities);
    if (!probabilities) {
        status = status_no_memory("predictions", split.count * k * sizeof *probabilities);
        goto done;
    }
    status = evaluation_run(&network, &split, &info.normalization, &sum, NULL, probabilities);
    struct predictions predictions = {
        .split = a->split,
        .count = split.count,
        .outputs = k,
        .values = probabilities,
        .classes = network_last(&network)->ops->loss == LOSS_CROSS_ENTROPY,
        .class_names = (const char *const *)info.class_names,
        .class_count = info.class_count,
    };
    if (!status)
        status = predictions_write(a->paths[2], &predictions, a->overwrite);
    if (!status)
        log_print("%s: %zu x %zu %s\n", a->paths[2], split.count, k,
                  network_last(&network)->ops->loss == LOSS_MEAN_SQUARED_ERROR ? "values" : "probabilities");
    if (!status && split.outputs && sum.tries)
        log_print("%s: loss %.4f accuracy %.4f\n", a->split, loss_mean(sum), loss_accuracy(sum));
done:
    free(probabilities);
    network_destroy(&network);
    dataset_destroy(&split);
    checkpoint_info_destroy(&info);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments a = {.split = "test", .batch = 256};
    enum status status = parse_arguments(argc, argv, &a);
    if (!status && !a.finished)
        status = predict(&a);
    if (status)
        log_error("%s", status_message());
    return (int)status;
}
