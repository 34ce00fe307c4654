#include "io/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 1 << 20, NAME_WIDTH_MAX = 20 };

static enum status read_open(const char *path, FILE *file, char **text)
{
    struct stat about;
    if (!fstat(fileno(file), &about) && S_ISDIR(about.st_mode))
        return status_set(STATUS_USAGE, "%s: this is a folder, not a configuration file", path);
    char *buffer = malloc(FILE_BYTES_MAX + 2);
    if (!buffer)
        return status_no_memory(path, FILE_BYTES_MAX + 2);
    size_t size = fread(buffer, 1, FILE_BYTES_MAX + 1, file);
    buffer[size] = 0;
    enum status status = STATUS_OK;
    if (ferror(file))
        status = status_set(STATUS_USAGE, "%s: cannot be read: %s", path, strerror(errno));
    else if (size > FILE_BYTES_MAX)
        status = status_set(STATUS_USAGE, "%s: longer than 1 MiB, this is no configuration file", path);
    else if (strlen(buffer) != size)
        status =
            status_set(STATUS_USAGE, "%s: there is a zero byte in it, this is no configuration file", path);
    if (status)
        free(buffer);
    else
        *text = buffer;
    return status;
}

enum status config_read_text(const char *path, char **text)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return status_set(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    enum status status = read_open(path, file, text);
    fclose(file);
    return status;
}

/* How far names reach in a section, so that the equals signs stand below each other. */
static int name_width(const struct config *config, const char *section)
{
    size_t width = 0;
    for (size_t i = 0; i < config_key_count; i++)
        if (!strcmp(config_keys[i].section, section) && strlen(config_keys[i].name) > width)
            width = strlen(config_keys[i].name);
    for (size_t i = 0; !strcmp(section, "network") && i < config->network.line_count; i++)
        if (strlen(config->network.lines[i].name) > width)
            width = strlen(config->network.lines[i].name);
    return width < NAME_WIDTH_MAX ? (int)width : NAME_WIDTH_MAX;
}

static void write_line(FILE *out, int width, const char *name, const char *value)
{
    fprintf(out, "%-*s =%s%s\n", width, name, value[0] ? " " : "", value);
}

static void write_config(FILE *out, const struct config *config)
{
    const char *section = NULL;
    int width = 0;
    fputs("; the configuration in effect, written by cnn-train " CNN_VERSION "\n", out);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct option *key = &config_keys[i];
        if (!section || strcmp(section, key->section)) {
            section = key->section;
            width = name_width(config, section);
            fprintf(out, "\n[%s]\n", section);
        }
        char value[OPTION_TEXT_MAX];
        option_format(key, config, value);
        if (strcmp(value, key->fallback) || value[0])
            write_line(out, width, key->name, value);
        bool section_ends = i + 1 == config_key_count || strcmp(section, config_keys[i + 1].section);
        for (size_t j = 0; section_ends && !strcmp(section, "network") && j < config->network.line_count; j++)
            write_line(out, width, config->network.lines[j].name, config->network.lines[j].text);
    }
}

enum status config_text(const struct config *config, char **text)
{
    size_t size = 0;
    FILE *out = open_memstream(text, &size);
    if (!out)
        return status_no_memory("the configuration's text", 0);
    write_config(out, config);
    bool failed = ferror(out) != 0;
    if (fclose(out) || failed) {
        free(*text);
        *text = NULL;
        return status_no_memory("the configuration's text", size);
    }
    return STATUS_OK;
}
