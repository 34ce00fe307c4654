/* cnn-data import KIND: datasets from other people's files. */
#include "core/log.h"
#include "core/text.h"
#include "io/class_names.h"
#include "io/dataset_writer.h"
#include "io/import_cifar.h"
#include "io/import_csv.h"
#include "io/import_idx.h"
#include "io/import_images.h"
#include "io/output.h"
#include "tools/command.h"
#include "tools/progress_bar.h"

/* What every import takes. */
struct output_options {
    char class_names[OPTION_TEXT_MAX];
    bool overwrite;
};

struct idx_options {
    char train_images[OPTION_TEXT_MAX], train_labels[OPTION_TEXT_MAX];
    char test_images[OPTION_TEXT_MAX], test_labels[OPTION_TEXT_MAX];
    struct output_options output;
};

struct csv_options {
    char train[OPTION_TEXT_MAX], test[OPTION_TEXT_MAX];
    size_t test_last; /* 0: not given */
    struct shape shape;
    int label; /* 0: first, 1: last */
    double max;
    bool header;
    struct output_options output;
};

struct images_options {
    struct pair size;
    int fit; /* enum image_fit */
    size_t channels;
    int labels; /* 0: folder, 1: name */
    char separator[OPTION_TEXT_MAX];
    double test_fraction;
    uint64_t seed;
    bool strict, overwrite;
};

struct cifar_options {
    int labels; /* 0: fine, 1: coarse */
    bool overwrite;
};

#define CLASS_NAMES(structure)                                                                               \
    COMMAND_TEXT(structure, output.class_names, "class-names", "",                                           \
                 "the classes from 0 on: A,B,..., or @FILE with a name per line; left out: their numbers")
#define OVERWRITE(structure)                                                                                 \
    COMMAND_FLAG(structure, output.overwrite, "overwrite", "replace OUT.h5 where it is there already")

static const char *const out_operand[] = {"OUT.h5"}, *const folder_operands[] = {"DIR", "OUT.h5"};

static const struct argument idx_arguments[] = {
    {COMMAND_TEXT(idx_options, train_images, "train-images", NULL,
                  "images to train with: N x H x W (x C) bytes"),
     .value = "FILE"},
    {COMMAND_TEXT(idx_options, train_labels, "train-labels", NULL, "their class indices: N bytes"),
     .value = "FILE"},
    {COMMAND_TEXT(idx_options, test_images, "test-images", NULL, "images to test with, of the same size"),
     .value = "FILE"},
    {COMMAND_TEXT(idx_options, test_labels, "test-labels", NULL, "their class indices"), .value = "FILE"},
    {CLASS_NAMES(idx_options), .value = "NAMES"},
    {.option = OVERWRITE(idx_options)},
};
static const struct argument_table idx_table = {idx_arguments, OPTION_COUNT(idx_arguments), out_operand, 1};

static const struct argument csv_arguments[] = {
    {COMMAND_TEXT(csv_options, train, "train", NULL, "a line per image: its pixels and its class index"),
     .value = "FILE"},
    {COMMAND_TEXT(csv_options, test, "test", "", "the same, to test with"), .value = "FILE"},
    {{NULL, "test-last", OPTION_SIZE, offsetof(struct csv_options, test_last), "", 1, 1e15, NULL,
      "or: test with the last N images of --train"},
     .value = "N"},
    {{NULL, "shape", OPTION_SHAPE, offsetof(struct csv_options, shape), NULL, 0, 0, NULL,
      "rows, columns and channels of an image"},
     .value = "HxWxC"},
    {{NULL, "label", OPTION_CHOICE, offsetof(struct csv_options, label), "last", 0, 0, "first|last",
      "where the class index stands in the line, first or last"},
     .value = "WHERE"},
    {{NULL, "max", OPTION_REAL, offsetof(struct csv_options, max), "255", 1e-30, 1e30, NULL,
      "value of the brightest pixel, which becomes 255"},
     .value = "X"},
    {.option = COMMAND_FLAG(csv_options, header, "header", "the first line holds names")},
    {CLASS_NAMES(csv_options), .value = "NAMES"},
    {.option = OVERWRITE(csv_options)},
};
static const struct argument_table csv_table = {csv_arguments, OPTION_COUNT(csv_arguments), out_operand, 1};

