#include "io/config.h"

#include "core/layer_rates.h"

#include <string.h>

enum { COLUMNS = 100, INDENT = 28 };

/* The examples, put one behind the other, are a configuration; the page shows them, and a test trains with
 * them. */
static const struct {
    const char *section, *help, *example;
} sections[] = {
    {"run", "What the run is called and where it leaves its files.",
     "; the second try of a run that is repeated with other random numbers\n"
     "[run]\n"
     "name   = digits-wide\n"
     "output = checkpoints/digits-wide-seed-2\n"
     "seed   = 2\n"},
    {"data",
     "What is learned from. Without a file only --dry-run, --benchmark and --check-gradients have "
     "something to do.",
     "[data]\n"
     "file = data/digits.h5         ; cnn-data info data/digits.h5 tells what is in it\n"},
    {"augment",
     "How training images are changed, anew in every epoch, so that the network does not learn "
     "them by heart: "
     "flipped, then shifted, then coloured, then cut out of, then blended. Test images stay as they are.",
     "; digits may stand a pixel or two elsewhere, but a mirrored one is another one or none\n"
     "[augment]\n"
     "pad        = 1                 ; shifted by up to 1 pixel\n"
     "brightness = 0.2\n"},
    {"network",
     "One line per layer, in order: NAME = TYPE option=value ... A layer reads the one in the "
     "line above, or those "
     "that from=NAME[,NAME] names; `from=input` is the image. Names are letters, digits, _, - and "
     "dots between them, at most 63. The last "
     "layer (softmax, sigmoid or linear) fixes the loss. Lines that come again and again are "
     "written once, in a section [block NAME], where "
     "`params = filters stride=1` gives names and defaults, `$filters` stands for the value, and `input` for "
     "what the block reads; a line `a = NAME filters=16` in [network] puts them in as a.conv1 and so on, and "
     "`from=a` names the last of them.",
     "; two groups with a way past their convolutions; 10 classes\n"
     "[network]\n"
     "stem  = conv2d filters=16 kernel=3 padding=1\n"
     "wide1 = residual filters=16\n"
     "pool  = maxpool size=2\n"
     "wide2 = residual filters=16\n"
     "mean  = globalavgpool\n"
     "fc    = dense units=10\n"
     "out   = softmax\n"
     "\n"
     "[block residual]\n"
     "params = filters kernel=3\n"
     "conv = conv2d filters=$filters kernel=$kernel padding=same bias=no\n"
     "bn   = batchnorm\n"
     "sum  = add from=bn,input      ; `input`: what the block reads, here `stem` and `pool`\n"
     "relu = relu\n"},
    {"train", "How it learns.",
     "; the rate rises for two epochs and falls in half a cosine until the twentieth\n"
     "[train]\n"
     "epochs       = 20\n"
     "batch        = 64                ; of all ranks together\n"
     "optimizer    = sgd\n"
     "lr           = 0.1\n"
     "momentum     = 0.9\n"
     "weight_decay = 0.0005\n"
     "schedule     = cosine\n"
     "warmup       = 2\n"},
    {"evaluate", "How the network is tested, in training and after it.",
     "[evaluate]\n"
     "every = 5                     ; epochs; the last is tested always\n"},
    {"distributed", "How the work is dealt out to the ranks.",
     "; the same bits on 1, 2, 4, 8 and 16 ranks\n"
     "[distributed]\n"
     "shards    = 16\n"
     "allreduce = tree\n"},
    {"checkpoint", "When the state of the run is saved. At the end it always is.",
     "; a node that dies costs five minutes of work; the disk holds three files at most, beside the best "
     "one\n"
     "[checkpoint]\n"
     "every = 5 minutes\n"
     "keep  = 3\n"},
};

static const char rates_help[] = "How a layer with weights learns.";

static size_t section_index(const char *section)
{
    size_t i = 0;
    while (i + 1 < sizeof sections / sizeof *sections && strcmp(sections[i].section, section))
        i++;
    return i;
}

/* Prints `text` from column `at` on, which is reached; further lines are indented to it. */
static void print_wrapped(FILE *out, size_t at, const char *text)
{
    size_t column = at;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column > at && column + 1 + length > COLUMNS) {
            fprintf(out, "\n%*s", (int)at, "");
            column = at;
        } else if (column > at) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)length, text);
        column += length;
        text += length;
        text += *text == ' ';
    }
    fputc('\n', out);
}

/* A row: `left` in the left column, what it is in the right one. */
static void print_row(FILE *out, const struct option *option, const char *left)
{
    char domain[OPTION_TEXT_MAX], text[2 * OPTION_TEXT_MAX];
    option_domain(option, domain);
    if (option->kind == OPTION_TEXT)
        snprintf(text, sizeof text, "%s", option->help);
    else
        snprintf(text, sizeof text, "%s (%s)", option->help, domain);
    int used = fprintf(out, "  %-*s", INDENT - 2, left);
    if (used > INDENT)
        fprintf(out, "\n%*s", INDENT, "");
    print_wrapped(out, INDENT, text);
}

