/* Makes datasets for cnn-train, and shows what is in them. */
#include "core/build_info.h"
#include "core/log.h"
#include "core/text.h"
#include "io/class_names.h"
#include "io/contact_sheet.h"
#include "io/dataset_report.h"
#include "io/dataset_writer.h"
#include "io/guard.h"
#include "io/import_csv.h"
#include "io/import_idx.h"
#include "io/output.h"
#include "tools/arguments.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COMMANDS_MAX = 32 };

struct command {
    const char *group, *name, *summary; /* group NULL: a command of one word */
    const struct argument_table *table;
    const char *usage, *notes;
    enum status (*run)(const struct command *command, int argc, char **argv);
};

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

struct info_options {
    char png[OPTION_TEXT_MAX];
    size_t images;
    bool overwrite;
};

#define TEXT(structure, member, name, fallback, help)                                                        \
    {                                                                                                        \
        NULL, name, OPTION_TEXT, offsetof(struct structure, member), fallback, 0, 0, NULL, help              \
    }
#define FLAG(structure, member, name, help)                                                                  \
    {                                                                                                        \
        NULL, name, OPTION_BOOL, offsetof(struct structure, member), "no", 0, 0, NULL, help                  \
    }
#define CLASS_NAMES(structure)                                                                               \
    TEXT(structure, output.class_names, "class-names", "",                                                   \
         "the classes from 0 on: A,B,..., or @FILE with a name per line; left out: their numbers")
#define OVERWRITE(structure)                                                                                 \
    FLAG(structure, output.overwrite, "overwrite", "replace OUT.h5 where it is there already")

static const char *const out_operand[] = {"OUT.h5"}, *const file_operand[] = {"FILE.h5"};

static const struct argument idx_arguments[] = {
    {TEXT(idx_options, train_images, "train-images", NULL, "images to train with: N x H x W (x C) bytes"),
     .value = "FILE"},
    {TEXT(idx_options, train_labels, "train-labels", NULL, "their class indices: N bytes"), .value = "FILE"},
    {TEXT(idx_options, test_images, "test-images", NULL, "images to test with, of the same size"),
     .value = "FILE"},
    {TEXT(idx_options, test_labels, "test-labels", NULL, "their class indices"), .value = "FILE"},
    {CLASS_NAMES(idx_options), .value = "NAMES"},
    {.option = OVERWRITE(idx_options)},
};
static const struct argument_table idx_table = {idx_arguments, OPTION_COUNT(idx_arguments), out_operand, 1};

static const struct argument csv_arguments[] = {
    {TEXT(csv_options, train, "train", NULL, "a line per image: its pixels and its class index"),
     .value = "FILE"},
    {TEXT(csv_options, test, "test", "", "the same, to test with"), .value = "FILE"},
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
    {.option = FLAG(csv_options, header, "header", "the first line holds names")},
    {CLASS_NAMES(csv_options), .value = "NAMES"},
    {.option = OVERWRITE(csv_options)},
};
static const struct argument_table csv_table = {csv_arguments, OPTION_COUNT(csv_arguments), out_operand, 1};

static const struct argument info_arguments[] = {
    {TEXT(info_options, png, "png", "", "draw the first images of each class, a row per class"),
     .value = "OUT.png"},
    {{NULL, "images", OPTION_SIZE, offsetof(struct info_options, images), "10", 0, 100, NULL,
      "images per class in the PNG; 0: none, on the terminal neither"},
     .value = "N"},
    {.option = FLAG(info_options, overwrite, "overwrite", "replace OUT.png where it is there already")},
};
static const struct argument_table info_table = {info_arguments, OPTION_COUNT(info_arguments), file_operand,
                                                 1};

/* Without names the classes are called by their numbers, to the highest that there is. */
static enum status name_classes(struct class_names *names, const struct output_options *options,
                                const struct dataset_split *train, const struct dataset_split *test)
{
    if (options->class_names[0])
        return class_names_parse(names, options->class_names);
    return class_names_number(names, train->outputs > test->outputs ? train->outputs : test->outputs);
}