static const struct argument images_arguments[] = {
    {{NULL, "size", OPTION_PAIR, offsetof(struct images_options, size), "0", 0, 65536, NULL,
      "make all images so many pixels high and wide; 0: they have one size"},
     .value = "HxW"},
    {{NULL, "fit", OPTION_CHOICE, offsetof(struct images_options, fit), "crop", 0, 0, "crop|stretch",
      "how they get to --size: crop, the sides that overhang are cut off, or stretch"},
     .value = "HOW"},
    {{NULL, "channels", OPTION_SIZE, offsetof(struct images_options, channels), "", 1, 3, NULL,
      "1: all grey, 3: all in colour; left out: as the images are"},
     .value = "N"},
    {{NULL, "labels", OPTION_CHOICE, offsetof(struct images_options, labels), "folder", 0, 0, "folder|name",
      "where the class stands: folder, the one the file lies in, or name, what the file name begins with"},
     .value = "WHERE"},
    {COMMAND_TEXT(images_options, separator, "separator", "_", "what ends the class in the file name"),
     .value = "TEXT"},
    {{NULL, "test-fraction", OPTION_REAL, offsetof(struct images_options, test_fraction), "0", 0, 1, NULL,
      "share of each class to test with, where there are no folders train and test"},
     .value = "F"},
    {{NULL, "seed", OPTION_UINT64, offsetof(struct images_options, seed), "1", 0, 0, NULL,
      "of the drawing of these"},
     .value = "N"},
    {.option = COMMAND_FLAG(images_options, strict, "strict",
                            "a file that cannot be decoded ends it; otherwise it is listed and left out")},
    {.option =
         COMMAND_FLAG(images_options, overwrite, "overwrite", "replace OUT.h5 where it is there already")},
};
static const struct argument_table images_table = {images_arguments, OPTION_COUNT(images_arguments),
                                                   folder_operands, 2};

static const struct argument cifar_arguments[] = {
    {{NULL, "labels", OPTION_CHOICE, offsetof(struct cifar_options, labels), "fine", 0, 0, "fine|coarse",
      "of CIFAR-100: its 100 classes, fine, or its 20, coarse"},
     .value = "WHICH"},
    {.option =
         COMMAND_FLAG(cifar_options, overwrite, "overwrite", "replace OUT.h5 where it is there already")},
};
static const struct argument_table cifar_table = {cifar_arguments, OPTION_COUNT(cifar_arguments),
                                                  folder_operands, 2};

/* Without names the classes are called by their numbers, to the highest that there is. */
static enum status name_classes(struct class_names *names, const struct output_options *options,
                                const struct dataset_split *train, const struct dataset_split *test)
{
    if (options->class_names[0])
        return class_names_parse(names, options->class_names);
    return class_names_number(names, train->outputs > test->outputs ? train->outputs : test->outputs);
}

/* `test` without samples: there is none. */
static enum status write_named(const char *path, bool overwrite, const struct dataset_split *train,
                               const struct dataset_split *test, char **names, size_t name_count)
{
    char train_count[32], test_count[32], shape[64];
    const struct dataset_content content = {train, test->count ? test : NULL, (const char *const *)names,
                                            name_count};
    enum status status = dataset_write(path, &content, overwrite);
    if (!status)
        log_print("%s: %s training and %s test images of %s\n", path, text_count(train_count, train->count),
                  text_count(test_count, test->count), shape_text(shape, train->shape));
    return status;
}

static enum status write_output(const char *path, const struct output_options *options,
                                const struct dataset_split *train, const struct dataset_split *test)
{
    struct class_names names;
    enum status status = name_classes(&names, options, train, test);
    if (!status)
        status = write_named(path, options->overwrite, train, test, names.names, names.count);
    class_names_destroy(&names);
    return status;
}

static enum status import_idx_files(struct idx_options *options, const char *path)
{
    struct dataset_split train = {0}, test = {0};
    const char *const inputs[] = {options->train_images, options->train_labels, options->test_images,
                                  options->test_labels, class_names_file(options->output.class_names)};
    enum status status = output_allowed(path, options->output.overwrite, inputs, OPTION_COUNT(inputs));
    if (!status)
        status = import_idx(&train, "train", options->train_images, options->train_labels);
    if (!status)
        status = import_idx(&test, "test", options->test_images, options->test_labels);
    if (!status)
        status = write_output(path, &options->output, &train, &test);
    dataset_destroy(&train);
    dataset_destroy(&test);
    return status;
}

