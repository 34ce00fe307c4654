/* cnn-predict: what a trained network says of images. */
#include "core/build_info.h"
#include "core/log.h"
#include "io/checkpoint.h"
#include "io/config.h"
#include "io/guard.h"
#include "io/output.h"
#include "io/predictions.h"
#include "tools/arguments.h"
#include "tools/threads.h"
#include "train/evaluation.h"
#include "train/job.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: cnn-predict [options] CHECKPOINT DATA.h5 OUT.h5\n"
    "\n"
    "Gives the images of DATA.h5 to the network of a checkpoint, which brings its configuration and the "
    "training data's\n"
    "mean and deviation with it. OUT.h5 gets /SPLIT/probabilities (N, K), what the network's last layer "
    "gives, and for\n"
    "classes /SPLIT/predicted (N), both from as many views of an image as its configuration says. Where "
    "DATA.h5 has labels, loss and accuracy are printed.\n"
    "\n";

struct arguments {
    int split; /* index into splits */
    int tta;   /* index into its choices: enum tta, or before those: as the configuration says */
    size_t batch;
    bool overwrite, version;
    const char *operands[3];
};

enum { CHECKPOINT, DATA, OUT };

static const char *const splits[] = {"train", "test"};

#define FIELD(member) offsetof(struct arguments, member)

static const struct argument options[] = {
    {{NULL, "split", OPTION_CHOICE, FIELD(split), "test", 0, 0, "train|test", "images to take"},
     .value = "train|test"},
    {{NULL, "tta", OPTION_CHOICE, FIELD(tta), "trained", 0, 0, "trained|none|flip|flip,shift",
      "test-time augmentation; trained: evaluate.tta of the checkpoint's configuration"},
     .value = "VIEWS"},
    {{NULL, "batch", OPTION_SIZE, FIELD(batch), "256", 1, 1 << 20, NULL, "images at a time"}, .value = "N"},
    {{NULL, "overwrite", OPTION_BOOL, FIELD(overwrite), "no", 0, 0, NULL,
      "replace OUT.h5 where it is there already"}},
    {{NULL, "version", OPTION_BOOL, FIELD(version), "no", 0, 0, NULL, "version and commit"}},
};
static const char *const operands[] = {"CHECKPOINT", "DATA.h5", "OUT.h5"};
static const struct argument_table table = {options, OPTION_COUNT(options), operands, OPTION_COUNT(operands)};

/* The checkpoint's network, with its weights, for images of the file `data`, and how it is to look at them.
 */
static enum status load_network(const struct arguments *a, const struct checkpoint_info *info,
                                const struct dataset_split *split, struct network *network, enum tta *tta)
{
    struct config config;
    char images[64], wanted[64];
    const char *path = a->operands[CHECKPOINT];
    enum status status = config_parse(&config, path, info->config_text, NULL, 0);
    if (status)
        return status_prefix(STATUS_CHECKPOINT, "the configuration in the checkpoint: ");
    struct shape input = config.network.input;
    if (!shape_equal(split->shape, input))
        status = status_set(STATUS_DATA, "%s: /%s/images are %s, the network of %s takes %s", split->path,
                            split->name, shape_text(images, split->shape), path, shape_text(wanted, input));
    if (!status)
        status = network_plan(network, input, config.network.lines, config.network.line_count);
    if (!status) { /* as tests in training were */
        network_set_bf16(network, config.train.precision == CONFIG_BF16);
        job_warn_bf16(&config);
    }
    *tta = (enum tta)(a->tta ? a->tta - 1 : config.evaluate.tta);
    config_destroy(&config);
    if (!status)
        status = tta_check(*tta, input);
    if (!status)
        status = network_bind(network, a->batch, false, omp_get_max_threads());
    return status ? status : checkpoint_read_model(path, network);
}

static enum status predict(const struct arguments *a)
{
    struct checkpoint_info info = {0};
    struct dataset_split split = {0};
    struct network network = {0};
    const struct comm alone = {.size = 1};
    struct loss_sum sum;
    enum tta tta = TTA_NONE;
    float *probabilities = NULL;
    enum status status = output_allowed(a->operands[OUT], a->overwrite, a->operands, OUT);
    if (!status)
        status = checkpoint_read_info(a->operands[CHECKPOINT], &info);
    if (!status)
        status = dataset_read(&split, a->operands[DATA], splits[a->split], false);
    if (!status)
        status = load_network(a, &info, &split, &network, &tta);
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
    const struct evaluation_data data = {&split, &info.normalization, tta};
    status = evaluation_run(&network, &alone, &data, &sum, NULL, probabilities);
    struct predictions predictions = {
        .split = splits[a->split],
        .count = split.count,
        .outputs = k,
        .values = probabilities,
        .classes = network_last(&network)->ops->loss == LOSS_CROSS_ENTROPY,
        .class_names = (const char *const *)info.class_names,
        .class_count = info.class_count,
    };
    if (!status)
        status = predictions_write(a->operands[OUT], &predictions, a->overwrite);
    if (!status)
        log_print("%s: %zu x %zu %s\n", a->operands[OUT], split.count, k,
                  network_last(&network)->ops->loss == LOSS_MEAN_SQUARED_ERROR ? "values" : "probabilities");
    if (!status && split.outputs && sum.tries)
        log_print("%s: loss %.4f accuracy %.4f\n", splits[a->split], loss_mean(sum), loss_accuracy(sum));
done:
    free(probabilities);
    network_destroy(&network);
    dataset_destroy(&split);
    checkpoint_info_destroy(&info);
    return status;
}

static enum status run(int argc, char **argv)
{
    struct arguments a;
    if (arguments_want_help(argc, argv)) {
        log_print("%s", usage);
        arguments_help(&table, stdout);
        return STATUS_OK;
    }
    enum status status = arguments_parse(&table, argc, argv, &a, a.operands);
    if (a.version) {
        log_print("cnn-predict %s (%s)\n", build_version(), build_commit());
        return STATUS_OK;
    }
    return status ? status : predict(&a);
}

int main(int argc, char **argv)
{
    threads_prepare(argv);
    guard_allow(_exit);
    enum status status = log_finish(run(argc, argv));
    if (status)
        log_error("%s", status_message());
    return (int)status;
}