static enum status write_output(const char *path, const struct output_options *options,
                                const struct dataset_split *train, const struct dataset_split *test)
{
    struct class_names names;
    char train_count[32], test_count[32], shape[64];
    enum status status = name_classes(&names, options, train, test);
    const struct dataset_content content = {train, test, (const char *const *)names.names, names.count};
    if (!status)
        status = dataset_write(path, &content, options->overwrite);
    if (!status)
        log_print("%s: %s training and %s test images of %s\n", path, text_count(train_count, train->count),
                  text_count(test_count, test->count), shape_text(shape, train->shape));
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

static bool utf8_terminal(void)
{
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static enum contact_sheet_blocks terminal_blocks(void)
{
    const char *kind = getenv("TERM"), *colour = getenv("COLORTERM"), *plain = getenv("NO_COLOR");
    if (!utf8_terminal())
        return CONTACT_SHEET_ASCII;
    if ((plain && plain[0]) || !kind || !strcmp(kind, "dumb"))
        return CONTACT_SHEET_SHADES;
    if (colour && (!strcmp(colour, "truecolor") || !strcmp(colour, "24bit")))
        return CONTACT_SHEET_TRUECOLOR;
    return strstr(kind, "256color") ? CONTACT_SHEET_PALETTE : CONTACT_SHEET_SHADES;
}

static size_t terminal_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static enum status show_images(const struct dataset_split *split, const struct info_options *options)
{
    bool drawn = options->png[0], shown = !drawn && isatty(STDOUT_FILENO);
    if (options->images == 0 || (!drawn && !shown))
        return STATUS_OK;
    struct contact_sheet sheet;
    enum status status = contact_sheet_pick(&sheet, split, options->images);
    if (!status && drawn)
        status = contact_sheet_png(&sheet, split, options->png);
    if (!status && drawn)
        log_print("\n%s: the first images of %s\n", options->png,
                  split->classes ? "each class, a row per class" : "the file");
    if (!status && shown) {
        fputc('\n', stdout);
        contact_sheet_print(&sheet, split, terminal_blocks(), terminal_width(), stdout);
    }
    contact_sheet_destroy(&sheet);
    return status;
}

static enum status show_file(const char *path, const struct info_options *options)
{
    struct dataset_split train = {0}, test = {0};
    enum status status =
        options->png[0] ? output_allowed(options->png, options->overwrite, &path, 1) : STATUS_OK;
    bool has_test = dataset_exists(path, "test"), has_train = dataset_exists(path, "train") || !has_test;
    if (!status && has_train)
        status = dataset_read(&train, path, "train", false);
    if (!status && has_test)
        status = dataset_read(&test, path, "test", false);
    if (!status) {
        dataset_report(has_train ? &train : NULL, has_test ? &test : NULL, utf8_terminal(), stdout);
        status = show_images(has_train ? &train : &test, options);
    }
    dataset_destroy(&train);
    dataset_destroy(&test);
    return status;
}

static enum status run_info(const struct command *command, int argc, char **argv)
{
    struct info_options options;
    const char *path = NULL;
    enum status status = arguments_parse(command->table, argc, argv, &options, &path);
    return status ? status : show_file(path, &options);
}

static const struct command commands[] = {
    {"import", "idx", "the IDX files of MNIST and its relatives", &idx_table, "[options] OUT.h5",
     "All four files are needed, plain or gzipped. For example, from Debian's package "
     "dataset-fashion-mnist:\n\n"
     "  F=/usr/share/datasets/fashion-mnist\n"
     "  cnn-data import idx \\\n"
     "    --train-images $F/train-images-idx3-ubyte.gz --train-labels $F/train-labels-idx1-ubyte.gz \\\n"
     "    --test-images $F/t10k-images-idx3-ubyte.gz --test-labels $F/t10k-labels-idx1-ubyte.gz \\\n"
     "    --class-names 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot' \\\n"
     "    fashion-mnist.h5\n",
     run_import_idx},
    {"import", "csv", "text files with a line of numbers per image", &csv_table, "[options] OUT.h5",
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
     run_import_csv},
    {NULL, "info", "what is in a dataset, and how it looks", &info_table, "[options] FILE.h5",
     "Prints shapes, types, values and a histogram of the classes, and on a terminal an image of each "
     "class.\n\n"
     "  cnn-data info digits.h5\n"
     "  cnn-data info --png digits.png --images 20 digits.h5\n",
     run_info},
};

static void print_command_help(const struct command *c)
{
    printf("usage: cnn-data %s%s%s %s\n\n%s%s.\n\n", c->group ? c->group : "", c->group ? " " : "", c->name,
           c->usage, c->group ? "Makes a dataset from " : "Tells ", c->summary);
    arguments_help(c->table, stdout);
    printf("\n%s", c->notes);
}

/* Of the whole program, or of one group. */
static void print_help(const char *group)
{
    if (group)
        printf("usage: cnn-data %s KIND [options] OUT.h5\n\nMakes a dataset for cnn-train from\n\n", group);
    else
        printf("usage: cnn-data COMMAND [options] FILE.h5\n\n"
               "Makes datasets for cnn-train, HDF5 files, and shows what is in them.\n\n");
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        const struct command *c = &commands[i];
        char words[64];
        snprintf(words, sizeof words, "%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
        if (!group || (c->group && !strcmp(group, c->group)))
            printf("  %-12s %s\n", group ? c->name : words, c->summary);
    }
    printf("\n  cnn-data %s --help tells the options of one%s\n", group ? "import KIND" : "COMMAND",
           group ? "" : "; cnn-data --version the version");
}

static enum status unknown_command(const char *group, const char *word)
{
    const char *words[COMMANDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        const struct command *c = &commands[i];
        if (!group)
            words[count++] = c->group ? c->group : c->name;
        else if (c->group && !strcmp(group, c->group))
            words[count++] = c->name;
    }
    const char *nearest = text_nearest(word, words, count);
    return status_set(STATUS_USAGE, "unknown command '%s%s%s'%s%s%s%s%s (see cnn-data --help)",
                      group ? group : "", group ? " " : "", word, nearest ? ", did you mean '" : "",
                      nearest && group ? group : "", nearest && group ? " " : "", nearest ? nearest : "",
                      nearest ? "'?" : "");
}

static enum status run_command(const struct command *command, int argc, char **argv)
{
    if (arguments_want_help(argc, argv)) {
        print_command_help(command);
        return STATUS_OK;
    }
    return command->run(command, argc, argv);
}

static enum status run_group(const char *group, int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(group);
        return STATUS_OK;
    }
    for (size_t i = 0; i < OPTION_COUNT(commands); i++)
        if (commands[i].group && !strcmp(commands[i].group, group) && !strcmp(commands[i].name, argv[1]))
            return run_command(&commands[i], argc - 1, argv + 1);
    return unknown_command(group, argv[1]);
}

static enum status run(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(NULL);
        return STATUS_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("cnn-data %s (%s)\n", build_version(), build_commit());
        return STATUS_OK;
    }
    for (size_t i = 0; i < OPTION_COUNT(commands); i++) {
        if (commands[i].group && !strcmp(commands[i].group, argv[1]))
            return run_group(commands[i].group, argc - 1, argv + 1);
        if (!commands[i].group && !strcmp(commands[i].name, argv[1]))
            return run_command(&commands[i], argc - 1, argv + 1);
    }
    return unknown_command(NULL, argv[1]);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    guard_allow(_exit);
    enum status status = run(argc, argv);
    if (!status && fflush(stdout))
        status = status_set(STATUS_INTERNAL, "cannot write to standard output: %s", strerror(errno));
    if (status)
        log_error("%s", status_message());
    exit((int)status);
}
