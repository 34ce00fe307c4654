#include "io/output.h"

#include <sys/stat.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Links are followed here: through one the file would be read, too. */
static enum status check_inputs(const char *path, const char *const *inputs, size_t count)
{
    struct stat output, input;
    if (stat(path, &output))
        return STATUS_OK;
    for (size_t i = 0; i < count; i++)
        if (!stat(inputs[i], &input) && same_file(&output, &input))
            return status_set(STATUS_USAGE,
                              "%s: is the same file as %s, which is read: name another file to write", path,
                              inputs[i]);
    return STATUS_OK;
}

enum status output_allowed(const char *path, bool overwrite, const char *const *inputs, size_t count)
{
    struct stat info;
    if (lstat(path, &info))
        return STATUS_OK;
    if (S_ISDIR(info.st_mode))
        return status_set(STATUS_USAGE, "%s: is a folder; name the file to write", path);
    enum status status = check_inputs(path, inputs, count);
    if (status || overwrite)
        return status;
    return status_set(STATUS_USAGE, "%s: exists already; --overwrite replaces it", path);
}
