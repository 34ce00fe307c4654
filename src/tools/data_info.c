/* cnn-data info: what is in a dataset, and how it looks. */
#include "core/log.h"
#include "io/contact_sheet.h"
#include "io/dataset_report.h"
#include "io/output.h"
#include "tools/command.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct info_options {
    char png[OPTION_TEXT_MAX];
    size_t images;
    bool overwrite;
};

static const char *const file_operand[] = {"FILE.h5"};

static const struct argument info_arguments[] = {
    {COMMAND_TEXT(info_options, png, "png", "", "draw the first images of each class, a row per class"),
     .value = "OUT.png"},
    {{NULL, "images", OPTION_SIZE, offsetof(struct info_options, images), "10", 0, 100, NULL,
      "images per class in the PNG; 0: none, on the terminal neither"},
     .value = "N"},
    {.option =
         COMMAND_FLAG(info_options, overwrite, "overwrite", "replace OUT.png where it is there already")},
};
static const struct argument_table info_table = {info_arguments, OPTION_COUNT(info_arguments), file_operand,
                                                 1};

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
    bool has_test = false, has_train = false;
    if (!status)
        status = dataset_exists(path, "test", &has_test);
    if (!status)
        status = dataset_exists(path, "train", &has_train);
    if (!status && (has_train || !has_test))
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

const struct command command_info = {
    NULL,
    "info",
    "what is in a dataset, and how it looks",
    &info_table,
    "[options] FILE.h5",
    "Prints shapes, types, values and a histogram of the classes, and on a terminal an image of each "
    "class.\n\n"
    "  cnn-data info digits.h5\n"
    "  cnn-data info --png digits.png --images 20 digits.h5\n",
    run_info};