static enum status run_import_idx(const struct command *command, int argc, char **argv)
{
    struct idx_options options;
    const char *path = NULL;
    enum status status = arguments_parse(command->table, argc, argv, &options, &path);
    return status ? status : import_idx_files(&options, path);
}

static enum status import_csv_files(struct csv_options *options, const char *path)
{
    const struct import_csv_options layout = {options->shape, options->label == 0, options->header,
                                              options->max};
    struct dataset_split train = {0}, test = {0};
    const char *const inputs[] = {options->train, options->test,
                                  class_names_file(options->output.class_names)};
    enum status status = output_allowed(path, options->output.overwrite, inputs, OPTION_COUNT(inputs));
    if (!status)
        status = import_csv(&train, "train", options->train, &layout);
    if (!status && options->test[0])
        status = import_csv(&test, "test", options->test, &layout);
    else if (!status)
        status = import_csv_cut(&train, &test, "test", options->test_last);
    if (!status)
        status = write_output(path, &options->output, &train, &test);
    dataset_destroy(&train);
    dataset_destroy(&test);
    return status;
}

static enum status run_import_csv(const struct command *command, int argc, char **argv)
{
    struct csv_options options;
    const char *path = NULL;
    enum status status = arguments_parse(command->table, argc, argv, &options, &path);
    if (!status && (options.test[0] != 0) == (options.test_last != 0))
        status = status_set(STATUS_USAGE, "give either --test FILE or --test-last N");
    if (!status && !dataset_shape_possible(options.shape))
        status =
            status_set(STATUS_USAGE, "--shape = %zux%zux%zu: an image has at most %d numbers and %d channels",
                       options.shape.h, options.shape.w, options.shape.c, INT32_MAX, DATASET_CHANNELS_MAX);
    return status ? status : import_csv_files(&options, path);
}

static enum status check_images_options(const struct images_options *o)
{
    if ((o->size.h == 0) != (o->size.w == 0))
        return status_set(STATUS_USAGE, "--size %zux%zu: an image has at least one pixel", o->size.h,
                          o->size.w);
    if (o->channels == 2)
        return status_set(STATUS_USAGE, "--channels 2: 1 is grey, 3 is red, green and blue");
    if (o->labels && !o->separator[0])
        return status_set(STATUS_USAGE, "--separator is empty: what ends the class in the file name?");
    return STATUS_OK;
}

static enum status decode(struct dataset_split *split, const char *name, const struct image_list *list,
                          const struct image_split *images, const struct images_options *o,
                          const struct dataset_split *like, size_t *skipped)
{
    struct progress_bar bar = {.what = name};
    const struct import_images_options options = {.h = o->size.h,
                                                  .w = o->size.w,
                                                  .fit = (enum image_fit)o->fit,
                                                  .channels = o->channels,
                                                  .strict = o->strict,
                                                  .progress = progress_bar_show,
                                                  .user = &bar};
    size_t left_out = 0;
    enum status status = import_images(split, name, list, images, &options, like, &left_out);
    *skipped += left_out;
    return status;
}

static enum status import_folder(const struct images_options *o, const char *folder, const char *path)
{
    const struct image_list_options where = {o->labels == 1, o->separator, o->test_fraction, o->seed};
    struct dataset_split train = {0}, test = {0};
    struct image_list list = {0};
    size_t skipped = 0;
    enum status status = output_allowed(path, o->overwrite, NULL, 0);
    if (!status)
        status = image_list_read(&list, folder, &where);
    if (!status)
        status = decode(&train, "train", &list, &list.train, o, NULL, &skipped);
    if (!status && list.test.count)
        status = decode(&test, "test", &list, &list.test, o, &train, &skipped);
    if (!status)
        status = write_named(path, o->overwrite, &train, &test, list.class_names, list.class_count);
    if (!status && list.others)
        log_print("passed over, by their names no JPEG or PNG: %zu\n", list.others);
    if (!status && list.loose)
        log_print("passed over, in no class folder: %zu, the first is %s\n", list.loose, list.first_loose);
    if (!status && skipped)
        log_print("left out, not to be decoded: %zu (--strict makes that an error)\n", skipped);
    if (!status && !test.count)
        log_print("nothing to test with: --test-fraction F sets a share of each class aside\n");
    image_list_destroy(&list);
    dataset_destroy(&train);
    dataset_destroy(&test);
    return status;
}