static void print_keys(FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_key_count; i++) {
        const struct option *key = &config_keys[i];
        if (strcmp(section, key->section)) {
            section = key->section;
            fprintf(out, "\n[%s]\n", section);
            fprintf(out, "  ");
            print_wrapped(out, 2, sections[section_index(section)].help);
        }
        char left[OPTION_TEXT_MAX];
        snprintf(left, sizeof left, "%s =%s%.200s", key->name, key->fallback[0] ? " " : "", key->fallback);
        print_row(out, key, left);
    }
}

static void print_layers(FILE *out)
{
    fputs("\nLayer types and their options\n", out);
    for (size_t i = 0; i < layer_type_count; i++) {
        const struct layer_ops *type = layer_types[i];
        fprintf(out, "\n  %-*s", INDENT - 2, type->type);
        print_wrapped(out, INDENT, type->help);
        for (size_t j = 0; j < type->option_count; j++) {
            const struct option *option = &type->options[j];
            char left[OPTION_TEXT_MAX];
            snprintf(left, sizeof left, "  %s=%.200s", option->name,
                     option->fallback ? option->fallback : "...");
            print_row(out, option, left);
        }
    }
    fprintf(out, "\n  %-*s", INDENT - 2, "all of them");
    print_wrapped(out, INDENT, rates_help);
    for (size_t j = 0; j < layer_rates_option_count; j++) {
        char left[OPTION_TEXT_MAX];
        snprintf(left, sizeof left, "  %s=%.200s", layer_rates_options[j].name,
                 layer_rates_options[j].fallback);
        print_row(out, &layer_rates_options[j], left);
    }
}

static void help_text(FILE *out)
{
    print_wrapped(out, 0,
                  "A configuration is an INI file: [section] headers and `name = value` lines. `;` and `#` "
                  "begin a comment at the "
                  "start of a line or behind a blank. What is left out has the value shown here; options "
                  "shown as `...` must be "
                  "given. --set section.name=value changes a value, or a layer's line, on the command line.");
    print_keys(out);
    print_layers(out);
}

/* In a table's cell a bar would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    fputs("| ", out);
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\|" : "%c", *text);
    fputc(' ', out);
}

static void markdown_row(FILE *out, const struct option *option, const char *missing)
{
    char cell[OPTION_TEXT_MAX];
    snprintf(cell, sizeof cell, "`%s`", option->name);
    print_cell(out, cell);
    if (option->fallback && option->fallback[0])
        snprintf(cell, sizeof cell, "`%.200s`", option->fallback);
    else
        snprintf(cell, sizeof cell, "%s", option->fallback ? "" : missing);
    print_cell(out, cell);
    option_domain(option, cell);
    print_cell(out, cell);
    print_cell(out, option->help);
    fputs("|\n", out);
}

static void markdown_keys(FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_key_count; i++) {
        const struct option *key = &config_keys[i];
        if (strcmp(section, key->section)) {
            section = key->section;
            size_t at = section_index(section);
            fprintf(out, "\n## [%s]\n\n%s\n\n```ini\n%s```\n\n", section, sections[at].help,
                    sections[at].example);
            fputs("| key | default | value | meaning |\n| --- | --- | --- | --- |\n", out);
        }
        markdown_row(out, key, "");
    }
}

static void markdown_layers(FILE *out)
{
    fputs("\n## Layer types\n", out);
    for (size_t i = 0; i < layer_type_count; i++) {
        const struct layer_ops *type = layer_types[i];
        fprintf(out, "\n### %s\n\n%s\n", type->type, type->help);
        if (type->option_count)
            fputs("\n| option | default | value | meaning |\n| --- | --- | --- | --- |\n", out);
        for (size_t j = 0; j < type->option_count; j++)
            markdown_row(out, &type->options[j], "must be given");
    }
    fprintf(out,
            "\n### all of them\n\n%s\n\n| option | default | value | meaning |\n| --- | --- | --- | --- |\n",
            rates_help);
    for (size_t j = 0; j < layer_rates_option_count; j++)
        markdown_row(out, &layer_rates_options[j], "");
}

static void help_markdown(FILE *out)
{
    fputs("# Configuration reference\n\n"
          "Generated: `cnn-train --help-config=markdown > docs/configuration.md`. Do not edit.\n\n"
          "A configuration is an INI file: `[section]` headers and `name = value` lines.\n\n"
          "- `;` and `#` begin a comment at the start of a line, behind a blank, and where a value would "
          "begin.\n"
          "- Names and values are UTF-8 text.\n"
          "- Lines may be indented. There are no continuation lines and no quotes.\n"
          "- A section may come twice and goes on then; a key may not come twice in it.\n"
          "- What is left out has its default. Only `[network]` must be there, with a layer or more.\n"
          "- Paths are seen from the folder that the program is started in.\n"
          "- `--set section.name=value` on the command line changes a value, or replaces a layer's line: "
          "`--set train.lr=0.1`, `--set 'network.conv1=conv2d filters=8 kernel=3'`.\n",
          out);
    markdown_keys(out);
    markdown_layers(out);
}

void config_help(FILE *out, bool markdown)
{
    if (markdown)
        help_markdown(out);
    else
        help_text(out);
}
