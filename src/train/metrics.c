#include "train/metrics.h"

#include "io/file.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] =
    "epoch,step,samples,train_loss,train_accuracy,test_loss,test_accuracy,learning_rate,"
    "images_per_s,seconds\n";

enum { LINE_MAX_BYTES = 512 };

static void metrics_path(const char *folder, char path[FILE_PATH_MAX])
{
    snprintf(path, FILE_PATH_MAX, "%.1000s/metrics.csv", folder);
}

static enum status cannot(const char *path)
{
    return file_failure(STATUS_CHECKPOINT, errno, "write", path);
}

/* As many fields as the header has, and first the numbers of epoch and step. */
static bool is_row(const char *line, unsigned long long *epoch)
{
    size_t missing = 0;
    for (const char *c = header; *c; c++)
        missing += *c == ',';
    for (const char *c = line; *c; c++)
        missing -= *c == ',';
    unsigned long long step;
    return missing == 0 && sscanf(line, "%llu,%llu,", epoch, &step) == 2;
}

/* Lines of the old file whose epoch is not beyond `epochs`; what is not a line of ours is dropped. False
 * where it cannot be read. */
static bool copy_rows(FILE *from, FILE *to, uint64_t epochs)
{
    char line[LINE_MAX_BYTES];
    bool begins = true; /* else it is the rest of a line that is too long */
    while (fgets(line, sizeof line, from)) {
        unsigned long long epoch;
        bool ends = strchr(line, '\n') != NULL;
        if (begins && ends && is_row(line, &epoch) && epoch <= epochs)
            fputs(line, to);
        begins = ends;
    }
    return !ferror(from);
}

enum status metrics_start(const char *folder, uint64_t epochs)
{
    char path[FILE_PATH_MAX], temporary[FILE_PATH_MAX];
    metrics_path(folder, path);
    enum status status = file_begin(path, STATUS_CHECKPOINT, temporary);
    if (status)
        return status;
    FILE *old = epochs ? fopen(path, "r") : NULL;
    if (epochs && !old && errno != ENOENT) {
        status = file_failure(STATUS_CHECKPOINT, errno, "read", path);
        file_abandon(temporary);
        return status;
    }
    FILE *file = fopen(temporary, "w");
    bool read = true, good = file && fputs(header, file) >= 0;
    if (good && old)
        read = copy_rows(old, file, epochs);
    if (old)
        fclose(old);
    good = good && !ferror(file);
    if (file)
        good = fclose(file) == 0 && good;
    if (read)
        status = good ? file_commit(temporary, path, STATUS_CHECKPOINT) : cannot(path);
    else
        status = status_set(STATUS_CHECKPOINT, "cannot read %s: an input or output error", path);
    file_abandon(temporary);
    return status;
}

/* A comma and the number, or nothing behind the comma where there is none. */
static size_t put(char *line, size_t used, const char *format, double value)
{
    line[used++] = ',';
    return used + (isfinite(value) ? (size_t)snprintf(line + used, LINE_MAX_BYTES - used, format, value) : 0);
}

static void write_row(FILE *file, const struct metrics_row *row)
{
    char line[LINE_MAX_BYTES];
    size_t used = (size_t)snprintf(line, sizeof line, "%llu,%llu,%llu", (unsigned long long)row->epoch,
                                   (unsigned long long)row->step, (unsigned long long)row->samples);
    used = put(line, used, "%.6f", loss_mean(row->train));
    used = put(line, used, "%.6f", loss_accuracy(row->train));
    used = put(line, used, "%.6f", loss_mean(row->test));
    used = put(line, used, "%.6f", loss_accuracy(row->test));
    used = put(line, used, "%.6g", row->learning_rate);
    used = put(line, used, "%.1f", row->images_per_s);
    used = put(line, used, "%.3f", row->seconds);
    line[used] = 0;
    fprintf(file, "%s\n", line);
}

enum status metrics_append(const char *folder, const struct metrics_row *rows)
{
    char path[FILE_PATH_MAX];
    struct stat before;
    metrics_path(folder, path);
    FILE *file = fopen(path, "a");
    if (!file)
        return cannot(path);
    bool statted = !fstat(fileno(file), &before), good = statted;
    if (statted && before.st_size == 0)
        fputs(header, file);
    for (const struct metrics_row *row = rows; row; row = row->next)
        write_row(file, row);
    good = good && !ferror(file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
    enum status status = good ? STATUS_OK : cannot(path);
    if (fclose(file) && !status)
        status = cannot(path);
    if (status && statted && truncate(path, before.st_size))
        status = status_prefix(status, "a part of a line may be left: ");
    return status;
}
