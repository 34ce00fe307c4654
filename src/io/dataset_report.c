#include "io/dataset_report.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BAR_WIDTH = 20, CLASSES_SHOWN = 50, CHANNELS_SHOWN = 8, NAME_WIDTH_MAX = 24 };

static const char *labels_text(char out[64], const struct dataset_split *split)
{
    if (split->classes)
        snprintf(out, 64, "%zu classes", split->outputs);
    else if (split->values)
        snprintf(out, 64, "%zu %s per sample", split->outputs, split->binary ? "times 0 or 1" : "floats");
    else
        snprintf(out, 64, "none");
    return out;
}

static void print_split(const struct dataset_split *split, FILE *out)
{
    char count[32], size[32], labels[64];
    if (!split)
        return;
    snprintf(size, sizeof size, "%zux%zux%zu", split->shape.h, split->shape.w, split->shape.c);
    fprintf(out, "  %-6s %9s   %-11s %-8s %s\n", split->name, text_count(count, split->count), size,
            split->is_float ? "float32" : "uint8", labels_text(labels, split));
}

/* Of one channel over all samples. */
struct spread {
    double low, high, mean, deviation;
};

static double value_at(const struct dataset_split *split, size_t i)
{
    return split->is_float ? (double)((const float *)split->images)[i]
                           : (double)((const unsigned char *)split->images)[i];
}

static struct spread spread_of(const struct dataset_split *split, size_t channel)
{
    size_t channels = split->shape.c, total = split->count * shape_count(split->shape);
    struct spread s = {INFINITY, -INFINITY, 0, 0};
    double n = (double)(total / channels);
    for (size_t i = channel; i < total; i += channels) {
        double value = value_at(split, i);
        s.low = fmin(s.low, value);
        s.high = fmax(s.high, value);
        s.mean += value / n;
    }
    for (size_t i = channel; i < total; i += channels)
        s.deviation += (value_at(split, i) - s.mean) * (value_at(split, i) - s.mean) / n;
    s.deviation = sqrt(s.deviation);
    return s;
}

static void print_values(const struct dataset_split *split, FILE *out)
{
    const struct normalization *n = &split->normalization;
    double unit = split->is_float ? 1 : 255;
    size_t shown = split->shape.c < CHANNELS_SHOWN ? split->shape.c : CHANNELS_SHOWN;
    fprintf(out, "\n  %-8s %9s %9s %9s %10s %14s %10s\n", "channel", "lowest", "highest", "mean", "deviation",
            n->present ? "stored mean" : "", n->present ? "stored std" : "");
    for (size_t c = 0; c < shown; c++) {
        struct spread s = spread_of(split, c);
        fprintf(out, "  %-8zu %9.5g %9.5g %9.4f %10.4f", c, s.low, s.high, s.mean / unit, s.deviation / unit);
        if (n->present)
            fprintf(out, " %14.4f %10.4f", (double)n->mean[c], (double)n->std[c]);
        fputc('\n', out);
    }
    if (shown < split->shape.c)
        fprintf(out, "  ... and %zu more channels\n", split->shape.c - shown);
    const char *value = split->is_float ? "value" : "pixel/255";
    fprintf(out, "  of the %s images; mean and deviation of %s. ", split->name, value);
    fprintf(out, n->present ? "The network sees (%s - mean)/std.\n" : "The network sees %s.\n", value);
}

static void print_bar(double share, bool utf8, FILE *out)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = (int)lround(share * BAR_WIDTH * 8), whole = utf8 ? eighths / 8 : (eighths + 4) / 8;
    eighths = eighths == 0 && share > 0 ? 1 : eighths;
    for (int i = 0; i < whole; i++)
        fputs(utf8 ? "█" : "#", out);
    fputs(utf8 ? parts[eighths % 8] : "", out);
    fprintf(out, "%*s", BAR_WIDTH - whole - (utf8 && eighths % 8), "");
}

struct histogram {
    size_t *counts, highest; /* of classes; counts owned, NULL: there is none */
};

/* Histogram of `classes` entries; empty where the split is not there, its labels are no classes, or memory is
 * short. */
static struct histogram count_classes(const struct dataset_split *split, size_t classes)
{
    struct histogram h = {split && split->classes ? calloc(classes, sizeof(size_t)) : NULL, 1};
    for (size_t i = 0; h.counts && i < split->count; i++) {
        size_t count = ++h.counts[split->classes[i]];
        h.highest = count > h.highest ? count : h.highest;
    }
    return h;
}

/* Characters, not bytes, of UTF-8. */
static int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void print_class(const struct dataset_split *names, size_t k, int width, FILE *out)
{
    const char *name = names->class_names && k < names->outputs ? names->class_names[k] : "";
    fprintf(out, "  %5zu  %s%*s", k, name, width > text_width(name) ? width - text_width(name) : 0, "");
}

static void print_count(const struct histogram *h, size_t k, bool utf8, FILE *out)
{
    char count[32];
    if (!h->counts)
        return;
    fprintf(out, " %9s ", text_count(count, h->counts[k]));
    print_bar((double)h->counts[k] / (double)h->highest, utf8, out);
}

static void print_histogram(const struct dataset_split *train, const struct dataset_split *test, bool utf8,
                            FILE *out)
{
    const struct dataset_split *names = train && train->classes ? train : test;
    size_t classes = 0;
    if (train && train->classes)
        classes = train->outputs;
    if (test && test->classes && test->outputs > classes)
        classes = test->outputs;
    if (!classes)
        return;
    struct histogram a = count_classes(train, classes), b = count_classes(test, classes);
    size_t shown = classes <= CLASSES_SHOWN ? classes : CLASSES_SHOWN;
    int width = 0;
    for (size_t k = 0; names->class_names && k < shown && k < names->outputs; k++)
        width = text_width(names->class_names[k]) > width ? text_width(names->class_names[k]) : width;
    width = width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
    fprintf(out, "\n  class  %*s", width, "");
    fprintf(out, "%s%*s%s\n", a.counts ? "     train " : "", a.counts && b.counts ? BAR_WIDTH : 0, "",
            b.counts ? "      test" : "");
    for (size_t k = 0; k < shown; k++) {
        print_class(names, k, width, out);
        print_count(&a, k, utf8, out);
        print_count(&b, k, utf8, out);
        fputc('\n', out);
    }
    if (shown < classes)
        fprintf(out, "  ... and %zu more classes\n", classes - shown);
    free(a.counts);
    free(b.counts);
}

void dataset_report(const struct dataset_split *train, const struct dataset_split *test, bool utf8, FILE *out)
{
    const struct dataset_split *first = train ? train : test;
    struct stat info;
    char size[32];
    fprintf(out, "%s", first->path);
    if (!stat(first->path, &info))
        fprintf(out, " (%s%s)", text_bytes(size, (double)info.st_size),
                first->sealed ? ", as it was written: its digest is right" : "");
    fprintf(out, "\n\n  %-6s %9s   %-11s %-8s %s\n", "split", "images", "size", "type", "labels");
    print_split(train, out);
    print_split(test, out);
    print_values(first, out);
    print_histogram(train, test, utf8, out);
}