static enum status run_import_images(const struct command *command, int argc, char **argv)
{
    struct images_options options;
    const char *operands[2] = {0};
    enum status status = arguments_parse(command->table, argc, argv, &options, operands);
    if (!status)
        status = check_images_options(&options);
    return status ? status : import_folder(&options, operands[0], operands[1]);
}

static enum status run_import_cifar(const struct command *command, int argc, char **argv)
{
    struct cifar_options options;
    const char *operands[2] = {0};
    struct dataset_split train = {0}, test = {0};
    struct class_names names = {0};
    enum status status = arguments_parse(command->table, argc, argv, &options, operands);
    if (!status)
        status = output_allowed(operands[1], options.overwrite, NULL, 0);
    if (!status)
        status = import_cifar(&train, &test, &names, operands[0], options.labels == 1);
    if (!status)
        status = write_named(operands[1], options.overwrite, &train, &test, names.names, names.count);
    dataset_destroy(&train);
    dataset_destroy(&test);
    class_names_destroy(&names);
    return status;
}

const struct command command_import_idx = {
    "import",
    "idx",
    "the IDX files of MNIST and its relatives",
    &idx_table,
    "[options] OUT.h5",
    "All four files are needed, plain or gzipped. For example, from Debian's package "
    "dataset-fashion-mnist:\n\n"
    "  F=/usr/share/datasets/fashion-mnist\n"
    "  cnn-data import idx \\\n"
    "    --train-images $F/train-images-idx3-ubyte.gz --train-labels $F/train-labels-idx1-ubyte.gz \\\n"
    "    --test-images $F/t10k-images-idx3-ubyte.gz --test-labels $F/t10k-labels-idx1-ubyte.gz \\\n"
    "    --class-names 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot' \\\n"
    "    fashion-mnist.h5\n",
    run_import_idx};

const struct command command_import_csv = {
    "import",
    "csv",
    "text files with a line of numbers per image",
    &csv_table,
    "[options] OUT.h5",
    "Files are plain or gzipped, numbers are separated by commas, semicolons or tabs; pixels go row by "
    "row,\n"
    "with the channels of a pixel side by side. For example, a table of 8x8 digits with values from 0 to "
    "16:\n\n"
    "  cnn-data import csv --train digits.csv.gz --test-last 360 --shape 8x8x1 --max 16 \\\n"
    "    --class-names 0,1,2,3,4,5,6,7,8,9 digits.h5\n\n"
    "or two files as they are found for MNIST, with the label in front and a line of names:\n\n"
    "  cnn-data import csv --train mnist_train.csv --test mnist_test.csv --shape 28x28x1 --label first "
    "--header \\\n"
    "    mnist.h5\n",
    run_import_csv};

const struct command command_import_images = {
    "import",
    "images",
    "a folder of JPEG and PNG files",
    &images_table,
    "[options] DIR OUT.h5",
    "A folder per class, below DIR or below DIR/train and DIR/test; or the class in the file names:\n\n"
    "  cnn-data import images --size 64x64 --test-fraction 0.2 photos photos.h5    photos/cat/1.jpg ...\n"
    "  cnn-data import images --labels name scans scans.h5                         scans/cat_1.png ...\n\n"
    "Classes are numbered in the order of their names. All cores decode.\n",
    run_import_images};

const struct command command_import_cifar = {
    "import",
    "cifar",
    "the binary files of CIFAR-10 and CIFAR-100",
    &cifar_table,
    "[options] DIR OUT.h5",
    "DIR is what the archive unpacks to, with data_batch_1.bin or train.bin in it:\n\n"
    "  cnn-data import cifar cifar-10-batches-bin cifar10.h5\n",
    run_import_cifar};
